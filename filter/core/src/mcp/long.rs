//! A message that is too long to be held: it goes on as it comes, as long as no list is in it.
//!
//! A member of a result that is named as a list is, in whatever case or spelling, is found before a byte of its value has gone on.
//! What is no JSON by its structure, its texts or its encoding is refused where that shows; what numbers and words say is not looked at,
//! nor whether a name is there twice: each `result` is looked into.

use super::listing::{LISTS, Unreadable};
use crate::json::span::text_at;
use crate::limits::JSON_DEPTH_MAX;
use crate::spelling::alike;

/// The longest name in bytes, as it is written, that a client could read as one of those looked for:
/// `resourceTemplates` with a mark after each letter, all of it escaped.
const NAME_BYTES_MAX: usize = 17 * 2 * 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// An array of messages (MCP 2025-03-26).
    Batch,
    Message,
    Result,
    Object,
    Array,
}

impl Within {
    const fn is_array(self) -> bool {
        matches!(self, Self::Batch | Self::Array)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a value.
    Value,
    /// Right after the beginning of a container.
    First,
    /// Before a name.
    Name,
    /// In a text, which is a name or none.
    Text {
        name: bool,
    },
    /// After a backslash, so many hexadecimal digits of its escape left.
    Escape {
        name: bool,
        digits: Option<u8>,
    },
    Colon,
    /// In a number or a word.
    Word,
    /// After a value.
    After,
}

/// One message, as far as it has come.
#[derive(Debug)]
pub(super) struct LongMessage {
    way: Vec<Within>,
    state: State,
    name: Vec<u8>,
    /// The next value is a result.
    is_result: bool,
    /// The beginning of a letter whose end has not come.
    letter: Vec<u8>,
}

impl LongMessage {
    pub(super) const fn new() -> Self {
        Self { way: Vec::new(), state: State::Value, name: Vec::new(), is_result: false, letter: Vec::new() }
    }

    /// Takes the next part of a line and lets it go on.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] for a list, and for what is no JSON; nothing of `part` goes on then.
    pub(super) fn pass(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<(), Unreadable> {
        let bytes = [self.letter.as_slice(), part].concat();
        let whole = match core::str::from_utf8(&bytes) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(Unreadable),
        };
        let (text, letter) = bytes.split_at_checked(whole).ok_or(Unreadable)?;
        for byte in text {
            self.take(*byte)?;
        }
        put_unbroken(out, text);
        self.letter = letter.to_vec();
        Ok(())
    }

    /// The line has ended, and the message goes on in the next.
    pub(super) fn end_line(&mut self) -> Result<(), Unreadable> {
        self.take(b'\n')
    }

    /// The message has ended.
    pub(super) fn end(self) -> Result<(), Unreadable> {
        if self.state == State::After && self.way.is_empty() && self.letter.is_empty() {
            Ok(())
        } else {
            Err(Unreadable)
        }
    }

    fn take(&mut self, byte: u8) -> Result<(), Unreadable> {
        let space = matches!(byte, b' ' | b'\t' | b'\n');
        match self.state {
            State::Text { name } => return self.in_text(byte, name),
            State::Escape { name, digits } => {
                self.state = past_escape(byte, name, digits)?;
                self.keep(byte, name);
            }
            _ if space => {
                if self.state == State::Word {
                    self.state = State::After;
                }
            }
            State::Value => return self.begin(byte),
            State::First if self.within().is_some_and(Within::is_array) => match byte {
                b']' => return self.leave(byte),
                _ => return self.begin(byte),
            },
            State::First if byte == b'}' => return self.leave(byte),
            State::First | State::Name if byte == b'"' => {
                self.name.clear();
                self.state = State::Text { name: true };
                self.keep(byte, true);
            }
            State::Colon if byte == b':' => self.state = State::Value,
            State::Word if is_of_word(byte) => {}
            State::Word | State::After => return self.go_on(byte),
            State::First | State::Name | State::Colon => return Err(Unreadable),
        }
        Ok(())
    }

    fn within(&self) -> Option<Within> {
        self.way.last().copied()
    }

