//! Just enough protobuf: varint and length-delimited fields; others are skipped.

use crate::abi::Status;

/// A message's fields by number. The last of a repeated field counts.
#[derive(Debug, Default)]
pub(crate) struct Message<'a> {
    fields: Vec<(u64, Field<'a>)>,
}

#[derive(Clone, Copy, Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Malformed bytes are `BadArgument`.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Status> {
        Self::try_parse(bytes).ok_or(Status::BadArgument)
    }

    fn try_parse(mut bytes: &'a [u8]) -> Option<Self> {
        let mut message = Self::default();
        while !bytes.is_empty() {
            let tag = take_varint(&mut bytes)?;
            let (number, wire) = (tag >> 3, tag & 7);
            if number == 0 {
                return None;
            }
            match wire {
                0 => message.fields.push((number, Field::Number(take_varint(&mut bytes)?))),
                2 => {
                    let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
                    let (field, rest) = bytes.split_at_checked(length)?;
                    message.fields.push((number, Field::Bytes(field)));
                    bytes = rest;
                }
                1 => bytes = bytes.get(8..)?,
                5 => bytes = bytes.get(4..)?,
                _ => return None,
            }
        }
        Some(message)
    }

    fn find(&self, number: u64) -> Option<Field<'a>> {
        self.fields.iter().rev().find(|(n, _)| *n == number).map(|(_, field)| *field)
    }

    pub(crate) fn bytes(&self, number: u64) -> &'a [u8] {
        match self.find(number) {
            Some(Field::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    pub(crate) fn text(&self, number: u64) -> Result<&'a str, Status> {
        std::str::from_utf8(self.bytes(number)).map_err(|_| Status::BadArgument)
    }

    pub(crate) fn number(&self, number: u64) -> u64 {
        match self.find(number) {
            Some(Field::Number(value)) => value,
            _ => 0,
        }
    }
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

/// `false` is left out, as proto3 does.
pub(crate) fn put_bool(out: &mut Vec<u8>, number: u8, truth: bool) {
    if truth {
        out.extend([number << 3, 1]);
    }
}
