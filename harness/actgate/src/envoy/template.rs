//! Bootstrap files with `${NAME}` placeholders.
//!
//! Guaranteed: what is rendered has no placeholder left and used every value given, so a misspelt name cannot pass.
//! A value lands where a person would have typed it: on one line between quotes, or as lines indented like the placeholder
//! that stands alone on its line.
//! Absent on purpose: conditions, loops and defaults. The template is the file a person would fill in by hand.

use std::collections::BTreeMap;
use std::fmt;

/// The text of a bootstrap with its placeholders still in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// Takes the text of a template.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The template without its parts called `name`: the lines from `# begin name` to `# end name`.
    ///
    /// # Errors
    ///
    /// There is no such part, or one does not end.
    pub fn without(&self, name: &str) -> Result<Self, TemplateError> {
        let (begin, end) = (format!("# begin {name}"), format!("# end {name}"));
        let (mut kept, mut parts, mut inside) = (String::new(), 0, false);
        for line in self.0.split_inclusive('\n') {
            match line.trim() {
                mark if !inside && mark == begin => (parts, inside) = (parts + 1, true),
                mark if inside && mark == end => inside = false,
                _ if inside => {}
                _ => kept.push_str(line),
            }
        }
        if parts == 0 || inside {
            return Err(TemplateError::Part(name.to_owned()));
        }
        Ok(Self(kept))
    }

    /// Puts every value in its place.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] for the first placeholder without a value, value without a placeholder, or value that does not fit its place.
    pub fn render<'a>(&self, values: impl IntoIterator<Item = (&'a str, String)>) -> Result<String, TemplateError> {
        let values: BTreeMap<&str, String> = values.into_iter().collect();
        let mut unused: BTreeMap<&str, &String> = values.iter().map(|(name, value)| (*name, value)).collect();
        let mut rendered = String::new();
        for line in self.0.split_inclusive('\n') {
            let mut rest = line;
            while let Some((before, after)) = rest.split_once("${") {
                let (name, after) =
                    after.split_once('}').ok_or_else(|| TemplateError::Unclosed(line.trim().to_owned()))?;
                let value = values.get(name).ok_or_else(|| TemplateError::Unfilled(name.to_owned()))?;
                unused.remove(name);
                rendered.push_str(before);
                let alone = line.trim().strip_prefix("${").and_then(|line| line.strip_suffix('}')) == Some(name);
                rendered.push_str(&fit(name, value, alone.then_some(before))?);
                rest = after;
            }
            rendered.push_str(rest);
        }
        match unused.keys().next() {
            Some(name) => Err(TemplateError::Unknown((*name).to_owned())),
            None => Ok(rendered),
        }
    }
}

/// What a value becomes in the file; `indent` is given where the placeholder is alone on its line, in a YAML block.
fn fit(name: &str, value: &str, indent: Option<&str>) -> Result<String, TemplateError> {
    let bad = |character: &char| match indent {
        Some(_) => character.is_control() && *character != '\n',
        // These would end or change the quoted YAML scalar around the value.
        None => character.is_control() || matches!(character, '"' | '\'' | '\\'),
    };
    if let Some(character) = value.chars().find(bad) {
        return Err(TemplateError::Character { name: name.to_owned(), character });
    }
    let Some(indent) = indent else { return Ok(value.to_owned()) };
    Ok(value.trim_end_matches('\n').replace('\n', &format!("\n{indent}")))
}

/// Why a template could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// The value of the placeholder `name` has a character that cannot stand there.
    Character {
        /// The placeholder.
        name: String,
        /// The character.
        character: char,
    },
    /// There is no part of that name, or it does not end.
    Part(String),
    /// A placeholder has no closing brace; the line.
    Unclosed(String),
    /// A placeholder has no value.
    Unfilled(String),
    /// A value has no placeholder.
    Unknown(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character { name, character } => {
                write!(f, "the value of placeholder `{name}` has {character:?}, which cannot stand there")
            }
            Self::Part(name) => write!(f, "there is no part between `# begin {name}` and `# end {name}`"),
            Self::Unclosed(line) => write!(f, "a placeholder is not closed in `{line}`"),
            Self::Unfilled(name) => write!(f, "placeholder `{name}` has no value"),
            Self::Unknown(name) => write!(f, "there is no placeholder `{name}`"),
        }
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, values: &[(&str, &str)], want: Result<&str, TemplateError>) {
        let values = values.iter().map(|(name, value)| (*name, (*value).to_owned()));
        assert_eq!(Template::new(template).render(values), want.map(str::to_owned), "{template:?}");
    }

    #[test]
    fn every_value_lands_in_its_place_once() {
        check("a: 1\n", &[], Ok("a: 1\n"));
        check("a: \"${HOST}:${PORT}\"\nb: ${PORT}", &[("HOST", "h"), ("PORT", "1")], Ok("a: \"h:1\"\nb: 1"));
        check("v: |\n  ${TEXT}\nw: 1\n", &[("TEXT", "{\n  \"a\": 1\n}\n")], Ok("v: |\n  {\n    \"a\": 1\n  }\nw: 1\n"));
        check("a: ${A}\n", &[("A", "${B}")], Ok("a: ${B}\n"));
    }

    #[test]
    fn nothing_is_left_unfilled_or_unused() {
        check("a: ${A}\n", &[], Err(TemplateError::Unfilled("A".into())));
        check("a: ${}\n", &[], Err(TemplateError::Unfilled(String::new())));
        check("a: ${A}\n", &[("A", "1"), ("B", "2")], Err(TemplateError::Unknown("B".into())));
        check("a: ${A\n", &[("A", "1")], Err(TemplateError::Unclosed("a: ${A".into())));
    }

    #[test]
    fn a_value_cannot_break_out_of_its_line() {
        for character in ['"', '\'', '\\', '\n', '\u{7f}'] {
            let value = format!("x{character}y");
            check("a: \"${A}\"\n", &[("A", &value)], Err(TemplateError::Character { name: "A".into(), character }));
        }
        check("v: |\n  ${A}\n", &[("A", "x\ry")], Err(TemplateError::Character { name: "A".into(), character: '\r' }));
    }

    #[test]
    fn a_part_is_left_out_wherever_it_stands() {
        let template = Template::new("a\n  # begin tls\n  b\n  # end tls\nc\n# begin tls\nd\n# end tls\n");
        assert_eq!(template.without("tls"), Ok(Template::new("a\nc\n")));
        assert_eq!(template.without("mtls"), Err(TemplateError::Part("mtls".into())));
        assert_eq!(Template::new("# begin tls\na\n").without("tls"), Err(TemplateError::Part("tls".into())));
    }
}
