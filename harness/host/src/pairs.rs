//! The ABI's serialised list of pairs: a count, then the lengths, then NUL-ended names and values.
//!
//! A guest's list above [`LIST_BYTES_MAX`] or [`PAIRS_MAX`], or one that does not add up, counts as
//! empty: Envoy says nothing, so a header map set from it loses every header.

pub(crate) const LIST_BYTES_MAX: usize = 1024 * 1024;
pub(crate) const PAIRS_MAX: usize = 1024;

pub(crate) type Pair = (Vec<u8>, Vec<u8>);

pub(crate) fn encode<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let pairs: Vec<_> = pairs.collect();
    let mut out = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in &pairs {
        out.extend((name.len() as u32).to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in &pairs {
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    out
}

pub(crate) fn decode(bytes: &[u8]) -> Vec<Pair> {
    try_decode(bytes).unwrap_or_default()
}

fn try_decode(bytes: &[u8]) -> Option<Vec<Pair>> {
    if bytes.len() > LIST_BYTES_MAX {
        return None;
    }
    let mut sizes = bytes;
    let count = take_word(&mut sizes)?;
    if count > PAIRS_MAX || sizes.len() < count * 8 {
        return None;
    }
    let mut texts = sizes.get(count * 8..)?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let name = take_word(&mut sizes)?;
        let value = take_word(&mut sizes)?;
        pairs.push((take_text(&mut texts, name)?, take_text(&mut texts, value)?));
    }
    Some(pairs)
}

fn take_word(bytes: &mut &[u8]) -> Option<usize> {
    let (word, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*word) as usize)
}

fn take_text(bytes: &mut &[u8], length: usize) -> Option<Vec<u8>> {
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest.split_first().filter(|(end, _)| **end == 0)?.1;
    Some(text.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(count: usize, value: usize) -> Vec<u8> {
        let value = vec![b'v'; value];
        encode((0..count).map(|_| (b"n".as_slice(), value.as_slice())))
    }

    #[test]
    fn a_list_survives_the_round_trip() {
        assert_eq!(decode(&list(3, 2)), vec![(b"n".to_vec(), b"vv".to_vec()); 3]);
    }

    #[test]
    fn a_list_of_more_than_1024_pairs_counts_as_empty() {
        assert_eq!(decode(&list(1024, 1)).len(), 1024);
        assert_eq!(decode(&list(1025, 1)), []);
    }

    #[test]
    fn a_list_above_one_mebibyte_counts_as_empty() {
        assert_eq!(decode(&list(1, LIST_BYTES_MAX)), []);
    }

    #[test]
    fn a_list_cut_short_counts_as_empty() {
        let whole = list(2, 5);
        assert_eq!(decode(&whole[..whole.len() - 1]), []);
    }
}
