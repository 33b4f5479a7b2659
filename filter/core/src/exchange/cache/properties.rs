//! The cache under random operations, beside a list of everything that was ever put into it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Operation {
    Find {
        key: u16,
        reuse_max: Option<u32>,
    },
    Keep {
        key: u16,
        bytes: usize,
        lives: u64,
        subject_lives: u64,
        reuse_max: Option<u32>,
    },
    /// So many tokens under keys of their own.
    Fill {
        from: u16,
        tokens: u16,
        bytes: usize,
    },
    Drop {
        key: u16,
    },
    Prune,
    Wait {
        seconds: u64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = || prop_oneof![4 => 0..8u16, 1 => any::<u16>()];
    let reuse = || prop_oneof![2 => Just(None), 1 => (0..3u32).prop_map(Some)];
    let bytes = || prop_oneof![3 => 1..100usize, 1 => Just(16 * 1024)];
    prop_oneof![
        6 => (key(), reuse()).prop_map(|(key, reuse_max)| Operation::Find { key, reuse_max }),
        6 => (key(), bytes(), 0..200u64, 0..200u64, reuse()).prop_map(|(key, bytes, lives, subject_lives, reuse_max)| {
            Operation::Keep { key, bytes, lives, subject_lives, reuse_max }
        }),
        1 => (any::<u16>(), 0..2000u16, bytes()).prop_map(|(from, tokens, bytes)| Operation::Fill { from, tokens, bytes }),
        1 => key().prop_map(|key| Operation::Drop { key }),
        1 => Just(Operation::Prune),
        2 => (0..60u64).prop_map(|seconds| Operation::Wait { seconds }),
    ]
}

fn name(key: u16) -> ExchangeKey {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&key.to_be_bytes());
    ExchangeKey(bytes)
}

fn issued(bytes: usize, expires_at: UnixSeconds) -> Arc<IssuedToken> {
    let token = Redacted::new("x".repeat(bytes));
    Arc::new(IssuedToken {
        token,
        expires_at,
        scopes: ScopeSet::default(),
        jti: None,
        bound: None,
        trace: OnceLock::new(),
    })
}

/// What a kept token may still be used for.
struct Kept {
    token: Arc<IssuedToken>,
    subject_ends: UnixSeconds,
    uses: u32,
    reuse_max: Option<u32>,
}

impl Kept {
    /// Whether it may serve one more request of a tool that allows `reuse_max`.
    fn serves(&self, reuse_max: Option<u32>, now: UnixSeconds) -> bool {
        let spent = [self.reuse_max, reuse_max].into_iter().flatten().any(|max| self.uses >= max);
        !spent && now < self.subject_ends && self.token.is_usable(now)
    }
}

/// A token that is found is the last one kept under its key, unspent, and neither it nor its subject token has ended.
fn check_found(found: &Arc<IssuedToken>, kept: Option<&mut Kept>, now: UnixSeconds) -> Result<(), TestCaseError> {
    prop_assert!(kept.is_some(), "found what was never kept, or was dropped");
    if let Some(kept) = kept {
        prop_assert!(Arc::ptr_eq(found, &kept.token), "another token than the one kept");
        prop_assert!(now < found.expires_at && now < kept.subject_ends, "found after its end");
        prop_assert!(kept.reuse_max.is_none_or(|max| kept.uses < max), "found once too often");
        kept.uses += 1;
    }
    Ok(())
}

/// What was kept this moment is there, whatever had to make room for it: a cache that keeps nothing would hold all else.
fn check_kept(cache: &IssuedTokens, key: u16, token: &Arc<IssuedToken>) -> Result<(), TestCaseError> {
    let entry = cache.entries.peek(&name(key));
    prop_assert!(entry.is_some_and(|entry| Arc::ptr_eq(&entry.token, token)), "not kept");
    Ok(())
}

fn check_bounds(cache: &IssuedTokens) -> Result<(), TestCaseError> {
    prop_assert!(cache.len() <= ISSUED_TOKENS_MAX && cache.entries.bytes() <= ISSUED_TOKENS_BYTES_MAX);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_operations_pass_a_bound_or_find_what_has_ended_or_miss_what_is_there(operations in prop::collection::vec(operation(), 1..60)) {
        let mut cache = IssuedTokens::default();
        let mut known: BTreeMap<u16, Kept> = BTreeMap::new();
        let mut now = UnixSeconds::new(1_000_000);
        for operation in operations {
            match operation {
                Operation::Find { key, reuse_max } => {
                    // Room may be short, so what is there is asked for; whether it is, is asserted where it is kept.
                    let is_there = cache.entries.peek(&name(key)).is_some();
                    let serves = known.get(&key).is_some_and(|kept| kept.serves(reuse_max, now));
                    let found = cache.find(name(key), reuse_max, now);
                    prop_assert_eq!(found.is_some(), is_there && serves);
                    if let Some(found) = found {
                        check_found(&found, known.get_mut(&key), now)?;
                    }
                }
                Operation::Keep { key, bytes, lives, subject_lives, reuse_max } => {
                    let token = issued(bytes, now.saturating_add(Seconds::new(lives)));
                    let subject_ends = now.saturating_add(Seconds::new(subject_lives));
                    cache.keep((name(key), "agent"), Arc::clone(&token), subject_ends, reuse_max, now);
                    if reuse_max != Some(0) {
                        check_kept(&cache, key, &token)?;
                        known.insert(key, Kept { token, subject_ends, uses: 0, reuse_max });
                    }
                }
                Operation::Fill { from, tokens, bytes } => {
                    for key in (0..tokens).map(|each| from.wrapping_add(each)) {
                        let ends = now.saturating_add(Seconds::new(100));
                        let token = issued(bytes, ends);
                        cache.keep((name(key), "agent"), Arc::clone(&token), ends, None, now);
                        check_kept(&cache, key, &token)?;
                        known.insert(key, Kept { token, subject_ends: ends, uses: 0, reuse_max: None });
                    }
                }
                Operation::Drop { key } => {
                    cache.drop_key(name(key));
                    known.remove(&key);
                }
                Operation::Prune => cache.prune(now),
                Operation::Wait { seconds } => now = now.saturating_add(Seconds::new(seconds)),
            }
            check_bounds(&cache)?;
        }
    }
}
