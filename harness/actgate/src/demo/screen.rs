//! What the demo prints: short lines, aligned, and decoded tokens with their identifiers explained.
//!
//! Guaranteed: colours reach a terminal only, and of a token only the claims are printed.

use std::io::{IsTerminal as _, Write as _};

use serde_json::Value;

use crate::dev::world::branches::{CRM, WORKFLOW};
use crate::dev::world::streamward;

/// Where explanations begin.
const COMMENT_COLUMN: usize = 62;
/// Where they begin beside an actor, whose line is longer.
const ACTOR_COLUMN: usize = 78;
/// How long a line of a record may grow.
const RECORD_WIDTH: usize = 100;
/// Where the answer of the gateway, and that of the Envoy without the filter, begin.
const WITH_COLUMN: usize = 38;
const WITHOUT_COLUMN: usize = 70;

/// The claims that say who may do what for whom, in the order they are printed.
const TELLING: [&str; 10] = ["iss", "aud", "sub", "sub_profile", "client_id", "cid", "resource", "scope", "scp", "act"];

/// What identifiers stand for.
const NAMES: [(&str, &str); 14] = [
    (streamward::CHAT_APP, "chat app"),
    (streamward::ORCHESTRATOR, "orchestrator"),
    (streamward::KNOWLEDGE_AGENT, "Corp-Knowledge-Agent"),
    (CRM.agent, CRM.name),
    (WORKFLOW.agent, WORKFLOW.name),
    (CRM.resource, "ERP MCP server"),
    (WORKFLOW.resource, "OpenAPI gateway"),
    (streamward::DEMO_USER_ID, "the human"),
    (streamward::DEMO_USER, "the human"),
    (streamward::IDP_ISSUER, "identity provider"),
    (streamward::RAS_KNOWLEDGE_ISSUER, "the agent's authorization server"),
    (streamward::RAS_AURORADB_ISSUER, "the database's authorization server"),
    (streamward::KNOWLEDGE_RESOURCE, "Corp-Knowledge-Agent"),
    (streamward::AURORADB_RESOURCE, "Aurora DB MCP server"),
];

/// What an identifier stands for; itself where nobody knows.
pub(super) fn name_of(identifier: &str) -> &str {
    NAMES.iter().find(|(known, _)| *known == identifier).map_or(identifier, |(_, name)| name)
}

