//! Protocol Buffers, as far as the host's signature functions need them: fields that are bytes, and one that is a number.
//!
//! Reading goes by field, in whatever order they come; a message that is not well-formed has no meaning at all.

/// The tag of a field that holds a number (wire type 0).
const NUMBER: u64 = 0;

/// The tag of a field that holds bytes (wire type 2).
const BYTES: u64 = 2;

/// A field's number and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Number(u64, u64),
    Bytes(u64, &'a [u8]),
}

/// Appends a field that holds bytes; an empty one is left out, which says the same.
pub(super) fn put(message: &mut Vec<u8>, field: u8, value: &[u8]) -> Option<()> {
    if value.is_empty() {
        return Some(());
    }
    // Field numbers below 16 take one byte together with their wire type.
    message.push(field.checked_mul(8)?.checked_add(2)?);
    put_number(message, u64::try_from(value.len()).ok()?)?;
    message.extend_from_slice(value);
    Some(())
}

/// Seven bits a byte, the lowest first, a set top bit for "more".
fn put_number(message: &mut Vec<u8>, mut number: u64) -> Option<()> {
    while number > 0x7f {
        message.push(u8::try_from(number & 0x7f).ok()? | 0x80);
        number >>= 7;
    }
    message.push(u8::try_from(number).ok()?);
    Some(())
}

/// All fields of `message`, or `None` where it is not well-formed.
pub(super) fn fields(mut message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let (tag, rest) = take_number(message)?;
        let field = tag >> 3;
        match tag & 7 {
            NUMBER => {
                let (number, rest) = take_number(rest)?;
                fields.push(Field::Number(field, number));
                message = rest;
            }
            BYTES => {
                let (length, rest) = take_number(rest)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                fields.push(Field::Bytes(field, bytes));
                message = rest;
            }
            // The answers have no other kind.
            _ => return None,
        }
    }
    Some(fields)
}

fn take_number(mut message: &[u8]) -> Option<(u64, &[u8])> {
    let mut number: u64 = 0;
    for shift in (0..64_u32).step_by(7) {
        let (byte, rest) = message.split_first()?;
        message = rest;
        let bits = u64::from(byte & 0x7f);
        number |= bits.checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((number, message));
        }
    }
    None
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_read_again() {
        for length in [1, 127, 128, 300, 20_000] {
            let mut message = Vec::new();
            put(&mut message, 1, b"sha256").unwrap();
            put(&mut message, 2, &[]).unwrap();
            put(&mut message, 4, &vec![7; length]).unwrap();
            let wanted = [Field::Bytes(1, b"sha256"), Field::Bytes(4, &vec![7; length])];
            assert_eq!(fields(&message).unwrap(), wanted, "{length}");
        }
        assert_eq!(fields(&[0x08, 0x01]).unwrap(), [Field::Number(1, 1)]);
        assert_eq!(fields(&[]).unwrap(), []);
    }

    #[test]
    fn what_is_not_well_formed_is_nothing() {
        let endless = [0xff; 16];
        for message in [&[0x08_u8][..], &[0x12, 0x05, 0x01], &[0x0d, 0, 0, 0, 0], &[0x80], &endless] {
            assert_eq!(fields(message), None, "{message:?}");
        }
    }
}
