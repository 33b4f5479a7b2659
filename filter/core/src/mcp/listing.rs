//! Lists of tools, prompts and resources, cut down to what this chain may call, and shown under the names it calls them by.
//!
//! A message is edited where it stands: what is kept goes on byte for byte. One that cannot be read in exactly one way is refused whole.
//! What is withheld is counted and named.

use core::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::asker::Asker;
use crate::config::{McpPolicy, Needs};
use crate::delegation::policy::AuthorizedDelegation;
use crate::json::{self, span};
use crate::limits::{JSON_DEPTH_MAX, WITHHELD_NAMES_MAX};
use crate::observed::Watched;
use crate::rpc::{MEMBERS, refuse_look_alikes};
use crate::spelling::alike;

/// The member that holds a list, and the member of its elements that names them.
pub(super) const LISTS: [(&str, &str, Kind); 4] = [
    ("tools", "name", Kind::Tools),
    ("prompts", "name", Kind::Prompts),
    ("resources", "uri", Kind::Resources),
    ("resourceTemplates", "uriTemplate", Kind::Templates),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tools,
    Prompts,
    Resources,
    Templates,
}

/// Whether a method asks for such a list.
pub(super) fn is_listing(method: &str) -> bool {
    ["tools/list", "prompts/list", "resources/list", "resources/templates/list"].contains(&method)
}

/// What of a list one chain may see.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    policy: Arc<McpPolicy>,
    delegation: Arc<AuthorizedDelegation>,
    /// What a rule would refuse that is observed may be called, and so is shown.
    watched: Watched,
}

/// A message that cannot be read in exactly one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// A message after its list was cut down.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The message; `None` where it goes on as it is.
    pub(crate) message: Option<String>,
    /// How many entries of the upstream are not in it.
    pub(crate) withheld: usize,
    /// The first of their names, if plain.
    pub(crate) names: Vec<String>,
}

/// Texts to be put in place of others, in the order in which they stand.
#[derive(Default)]
struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    fn apply(mut self, text: &str) -> Result<String, Unreadable> {
        self.0.sort_by_key(|(at, _)| at.start);
        let mut edited = String::with_capacity(text.len());
        let mut from = 0;
        for (at, new) in self.0 {
            edited.push_str(text.get(from..at.start).ok_or(Unreadable)?);
            edited.push_str(&new);
            from = at.end;
        }
        edited.push_str(text.get(from..).ok_or(Unreadable)?);
        Ok(edited)
    }
}

impl Listing {
    pub(crate) fn new(policy: &Arc<McpPolicy>, asker: &Asker<'_>) -> Self {
        let delegation = Arc::clone(asker.delegation());
        Self { policy: Arc::clone(policy), delegation, watched: asker.watched().clone() }
    }

    /// The same as [`Self::show`] of all messages of an event: one, or an array of them (MCP 2025-03-26).
    pub(super) fn show_messages(&self, messages: &[u8]) -> Result<Shown, Unreadable> {
        let text = json::text(messages).map_err(|_| Unreadable)?;
        let whole = span::whole(text);
        if text.as_bytes().get(whole.start) != Some(&b'[') {
            return self.show(messages);
        }
        json::parse_outline_text(text, JSON_DEPTH_MAX, 0).map_err(|_| Unreadable)?;
        let mut all = Shown::default();
        let mut edits = Edits::default();
        for at in span::elements(text, whole) {
            let mut shown = self.show(text.get(at.clone()).ok_or(Unreadable)?.as_bytes())?;
            edits.0.extend(shown.message.take().map(|message| (at, message)));
            all.add(shown);
        }
        if !edits.0.is_empty() {
            all.message = Some(edits.apply(text)?);
        }
        Ok(all)
    }

    /// Cuts the lists in one JSON-RPC message down. A message without a result, an error for example, has none.
    pub(crate) fn show(&self, message: &[u8]) -> Result<Shown, Unreadable> {
        let text = json::text(message).map_err(|_| Unreadable)?;
        let outline = json::parse_outline_text(text, JSON_DEPTH_MAX, 2).map_err(|_| Unreadable)?;
        let Value::Object(outline) = outline else {
            return Err(Unreadable);
        };
        refuse_look_alikes(&outline, &MEMBERS).map_err(|_| Unreadable)?;
        let result = match outline.get("result") {
            None => return Ok(Shown::default()),
            Some(Value::Object(result)) => result,
            Some(_) => return Err(Unreadable),
        };
        let known = ["tools", "prompts", "resources", "resourceTemplates", "cacheScope"];
        refuse_look_alikes(result, &known).map_err(|_| Unreadable)?;
        let at = span::member(text, span::whole(text), "result").ok_or(Unreadable)?;
        let mut shown = Shown::default();
        let mut edits = Edits::default();
        for (list, key, kind) in LISTS {
            if let Some(list) = span::member(text, at.clone(), list) {
                self.cut(text, list, (key, kind), &mut edits, &mut shown)?;
            }
        }
        edits.0.extend(private(text, at, result));
        if !edits.0.is_empty() {
            shown.message = Some(edits.apply(text)?);
        }
        Ok(shown)
    }

