//! An ECDSA signature in its two forms: side by side as JWS has it (RFC 7518 §3.4), and in DER as the host has it (RFC 3279 §2.2.3).

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// The DER of a signature in which r and s stand side by side; `None` for one that no key makes.
pub(super) fn from_jws(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(signature.len().checked_div(2)?)?;
    if r.len() != s.len() {
        return None;
    }
    let mut numbers = integer(r)?;
    numbers.extend_from_slice(&integer(s)?);
    let mut der = vec![SEQUENCE, short(numbers.len())?];
    der.extend_from_slice(&numbers);
    Some(der)
}

/// r and s side by side, each `half` bytes long, out of strict DER.
pub(super) fn to_jws(der: &[u8], half: usize) -> Option<Vec<u8>> {
    let (numbers, rest) = take(der, SEQUENCE)?;
    let (r, numbers) = take(numbers, INTEGER)?;
    let (s, numbers) = take(numbers, INTEGER)?;
    if !rest.is_empty() || !numbers.is_empty() {
        return None;
    }
    let mut jws = Vec::new();
    for number in [r, s] {
        let number = magnitude(number)?;
        let padding = half.checked_sub(number.len())?;
        jws.resize(jws.len().checked_add(padding)?, 0);
        jws.extend_from_slice(number);
    }
    Some(jws)
}

/// One positive number: as few bytes as can be, with a zero in front where it would read as negative.
fn integer(number: &[u8]) -> Option<Vec<u8>> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(zeros..)?;
    let first = number.first()?;
    let sign: &[u8] = if *first >= 0x80 { &[0] } else { &[] };
    let length = short(sign.len().checked_add(number.len())?)?;
    Some([&[INTEGER, length], sign, number].concat())
}

/// A length in one byte. The longest signature here, of P-384, takes 102.
fn short(length: usize) -> Option<u8> {
    u8::try_from(length).ok().filter(|length| *length < 0x80)
}

fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let ([found, length], rest) = der.split_first_chunk::<2>()?;
    if *found != tag || *length >= 0x80 {
        return None;
    }
    rest.split_at_checked(usize::from(*length))
}

/// The bytes of a positive number in its one DER form.
fn magnitude(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0, rest @ ..] => rest.first().is_some_and(|first| *first >= 0x80).then_some(rest),
        [first, ..] if *first < 0x80 => Some(integer),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;
    use crate::jwt::sample::Issuer;

    #[test]
    fn both_forms_are_one_signature() {
        for (algorithm, half) in [(Algorithm::Es256, 32), (Algorithm::Es384, 48)] {
            let key = Issuer::of(algorithm).signing_key;
            for round in 0..200_u32 {
                let jws = key.sign(&round.to_be_bytes()).unwrap();
                let der = from_jws(&jws).unwrap();
                assert_eq!(to_jws(&der, half).unwrap(), jws);
                let theirs = if algorithm == Algorithm::Es256 {
                    p256::ecdsa::Signature::from_slice(&jws).unwrap().to_der().as_bytes().to_vec()
                } else {
                    p384::ecdsa::Signature::from_slice(&jws).unwrap().to_der().as_bytes().to_vec()
                };
                assert_eq!(der, theirs);
            }
        }
    }

    #[test]
    fn short_numbers_and_set_top_bits() {
        let jws = |r: &[u8], s: &[u8]| -> Vec<u8> {
            [&vec![0; 32_usize.saturating_sub(r.len())], r, &vec![0; 32_usize.saturating_sub(s.len())], s].concat()
        };
        for (r, s, der) in [
            (&[1_u8][..], &[0x80_u8][..], &[0x30, 7, 2, 1, 1, 2, 2, 0, 0x80][..]),
            (&[0x7f], &[1, 0], &[0x30, 7, 2, 1, 0x7f, 2, 2, 1, 0]),
        ] {
            assert_eq!(from_jws(&jws(r, s)).unwrap(), der);
            assert_eq!(to_jws(der, 32).unwrap(), jws(r, s));
        }
        assert_eq!(from_jws(&jws(&[1], &[])), None);
        assert_eq!(from_jws(&jws(&[], &[1])), None);
        assert_eq!(from_jws(&[]), None);
        assert_eq!(from_jws(&[1, 2, 3]), None);
    }

    #[test]
    fn other_der_is_no_signature() {
        for der in [
            &[0x30_u8, 6, 2, 1, 1, 2, 1, 1, 0][..], // something after it
            &[0x30, 7, 2, 1, 1, 2, 1, 1, 0],        // something after s
            &[0x30, 7, 2, 2, 0, 1, 2, 1, 1],        // a zero that is not needed
            &[0x30, 6, 2, 1, 0x80, 2, 1, 1],        // negative
            &[0x30, 6, 2, 1, 0, 2, 1, 1],           // zero
            &[0x30, 5, 2, 0, 2, 1, 1],              // empty
            &[0x30, 0x81, 6, 2, 1, 1, 2, 1, 1],     // a long length
            &[0x31, 6, 2, 1, 1, 2, 1, 1],
            &[0x30, 6, 3, 1, 1, 2, 1, 1],
            &[0x30, 6, 2, 1, 1],
            &[],
        ] {
            assert_eq!(to_jws(der, 32), None, "{der:?}");
        }
        // Wider than the curve.
        assert_eq!(to_jws(&[0x30, 7, 2, 2, 1, 1, 2, 1, 1], 1), None);
    }
}
