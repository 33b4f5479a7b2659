//! What one verified token led to: delegations, found again by the same sender at the same resource.
//!
//! A delegation is found by all that it was made of: it is kept beside its token, and the resource and everything that the sender shows
//! are compared, whole. The configuration is that of the plugin that keeps it. What time or a list can change is no part of it:
//! whoever finds one asks [`AuthorizedDelegation::stands_at`] before relying on it.
//! Absent on purpose: delegations that were made while a rule was observed, which may not be made when it is enforced.

use core::fmt;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::Resource;
use crate::delegation::caller::Sender;
use crate::delegation::policy::AuthorizedDelegation;
use crate::limits::{
    ADMISSION_OVERHEAD_BYTES, ADMISSION_TEXTS_BYTES_MAX, ADMISSIONS_BYTES_MAX, ADMISSIONS_PER_TOKEN_MAX,
};

/// What one sender showed, and what that led to.
struct Admission {
    /// Held, so that no other can stand in its place.
    resource: Arc<Resource>,
    uri_san: Option<Box<str>>,
    certificate: Option<[u8; 32]>,
    key: Option<[u8; 32]>,
    delegation: Arc<AuthorizedDelegation>,
}

impl Admission {
    fn of(resource: &Arc<Resource>, sender: Sender<'_>, delegation: &Arc<AuthorizedDelegation>) -> Self {
        Self {
            resource: Arc::clone(resource),
            uri_san: sender.uri_san.map(Box::from),
            certificate: sender.certificate,
            key: sender.key.map(|key| *key.thumbprint()),
            delegation: Arc::clone(delegation),
        }
    }

    fn is_for(&self, resource: &Arc<Resource>, sender: Sender<'_>) -> bool {
        let Sender { uri_san, certificate, key } = sender;
        Arc::ptr_eq(&self.resource, resource)
            && self.uri_san.as_deref() == uri_san
            && self.certificate == certificate
            && self.key.as_ref() == key.map(|key| key.thumbprint())
    }
}

/// The latest of one token, oldest first.
#[derive(Default)]
pub(crate) struct Admissions(Vec<Admission>);

impl fmt::Debug for Admissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admissions({})", self.0.len())
    }
}

impl Admissions {
    /// What this very sender was admitted with at this very resource.
    pub(crate) fn find(&self, resource: &Arc<Resource>, sender: Sender<'_>) -> Option<&Arc<AuthorizedDelegation>> {
        self.0.iter().find(|admission| admission.is_for(resource, sender)).map(|admission| &admission.delegation)
    }

    /// Keeps one: in place of the one before it, which takes the same, or where there is room, and then says how many bytes of its own it takes.
    ///
    /// Where there are as many as there may be, those stay: senders in turn, however many, would leave none of them anything to find.
    pub(crate) fn keep(
        &mut self,
        resource: &Arc<Resource>,
        sender: Sender<'_>,
        delegation: &Arc<AuthorizedDelegation>,
    ) -> Option<usize> {
        if let Some(before) = self.0.iter_mut().find(|admission| admission.is_for(resource, sender)) {
            before.delegation = Arc::clone(delegation);
            return None;
        }
        let texts = sender.uri_san.map_or(0, str::len).saturating_add(delegation.entitlements_bytes());
        if self.0.len() >= ADMISSIONS_PER_TOKEN_MAX || texts > ADMISSION_TEXTS_BYTES_MAX {
            return None;
        }
        self.0.push(Admission::of(resource, sender, delegation));
        Some(texts)
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets the oldest.
    pub(crate) fn forget_one(&mut self) {
        if !self.0.is_empty() {
            self.0.remove(0);
        }
    }
}

/// Where admissions are kept, oldest first, and what they take together.
#[derive(Debug)]
pub(crate) struct ByAge<P> {
    places: VecDeque<(P, usize)>,
    bytes: usize,
}

impl<P> Default for ByAge<P> {
    fn default() -> Self {
        Self { places: VecDeque::new(), bytes: 0 }
    }
}

impl<P> ByAge<P> {
    /// One more, whose texts take so much, that of the token among them.
    pub(crate) fn add(&mut self, place: P, texts_bytes: usize) {
        let bytes = texts_bytes.saturating_add(ADMISSION_OVERHEAD_BYTES);
        self.places.push_back((place, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Where the oldest is, as long as they take more than they may; it counts no longer.
    pub(crate) fn give_way(&mut self) -> Option<P> {
        if self.bytes <= ADMISSIONS_BYTES_MAX {
            return None;
        }
        let (place, bytes) = self.places.pop_front()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_holds_at_the_bound_and_the_oldest_gives_way_one_past() {
        let mut kept = ByAge::default();
        let half = ADMISSIONS_BYTES_MAX / 2 - ADMISSION_OVERHEAD_BYTES;
        kept.add('a', half);
        kept.add('b', half);
        assert_eq!((kept.bytes, kept.give_way()), (ADMISSIONS_BYTES_MAX, None));
        kept.add('c', 1);
        assert_eq!((kept.give_way(), kept.give_way()), (Some('a'), None));
        kept.add('d', ADMISSIONS_BYTES_MAX - 2 * ADMISSION_OVERHEAD_BYTES);
        assert_eq!((kept.give_way(), kept.give_way(), kept.places.len()), (Some('b'), Some('c'), 1));
    }
}
