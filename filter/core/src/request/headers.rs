//! The headers of a request, looked through once: where one may stand is known before it is asked for.
//!
//! Guaranteed: every value of a name is found, in the order of the wire. Nothing here joins, picks or changes one.

/// A header as the host holds it: name and value.
pub type Header<'a> = (&'a [u8], &'a [u8]);

/// How many headers have a bit in a `u64`; those after them are looked through each time.
const KNOWN: usize = 64;

const BUCKETS: usize = 16;

/// Every header of a request.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a> {
    all: &'a [Header<'a>],
    /// For each bucket of names, a bit for each header that has one of them.
    places: [u64; BUCKETS],
}

impl<'a> Headers<'a> {
    /// Of `all`, names in lower case.
    pub fn of(all: &'a [Header<'a>]) -> Self {
        let mut places = [0_u64; BUCKETS];
        let mut bit = 1;
        for (name, _) in all.iter().take(KNOWN) {
            if let Some(place) = places.get_mut(bucket(name)) {
                *place |= bit;
            }
            bit <<= 1;
        }
        Self { all, places }
    }

    /// All of them, in the order of the wire.
    pub fn iter(&self) -> core::slice::Iter<'a, Header<'a>> {
        self.all.iter()
    }

    /// Every value sent under `name`.
    pub fn named<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let all = self.all;
        let mut left = self.places.get(bucket(name)).copied().unwrap_or_default();
        let known = core::iter::from_fn(move || {
            // The lowest bit that is left, taken away.
            let at = usize::try_from(left.trailing_zeros()).ok().filter(|_| left != 0)?;
            left &= left.wrapping_sub(1);
            all.get(at)
        });
        let rest = all.get(KNOWN..).unwrap_or_default();
        known.chain(rest).filter(move |(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// Names that are in use together differ in length or at an end.
fn bucket(name: &[u8]) -> usize {
    let (first, last) = (name.first().copied().unwrap_or_default(), name.last().copied().unwrap_or_default());
    name.len().wrapping_add(usize::from(first ^ (last << 1))) % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_in_the_order_of_the_wire_wherever_it_stands() {
        let names: [&[u8]; 6] = [b"a", b"b", b"ab", b"", b"authorization", b"content-type"];
        for count in [0, 1, 2, KNOWN - 1, KNOWN, KNOWN + 1, 3 * KNOWN] {
            let values: Vec<Vec<u8>> = (0..count).map(|at| at.to_string().into_bytes()).collect();
            let all: Vec<Header<'_>> =
                names.iter().cycle().zip(&values).map(|(name, value)| (*name, value.as_slice())).collect();
            let headers = Headers::of(&all);
            assert!(headers.iter().eq(&all));
            for wanted in names.into_iter().chain([b"c".as_slice(), b"contend-type"]) {
                let slow = all.iter().filter(|(name, _)| *name == wanted).map(|(_, value)| *value);
                assert!(headers.named(wanted).eq(slow), "{count}: {}", String::from_utf8_lossy(wanted));
            }
        }
    }
}