    /// A value begins.
    fn begin(&mut self, byte: u8) -> Result<(), Unreadable> {
        let is_result = core::mem::take(&mut self.is_result);
        let outside = matches!(self.within(), None | Some(Within::Batch));
        let within = match byte {
            b'{' if outside => Within::Message,
            b'{' if is_result => Within::Result,
            b'{' => Within::Object,
            b'[' if outside => Within::Batch,
            b'[' if !is_result => Within::Array,
            b'"' if !outside && !is_result => {
                self.state = State::Text { name: false };
                return Ok(());
            }
            _ if is_of_word(byte) && !outside && !is_result => {
                self.state = State::Word;
                return Ok(());
            }
            _ => return Err(Unreadable),
        };
        if self.way.len() >= JSON_DEPTH_MAX {
            return Err(Unreadable);
        }
        self.way.push(within);
        self.state = State::First;
        Ok(())
    }

    fn go_on(&mut self, byte: u8) -> Result<(), Unreadable> {
        match (byte, self.within()) {
            (b',', Some(within)) => {
                self.state = if within.is_array() { State::Value } else { State::Name };
                Ok(())
            }
            (b'}' | b']', _) => self.leave(byte),
            _ => Err(Unreadable),
        }
    }

    fn leave(&mut self, byte: u8) -> Result<(), Unreadable> {
        let within = self.way.pop().ok_or(Unreadable)?;
        self.state = State::After;
        if within.is_array() == (byte == b']') { Ok(()) } else { Err(Unreadable) }
    }

    fn in_text(&mut self, byte: u8, name: bool) -> Result<(), Unreadable> {
        // RFC 8259 §7: "control characters ... MUST be escaped".
        if byte < b' ' {
            return Err(Unreadable);
        }
        self.keep(byte, name);
        match byte {
            b'\\' => self.state = State::Escape { name, digits: None },
            b'"' if name => return self.end_name(),
            b'"' => self.state = State::After,
            _ => {}
        }
        Ok(())
    }

    fn keep(&mut self, byte: u8, name: bool) {
        // One byte more than fits, with both quotes, shows that it is too long.
        if name && self.name.len() <= NAME_BYTES_MAX.saturating_add(2) {
            self.name.push(byte);
        }
    }

