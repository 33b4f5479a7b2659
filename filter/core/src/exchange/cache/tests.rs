use super::*;

const NOW: u64 = 1_000_000;

fn at(second: u64) -> UnixSeconds {
    UnixSeconds::new(second)
}

fn issued(ends: u64) -> Arc<IssuedToken> {
    Arc::new(IssuedToken {
        token: Redacted::new("opaque".to_owned()),
        expires_at: at(ends),
        scopes: ScopeSet::parse("calendar:read").unwrap(),
        jti: Some("t1".to_owned()),
        bound: None,
        trace: OnceLock::new(),
    })
}

fn name(of: u8) -> ExchangeKey {
    ExchangeKey([of; 32])
}

/// Keeps one token and asks for it once, at `now`.
fn found_at(now: u64, ends: u64, subject_ends: u64) -> bool {
    let mut cache = IssuedTokens::default();
    let token = issued(ends);
    cache.keep((name(1), "agent"), Arc::clone(&token), at(subject_ends), None, at(now));
    assert_eq!(cache.len(), 1);
    let found = cache.find(name(1), None, at(now));
    assert!(found.as_ref().is_none_or(|found| Arc::ptr_eq(found, &token)));
    assert!(cache.find(name(2), None, at(now)).is_none(), "another key finds it");
    assert_eq!(cache.len(), usize::from(found.is_some()), "what has ended is dropped");
    found.is_some()
}

#[test]
fn a_token_that_other_workers_use_serves_nothing_that_is_counted() {
    let mut cache = IssuedTokens::default();
    let ends = NOW + 600;
    cache.keep_shared((name(1), "agent"), issued(ends), at(ends), at(NOW));
    assert!(cache.find(name(1), Some(2), at(NOW)).is_none());
    assert!(cache.find(name(1), None, at(NOW)).is_some());
    cache.keep((name(1), "agent"), issued(ends), at(ends), None, at(NOW));
    assert!(cache.find(name(1), Some(2), at(NOW)).is_some(), "exchanged here");
}

#[test]
fn a_token_is_what_was_issued() {
    let token = issued(NOW);
    assert_eq!(*token.credential().expose(), "Bearer opaque");
    assert_eq!(token.jti(), Some("t1"));
    assert_eq!(*token.scopes(), ScopeSet::parse("calendar:read").unwrap());
}

#[test]
fn a_token_is_found_until_it_has_no_more_life_than_the_margin() {
    let last = NOW - TOKEN_EXPIRY_MARGIN_SECONDS - 1;
    assert!(found_at(0, NOW, 2 * NOW));
    assert!(found_at(last, NOW, 2 * NOW));
    assert!(!found_at(last + 1, NOW, 2 * NOW));
    assert!(!found_at(NOW, NOW, 2 * NOW));
}

#[test]
fn a_token_is_found_until_its_subject_token_ends() {
    assert!(found_at(NOW - 1, 2 * NOW, NOW));
    assert!(!found_at(NOW, 2 * NOW, NOW));
}

#[test]
fn a_token_serves_as_often_as_it_may_and_not_once_more() {
    let mut cache = IssuedTokens::default();
    cache.keep((name(1), "agent"), issued(2 * NOW), at(2 * NOW), Some(2), at(NOW));
    assert!(cache.find(name(1), Some(2), at(NOW)).is_some());
    assert!(cache.find(name(1), Some(1), at(NOW)).is_none(), "spent for a tool that allows one further use");
    assert_eq!(cache.len(), 1, "and kept for the one that allows two");
    assert!(cache.find(name(1), Some(2), at(NOW)).is_some());
    assert!(cache.find(name(1), None, at(NOW)).is_none());
    assert_eq!(cache.len(), 0);
}

#[test]
fn what_may_not_serve_again_is_not_kept() {
    let mut cache = IssuedTokens::default();
    cache.keep((name(1), "agent"), issued(2 * NOW), at(2 * NOW), Some(0), at(NOW));
    assert_eq!(cache.len(), 0);
    cache.keep((name(1), "agent"), issued(2 * NOW), at(2 * NOW), Some(1), at(NOW));
    cache.keep((name(2), "agent"), issued(2 * NOW), at(2 * NOW), None, at(NOW));
    assert_eq!(cache.len(), 2);
    cache.drop_key(name(1));
    assert!(cache.find(name(1), None, at(NOW)).is_none());
    assert!(cache.find(name(2), None, at(NOW)).is_some());
}

#[test]
fn pruning_forgets_what_has_ended_and_nothing_else() {
    let mut cache = IssuedTokens::default();
    cache.keep((name(1), "agent"), issued(NOW), at(2 * NOW), None, at(NOW));
    cache.keep((name(2), "agent"), issued(2 * NOW), at(NOW + 1), None, at(NOW));
    cache.prune(at(NOW - 1));
    assert_eq!(cache.len(), 2);
    cache.prune(at(NOW));
    assert_eq!(cache.len(), 1);
    cache.keep((name(1), "agent"), issued(NOW), at(2 * NOW), None, at(NOW));
    cache.prune(at(NOW));
    assert_eq!(cache.len(), 2, "once a second at most");
    cache.prune(at(NOW + 1));
    assert_eq!(cache.len(), 0);
}