    /// Takes out of the list at `list` what may not be called, and gives the rest its outer names.
    fn cut(
        &self,
        text: &str,
        list: Range<usize>,
        (key, kind): (&str, Kind),
        edits: &mut Edits,
        shown: &mut Shown,
    ) -> Result<(), Unreadable> {
        if text.as_bytes().get(list.start) != Some(&b'[') {
            return Err(Unreadable);
        }
        let mut from = list.start.saturating_add(1);
        let (mut kept, mut dropped) = (false, false);
        for entry in span::elements(text, list.clone()) {
            let name_at = named(text, entry.clone(), key)?;
            let name = text.get(name_at.clone()).and_then(span::text_at).ok_or(Unreadable)?;
            if !self.may(kind, &name) {
                dropped = true;
                shown.withhold(&name);
                continue;
            }
            if dropped {
                edits.0.push((from..entry.start, if kept { "," } else { "" }.to_owned()));
            }
            (kept, dropped, from) = (true, false, entry.end);
            if kind == Kind::Tools {
                self.rename(text, &entry, name_at, &name, edits);
            }
        }
        if dropped {
            edits.0.push((from..list.end.saturating_sub(1), String::new()));
        }
        Ok(())
    }

    /// The very question that a call is asked, so that nothing is shown that would be refused for who calls it.
    fn may(&self, kind: Kind, name: &str) -> bool {
        let policy = &self.policy;
        let meets = |needs: &Needs| {
            let mut watched = self.watched.clone();
            let mut asker = Asker::new(&self.delegation, &mut watched);
            asker.meets(needs).and_then(|()| asker.may_ask_for(&needs.scopes)).is_ok()
        };
        match kind {
            Kind::Tools => {
                let outer = policy.shown_as(name);
                outer.and_then(|outer| policy.tool(outer)).is_some_and(|tool| meets(&tool.called.needs))
            }
            Kind::Prompts => policy.prompts.find(name).is_some_and(|prompt| meets(&prompt.needs)),
            Kind::Resources => policy.resources.find(name).is_some_and(meets),
            Kind::Templates => policy.resources.covering(name).into_iter().any(meets),
        }
    }

    fn rename(&self, text: &str, entry: &Range<usize>, name_at: Range<usize>, name: &str, edits: &mut Edits) {
        let Some(outer) = self.policy.shown_as(name) else {
            return;
        };
        if outer != name {
            edits.0.push((name_at, Value::from(outer).to_string()));
        }
        let Some(description) = self.policy.tool(outer).and_then(|tool| tool.description.as_deref()) else {
            return;
        };
        let description = Value::from(description).to_string();
        match span::member(text, entry.clone(), "description") {
            Some(at) => edits.0.push((at, description)),
            None => {
                let start = entry.start.saturating_add(1);
                edits.0.push((start..start, format!("\"description\":{description},")));
            }
        }
    }
}

impl Shown {
    /// Counts what another message withheld too.
    pub(super) fn add(&mut self, other: Self) {
        self.withheld = self.withheld.saturating_add(other.withheld);
        let room = WITHHELD_NAMES_MAX.saturating_sub(self.names.len());
        self.names.extend(other.names.into_iter().take(room));
    }

    /// A name that is the upstream's own text goes on record only where it is a plain word.
    fn withhold(&mut self, name: &str) {
        self.withheld = self.withheld.saturating_add(1);
        if self.names.len() < WITHHELD_NAMES_MAX {
            self.names.push(crate::record::plain(name));
        }
    }
}

/// Where the name of a list's entry stands. A second spelling of a member that counts makes the entry ambiguous.
fn named(text: &str, entry: Range<usize>, key: &str) -> Result<Range<usize>, Unreadable> {
    let mut found = None;
    for member in span::members(text, entry) {
        if member.name == key {
            found = Some(member.value);
        } else if is_look_alike(&member.name, key) || is_look_alike(&member.name, "description") {
            return Err(Unreadable);
        }
    }
    found.ok_or(Unreadable)
}

fn is_look_alike(name: &str, of: &str) -> bool {
    name != of && alike(name, of)
}

/// A list that differs from caller to caller must not be kept for all of them: "public results may be shared".
fn private(text: &str, result: Range<usize>, outline: &Map<String, Value>) -> Option<(Range<usize>, String)> {
    match outline.get("cacheScope") {
        Some(Value::String(scope)) if scope == "private" => None,
        Some(_) => Some((span::member(text, result, "cacheScope")?, "\"private\"".to_owned())),
        None if outline.contains_key("ttlMs") => {
            let start = result.start.saturating_add(1);
            Some((start..start, "\"cacheScope\":\"private\",".to_owned()))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_withheld_names_are_told_and_no_more() {
        let mut shown = Shown::default();
        for at in 0..WITHHELD_NAMES_MAX {
            shown.withhold(&format!("n{at}"));
        }
        assert_eq!((shown.withheld, shown.names.len()), (WITHHELD_NAMES_MAX, WITHHELD_NAMES_MAX));
        shown.withhold("one more");
        assert_eq!((shown.withheld, shown.names.len()), (WITHHELD_NAMES_MAX + 1, WITHHELD_NAMES_MAX));
        let mut all = Shown::default();
        all.withhold("eyJhbGciOiJFUzI1NiJ9");
        all.add(shown);
        assert_eq!((all.withheld, all.names.len()), (WITHHELD_NAMES_MAX + 2, WITHHELD_NAMES_MAX));
        assert_eq!(all.names.first().map(String::as_str), Some("(unprintable)"));
    }
}
