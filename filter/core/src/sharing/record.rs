//! What stands in a slot, before it is sealed: who is at it, and what is held.

use crate::limits::{SHARED_KEY_SET_BYTES_MAX, SHARED_TOKEN_BYTES_MAX};
use crate::redacted::Redacted;
use crate::time::UnixSeconds;

/// Somebody is getting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    /// Drawn for this one lease.
    pub(super) holder: [u8; 16],
    pub(super) until: UnixSeconds,
}

/// What is shared.
#[derive(Debug, Clone)]
pub(crate) enum Held {
    Nothing,
    /// An exchanged token, whose lineage was checked by whoever put it here.
    Token {
        token: Redacted<String>,
        expires_at: UnixSeconds,
        jti: Option<String>,
        /// The thumbprint of the key that it is tied to.
        bound_to: Option<[u8; 32]>,
    },
    /// What the authorization server refused, and when: the place of the reason in its list.
    Refused {
        reason: u8,
        at: UnixSeconds,
    },
    /// A key set as it was fetched, and when.
    Keys {
        document: Vec<u8>,
        at: UnixSeconds,
    },
}

/// One slot.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// What it is about, in full.
    pub(super) of: [u8; 32],
    pub(super) lease: Option<Lease>,
    /// When somebody last got nothing.
    pub(super) failed: Option<UnixSeconds>,
    pub(super) held: Held,
}

const NOTHING: u8 = 0;
const TOKEN: u8 = 1;
const REFUSED: u8 = 2;
const KEYS: u8 = 3;

impl Record {
    pub(super) const fn vacant(of: [u8; 32]) -> Self {
        Self { of, lease: None, failed: None, held: Held::Nothing }
    }

    /// The record as bytes; `None` where it is larger than a slot may be.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = self.of.to_vec();
        put_time(&mut bytes, self.lease.map(|lease| lease.until));
        bytes.extend(self.lease.map_or([0; 16], |lease| lease.holder));
        put_time(&mut bytes, self.failed);
        match &self.held {
            Held::Nothing => bytes.push(NOTHING),
            Held::Token { token, expires_at, jti, bound_to } => {
                let token = token.expose().as_bytes();
                if token.len() > SHARED_TOKEN_BYTES_MAX {
                    return None;
                }
                bytes.push(TOKEN);
                put_time(&mut bytes, Some(*expires_at));
                bytes.push(u8::from(bound_to.is_some()));
                bytes.extend(bound_to.unwrap_or_default());
                bytes.push(u8::from(jti.is_some()));
                let jti = jti.as_deref().unwrap_or_default();
                bytes.extend(u16::try_from(jti.len()).ok()?.to_be_bytes());
                bytes.extend(jti.as_bytes());
                bytes.extend(token);
            }
            Held::Refused { reason, at } => {
                bytes.push(REFUSED);
                put_time(&mut bytes, Some(*at));
                bytes.push(*reason);
            }
            Held::Keys { document, at } => {
                if document.len() > SHARED_KEY_SET_BYTES_MAX {
                    return None;
                }
                bytes.push(KEYS);
                put_time(&mut bytes, Some(*at));
                bytes.extend(document);
            }
        }
        Some(bytes)
    }

    /// Reads what [`Self::encode`] writes, and nothing else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (of, bytes) = bytes.split_first_chunk::<32>()?;
        let (until, bytes) = take_time(bytes)?;
        let (holder, bytes) = bytes.split_first_chunk::<16>()?;
        let (failed, bytes) = take_time(bytes)?;
        let (kind, bytes) = bytes.split_first()?;
        let held = match *kind {
            NOTHING => bytes.is_empty().then_some(Held::Nothing)?,
            TOKEN => decode_token(bytes)?,
            REFUSED => {
                let (at, bytes) = take_time(bytes)?;
                let [reason] = bytes else {
                    return None;
                };
                Held::Refused { reason: *reason, at: at? }
            }
            KEYS => {
                let (at, document) = take_time(bytes)?;
                (document.len() <= SHARED_KEY_SET_BYTES_MAX).then_some(())?;
                Held::Keys { document: document.to_vec(), at: at? }
            }
            _ => return None,
        };
        let lease = until.map(|until| Lease { holder: *holder, until });
        Some(Self { of: *of, lease, failed, held })
    }
}

fn decode_token(bytes: &[u8]) -> Option<Held> {
    let (expires_at, bytes) = take_time(bytes)?;
    let (is_bound, bytes) = bytes.split_first()?;
    let (key, bytes) = bytes.split_first_chunk::<32>()?;
    let bound_to = match *is_bound {
        0 => (*key == [0; 32]).then_some(None)?,
        1 => Some(*key),
        _ => return None,
    };
    let (has_jti, bytes) = bytes.split_first()?;
    let (length, bytes) = bytes.split_first_chunk::<2>()?;
    let (jti, token) = bytes.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    // It becomes a header: what cannot stand in one is no token of ours.
    let fits = !token.is_empty() && token.len() <= SHARED_TOKEN_BYTES_MAX && token.iter().all(u8::is_ascii_graphic);
    let jti = match *has_jti {
        0 => jti.is_empty().then_some(None)?,
        1 => Some(String::from_utf8(jti.to_vec()).ok()?),
        _ => return None,
    };
    let token = String::from_utf8(token.to_vec()).ok().filter(|_| fits)?;
    Some(Held::Token { token: Redacted::new(token), expires_at: expires_at?, jti, bound_to })
}

/// Zero stands for no time.
fn put_time(bytes: &mut Vec<u8>, time: Option<UnixSeconds>) {
    bytes.extend(time.map_or(0, UnixSeconds::get).to_be_bytes());
}

fn take_time(bytes: &[u8]) -> Option<(Option<UnixSeconds>, &[u8])> {
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    let time = u64::from_be_bytes(*time);
    Some(((time != 0).then_some(UnixSeconds::new(time)), rest))
}