/// How a piece of text looks on a terminal.
#[derive(Clone, Copy)]
enum Look {
    Bold,
    Faint,
    Good,
    Bad,
}

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    colours: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colours: wanted && std::io::stdout().is_terminal() }
    }

    /// A line on its own, after an empty one.
    pub(super) fn heading(&self, text: &str) {
        self.print("");
        self.print(&self.paint(Look::Bold, text));
    }

    pub(super) fn line(&self, text: &str) {
        self.print(format!("  {text}").trim_end());
    }

    /// Something of less weight.
    pub(super) fn note(&self, text: &str) {
        self.print(&format!("  {}", self.paint(Look::Faint, text)));
    }

    /// `label  value`, aligned.
    pub(super) fn fact(&self, label: &str, value: &str) {
        self.print(&format!("  {}  {value}", self.paint(Look::Faint, &format!("{label:<8}"))));
    }

    /// A hop's first line.
    pub(super) fn hop(&self, number: &str, from: &str, to: &str, what: &str) {
        self.heading(&format!("{number:<6} {from} → {to}"));
        self.line(what);
    }

    /// The claims of a token that tell something, and when it ends.
    pub(super) fn claims(&self, claims: &Value) {
        let mut members = TELLING.iter().filter_map(|name| Some((*name, claims.get(*name)?)));
        // One spelling of the client is enough.
        let both = claims.get("cid").is_some() && claims.get("client_id").is_some();
        let members: Vec<_> = members.by_ref().filter(|(name, _)| !(both && *name == "client_id")).collect();
        for (at, (name, value)) in members.iter().enumerate() {
            let before = if at == 0 { "  { " } else { "    " };
            let after = if at + 1 < members.len() { "," } else { " }" };
            self.member(before, name, value, after);
        }
        let instant = |name: &str| claims.get(name).and_then(Value::as_u64);
        if let (Some(from), Some(to)) = (instant("iat"), instant("exp")) {
            self.note(&format!("lives {}", span(to.saturating_sub(from))));
        }
    }

    fn member(&self, before: &str, name: &str, value: &Value, after: &str) {
        let Value::Object(actor) = value else {
            return self.explained(&format!("{before}\"{name}\": {}{after}", spaced(value)), COMMENT_COLUMN, value);
        };
        // An actor takes one line, and whom it acts for the next.
        let flat = actor.iter().filter(|(name, _)| *name != "act");
        let flat: Vec<String> = flat.map(|(name, value)| format!("\"{name}\": {value}")).collect();
        let text = format!("{before}\"{name}\": {{ {}", flat.join(", "));
        let subject = &value["sub"];
        match actor.get("act") {
            Some(beneath) => {
                self.explained(&format!("{text},"), ACTOR_COLUMN, subject);
                self.member(&format!("{before}  "), "act", beneath, &format!(" }}{after}"));
            }
            None => self.explained(&format!("{text} }}{after}"), ACTOR_COLUMN, subject),
        }
    }

    fn explained(&self, text: &str, column: usize, identifier: &Value) {
        let identifier = identifier.as_str().unwrap_or_default();
        let name = name_of(identifier);
        if name == identifier {
            return self.print(text);
        }
        self.print(&format!("{text:<column$}  {}", self.paint(Look::Faint, &format!("// {name}"))));
    }

    /// A record of the gateway, its members as they are and its line broken where it gets long.
    ///
    /// `label` is as wide as it shall be indented.
    pub(super) fn record(&self, label: &str, kind: &str, record: &Value) {
        let members = record.as_object().into_iter().flatten();
        let members: Vec<String> = members.map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let mut lines = vec![format!("{kind} {{")];
        for (at, member) in members.iter().enumerate() {
            let after = if at + 1 < members.len() { "," } else { "}" };
            match lines.last_mut() {
                Some(line) if line.len() + member.len() < RECORD_WIDTH => *line += &format!("{member}{after}"),
                _ => lines.push(format!("{member}{after}")),
            }
        }
        for (at, line) in lines.iter().enumerate() {
            let (shown, width) = (if at == 0 { label } else { "" }, label.len());
            self.print(&format!("  {}", self.paint(Look::Faint, &format!("{shown:<width$}  {line}"))));
        }
    }

    /// The head of the table that [`Screen::row`] fills.
    pub(super) fn columns(&self, what: &str, with: &str, without: &str) {
        let text = format!("  {what:<WITH_COLUMN$}{with:<width$}{without}", width = WITHOUT_COLUMN - WITH_COLUMN);
        self.print(&self.paint(Look::Faint, text.trim_end()));
    }

    /// One call: what is special about it, what the gateway said, and what happened without the filter.
    pub(super) fn row(&self, what: &str, with: &str, passed: bool, without: &str) {
        let look = if passed { Look::Good } else { Look::Bad };
        let padding = " ".repeat((WITHOUT_COLUMN - WITH_COLUMN).saturating_sub(with.chars().count()));
        let with = self.paint(look, with);
        self.print(format!("  {what:<WITH_COLUMN$}{with}{padding}{without}").trim_end());
    }

    /// The last line when all is well.
    pub(super) fn good(&self, text: &str) {
        self.print("");
        self.print(&self.paint(Look::Good, text));
    }

    /// The last line when it is not.
    pub(super) fn bad(&self, text: &str) {
        self.print("");
        self.print(&self.paint(Look::Bad, text));
    }

    fn paint(&self, look: Look, text: &str) -> String {
        let code = match look {
            Look::Bold => "1",
            Look::Faint => "2",
            Look::Good => "32",
            Look::Bad => "31",
        };
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A reader that has gone is no error.
    fn print(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// A list with room between its items.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}
