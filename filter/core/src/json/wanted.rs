//! Which members of a document are kept, by name, level by level.
//!
//! What is kept is bounded by what is wanted, however many members a document has and however long their names are.

use std::sync::Arc;

use super::reader::Quoted;
use crate::spelling::{PROTOTYPE, begins_beyond_ascii, in_one_case, letters};

/// The members of one object that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In the order of their spellings, then of their names.
    members: Vec<Member>,
    /// Letters that are noticed wherever they stand in a name.
    noticed: Option<[u8; 4]>,
    /// A name that misleads whoever reads this object, in lower case.
    misleading: Option<&'static str>,
}

/// A member that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name as [`letters`] has it.
    spelling: String,
    pub(crate) name: String,
    /// What is kept of its value; `None` for nothing.
    pub(crate) inside: Option<Arc<Wanted>>,
}

/// What becomes of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found<'w> {
    /// It is kept under its name.
    Wanted(&'w Member),
    /// Some reader takes it for that member.
    LookAlike(&'w Member),
    /// Some reader finds there what is looked for elsewhere.
    Misleading(&'static str),
    /// It has the letters that are noticed.
    Noticed([u8; 4]),
    /// It is not kept.
    Other,
}

impl Found<'_> {
    /// Whether some reader takes it for what it is not.
    pub(crate) fn misleads(&self) -> bool {
        !matches!(self, Self::Wanted(_) | Self::Other)
    }
}

impl Wanted {
    /// Nothing yet, and that a name has these letters in it, which are ASCII in lower case.
    pub(crate) fn noticing(letters: [u8; 4]) -> Self {
        Self { noticed: Some(letters), ..Self::default() }
    }

    /// Nothing yet, and that there is a member of that name in any case. It is in lower case, and begins with what has none.
    pub(crate) fn misled_by(name: &'static str) -> Self {
        Self { misleading: Some(name), ..Self::default() }
    }

    /// These members, and nothing of their values.
    pub(crate) fn named(names: &[&str]) -> Self {
        let mut wanted = Self::default();
        names.iter().for_each(|name| wanted.add_name(&[], name));
        wanted
    }

    /// Adds the member that the names lead to, and every object on the way.
    pub fn add<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        names.into_iter().fold(self, Self::enter);
    }

    /// Adds a member of the object that the names lead to, and nothing of its value.
    pub(crate) fn add_name(&mut self, way: &[&str], name: &str) {
        way.iter().copied().fold(self, Self::enter).place(name);
    }

    /// Adds a member and what is kept of its value.
    pub(crate) fn add_with(&mut self, name: &str, inside: &Arc<Self>) {
        self.place(name).inside = Some(Arc::clone(inside));
    }

    fn enter(&mut self, name: &str) -> &mut Self {
        Arc::make_mut(self.place(name).inside.get_or_insert_default())
    }

    #[expect(clippy::indexing_slicing, reason = "found or inserted there")]
    fn place(&mut self, name: &str) -> &mut Member {
        let spelling: String = letters(name.chars()).collect();
        let place = self.members.binary_search_by(|known| {
            known.spelling.as_str().cmp(&spelling).then_with(|| known.name.as_str().cmp(name))
        });
        let at = place.unwrap_or_else(|at| {
            self.members.insert(at, Member { spelling, name: name.to_owned(), inside: None });
            at
        });
        &mut self.members[at]
    }

    /// Whether anything is kept of an object.
    pub(super) fn keeps_any(&self) -> bool {
        !self.members.is_empty() || self.noticed.is_some()
    }

    /// The members that are kept.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// A name that is taken for `member`, and is that of no member.
    pub(super) fn stand_in(&self, member: &Member) -> String {
        let mut name = format!("{}_", member.name);
        while self.members.iter().any(|known| known.spelling == member.spelling && known.name == name) {
            name.push('_');
        }
        name
    }

    /// Looks up a name that is written so between its quotes.
    pub(super) fn find_written(&self, name: Quoted<'_>) -> Found<'_> {
        if self.is_other(name.0.as_bytes()) { Found::Other } else { self.find(name.letters()) }
    }

    /// Whether nothing is looked for that some reader takes the name for. True only where it is so: most names show it in the first letters.
    fn is_other(&self, name: &[u8]) -> bool {
        let first = name.first();
        // Both names that mislead begin with what has no case.
        let misleads = first == Some(&b'_') || self.misleading.is_some_and(|name| name.as_bytes().first() == first);
        if misleads || self.noticed.is_some() {
            return false;
        }
        let (mut known, mut length) = (self.members.as_slice(), 0_usize);
        for byte in name {
            match byte {
                b'_' | b'-' => {}
                b'\\' | 0x80.. => return false,
                letter => {
                    known = going_on(known, length, letter.to_ascii_lowercase());
                    length = length.saturating_add(1);
                }
            }
            if known.is_empty() {
                return true;
            }
        }
        false
    }

    /// Looks a name up by its letters.
    pub(crate) fn find(&self, name: impl Iterator<Item = char> + Clone) -> Found<'_> {
        let alike = self.alike(name.clone());
        if let Some(first) = alike.first() {
            let itself = alike.iter().find(|known| known.name.chars().eq(name.clone()));
            return itself.map_or(Found::LookAlike(first), Found::Wanted);
        }
        let mut misleading = self.misleading.into_iter().chain([PROTOTYPE]);
        let is_it = |misleading: &&str| {
            // Both begin with what has no case.
            name.clone().next() == misleading.chars().next() && in_one_case(name.clone()).eq(misleading.chars())
        };
        if let Some(misleading) = misleading.find(is_it) {
            return Found::Misleading(misleading);
        }
        match self.noticed {
            Some(noticed) if holds(name, noticed) => Found::Noticed(noticed),
            Some(_) | None => Found::Other,
        }
    }

    /// The members that some reader takes a name for. It is looked at as far as it is the beginning of one.
    fn alike(&self, name: impl Iterator<Item = char>) -> &[Member] {
        let mut known = self.members.as_slice();
        let mut length = 0_usize;
        for letter in name {
            match u8::try_from(letter) {
                Ok(b'_' | b'-') => {}
                Ok(letter @ 0..0x80) => {
                    known = going_on(known, length, letter.to_ascii_lowercase());
                    length = length.saturating_add(1);
                }
                Ok(_) | Err(_) if begins_beyond_ascii(letter) && !goes_beyond_ascii(known, length) => return &[],
                Ok(_) | Err(_) => {
                    for letter in letters(core::iter::once(letter)) {
                        for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                            known = going_on(known, length, byte);
                            length = length.saturating_add(1);
                        }
                    }
                }
            }
            if known.is_empty() {
                return known;
            }
        }
        known.get(..known.partition_point(|member| member.spelling.len() == length)).unwrap_or_default()
    }
}