    fn end_name(&mut self) -> Result<(), Unreadable> {
        self.state = State::Colon;
        let within = self.within();
        if !matches!(within, Some(Within::Message | Within::Result))
            || self.name.len() > NAME_BYTES_MAX.saturating_add(2)
        {
            return Ok(());
        }
        let name = core::str::from_utf8(&self.name).ok().and_then(text_at).ok_or(Unreadable)?;
        if within == Some(Within::Message) {
            self.is_result = alike(&name, "result");
            return Ok(());
        }
        if LISTS.iter().any(|(list, ..)| alike(&name, list)) { Err(Unreadable) } else { Ok(()) }
    }
}

fn past_escape(byte: u8, name: bool, digits: Option<u8>) -> Result<State, Unreadable> {
    match (digits, byte) {
        (None, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(State::Text { name }),
        (None, b'u') => Ok(State::Escape { name, digits: Some(4) }),
        (Some(1), _) if byte.is_ascii_hexdigit() => Ok(State::Text { name }),
        (Some(left), _) if byte.is_ascii_hexdigit() => Ok(State::Escape { name, digits: left.checked_sub(1) }),
        (None | Some(_), _) => Err(Unreadable),
    }
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Puts data of a message, with the letters escaped in which some client could see the end of a line. They stand in texts only.
pub(super) fn put_unbroken(out: &mut Vec<u8>, data: &[u8]) {
    const BREAKS: [(&[u8], &[u8]); 3] =
        [("\u{85}".as_bytes(), b"\\u0085"), ("\u{2028}".as_bytes(), b"\\u2028"), ("\u{2029}".as_bytes(), b"\\u2029")];
    let mut rest = data;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, 0xc2 | 0xe2)) {
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, b""));
        out.extend_from_slice(plain);
        let found = BREAKS.iter().find(|(letter, _)| from.starts_with(letter));
        let (length, written) =
            found.map_or_else(|| (1, from.get(..1).unwrap_or_default()), |(letter, escape)| (letter.len(), *escape));
        out.extend_from_slice(written);
        rest = from.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// What goes on of a message that comes in pieces of so many bytes.
    fn passed(message: &str, size: usize) -> Result<String, Unreadable> {
        let mut long = LongMessage::new();
        let mut out = Vec::new();
        for (at, line) in message.split('\n').enumerate() {
            if at > 0 {
                long.end_line()?;
                out.push(b'\n');
            }
            for piece in line.as_bytes().chunks(size) {
                long.pass(piece, &mut out)?;
            }
        }
        long.end()?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[track_caller]
    fn check(message: &str, want: Result<&str, Unreadable>) {
        for size in [1, 2, 3, 7, 1024] {
            assert_eq!(passed(message, size).as_deref(), want.as_ref().copied(), "{size}: {message}");
        }
    }

    #[test]
    fn a_message_without_a_list_goes_on_as_it_came() {
        for message in [
            "{}",
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a\"]}\u00e9\\"}],"n":-1.5e+3,"t":true}}"#,
            r#"{"result":{"structuredContent":{"tools":[1],"result":{"tools":[]}},"_meta":{"tools":[]}}}"#,
            r#"{"method":"m","params":{"tools":[],"result":{"tools":[]}},"tools":[]}"#,
            "{\"error\"\n:{ \"code\" : 1,\t\"message\":\"\"\n} }",
            r#"[{"id":1,"result":{}},{"method":"m"}]"#,
            "{\"a\":\"é ✓ 𝄞 \u{2027}\"}",
        ] {
            check(message, Ok(message));
        }
        check("{\"a\":\"x\u{2028}y\u{2029}\u{85}\"}", Ok(r#"{"a":"x\u2028y\u2029\u0085"}"#));
    }

    #[test]
    fn a_list_is_found_in_whatever_spelling_it_comes() {
        for list in [
            "tools",
            "prompts",
            "resources",
            "resourceTemplates",
            "Tools",
            "too\\u006cs",
            "tool\u{17f}",
            "RESOURCETEMPLATES",
        ] {
            for message in [
                format!(r#"{{"result":{{"content":[],"{list}":[]}}}}"#),
                format!(r#"{{"re\u0073ult":{{"{list}":1}}}}"#),
                format!(r#"{{"result":{{}},"Result":{{"{list}":[]}}}}"#),
                format!(r#"[{{"id":1}},[{{"result":{{"{list}":[]}}}}]]"#),
            ] {
                check(&message, Err(Unreadable));
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for message in [
            "",
            "{",
            "1",
            "\"a\"",
            "null",
            "{}{}",
            "{} x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "[}",
            "{]",
            "[{}",
            "[{}}",
            "{\"a\":1]",
            "{\"a\":[1}}",
            "[1]",
            "[{},]",
            "{a:1}",
            "{'a':1}",
            "{/**/}",
            "{\"a\":1 1}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":\u{2028}1}",
            "{\"a\"\u{c}:1}",
            "{\"result\":[]}",
            "{\"result\":1}",
            "\u{feff}{}",
            "{\"a\":\"\u{b}\"}",
        ] {
            check(message, Err(Unreadable));
        }
        let mut long = LongMessage::new();
        assert_eq!(long.pass(b"{\"a\":\"\xc3(\"}", &mut Vec::new()), Err(Unreadable));
        let mut long = LongMessage::new();
        assert_eq!(long.pass(b"{}\xc3", &mut Vec::new()).and_then(|()| long.end()), Err(Unreadable));
    }

    #[test]
    fn depth_and_what_is_kept_are_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        check(&nested(JSON_DEPTH_MAX), Ok(&nested(JSON_DEPTH_MAX)));
        check(&nested(JSON_DEPTH_MAX + 1), Err(Unreadable));
        let written = |letter: &str| format!(r#"{{"result":{{"{}":[]}}}}"#, letter.repeat(34));
        check(&written("\\u0061"), Ok(&written("\\u0061")));
        let mut long = LongMessage::new();
        let mut out = Vec::new();
        long.pass(b"{\"result\":{\"", &mut out).unwrap();
        for _ in 0..1000 {
            long.pass(&[b'a'; 1000], &mut out).unwrap();
        }
        assert!(long.name.len() <= NAME_BYTES_MAX + 3 && long.letter.is_empty());
    }
}