/// Whether one of the members, whose spellings are the same for that length, goes on with more than ASCII. If one does, the last does.
fn goes_beyond_ascii(known: &[Member], length: usize) -> bool {
    known.last().and_then(|member| member.spelling.as_bytes().get(length)).is_some_and(|byte| !byte.is_ascii())
}

/// Those of the members, whose spellings are the same for that length, that go on with that byte.
fn going_on(known: &[Member], length: usize, byte: u8) -> &[Member] {
    let wanted = u16::from(byte).wrapping_add(1);
    // What ends comes first.
    let next = |member: &Member| match member.spelling.as_bytes().get(length) {
        Some(byte) => u16::from(*byte).wrapping_add(1),
        None => 0,
    };
    let (Some(first), Some(last)) = (known.first().map(next), known.last().map(next)) else {
        return &[];
    };
    // Often all of them do, or none.
    if wanted < first || wanted > last {
        return &[];
    }
    let from = if first == wanted { 0 } else { known.partition_point(|member| next(member) < wanted) };
    let rest = known.get(from..).unwrap_or_default();
    let end = if last == wanted { rest.len() } else { rest.partition_point(|member| next(member) == wanted) };
    rest.get(..end).unwrap_or_default()
}

/// Whether those letters of ASCII stand in a name, next to each other.
fn holds(name: impl Iterator<Item = char>, wanted: [u8; 4]) -> bool {
    let mut last = 0_u32;
    letters(name).any(|letter| {
        last = last << 8 | u32::from(u8::try_from(letter).unwrap_or_default());
        last == u32::from_be_bytes(wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wanted: &Wanted, name: &str) -> String {
        match wanted.find(name.chars()) {
            Found::Wanted(member) => format!("={}", member.name),
            Found::LookAlike(member) => format!("{}_", member.name),
            Found::Misleading(name) => name.to_owned(),
            Found::Noticed(letters) => letters.into_iter().map(char::from).collect(),
            Found::Other => String::new(),
        }
    }

    #[test]
    fn a_name_is_itself_or_like_a_wanted_one_or_neither() {
        let mut wanted = Wanted::default();
        for name in ["amount", "a", "am", "approved_by", "\u{e9}t\u{e9}", ""] {
            wanted.add([name]);
        }
        for (name, want) in [
            ("amount", "=amount"),
            ("a", "=a"),
            ("am", "=am"),
            ("", "="),
            ("Amount", "amount_"),
            ("a_mount", "amount_"),
            ("amount_", "amount_"),
            ("approvedBy", "approved_by_"),
            ("approved_by", "=approved_by"),
            ("\u{c9}T\u{c9}", "\u{e9}t\u{e9}_"),
            ("_", "_"),
            ("__proto__", "__proto__"),
            ("proto", ""),
            ("amoun", ""),
            ("amounts", ""),
            ("b", ""),
            ("\u{e9}t", ""),
            ("\u{df}", ""),
            ("a\u{e9}", ""),
            ("\u{17f}", ""),
            ("\u{ea}", ""),
        ] {
            assert_eq!(found(&wanted, name), want, "{name}");
        }
        assert_eq!(found(&Wanted::default(), ""), "");
    }

    #[test]
    fn letters_are_noticed_wherever_they_stand() {
        let wanted = Wanted::noticing(*b"push");
        for name in ["push", "taskPush", "aPU_Sh", "ppush", "pu\u{17f}hes"] {
            assert_eq!(found(&wanted, name), "push", "{name}");
        }
        for name in ["", "pus", "pus\u{e9}h", "puzsh"] {
            assert_eq!(found(&wanted, name), "", "{name}");
        }
    }
}
