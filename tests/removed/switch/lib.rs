//! Checks of the core that can be taken out while it runs, by number.
//!
//! `actgate-removed-finder` writes calls of these into a copy of the core: one build then stands for one build per check.
//! Without such calls nothing here does anything. The switch is the thread's own, so threads can try checks side by side.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A request that is refused more often than this, and for longer than [`TIME_MAX`], is never done: a check that was taken out may have ended a loop.
const REFUSALS_MAX: u64 = 50;

/// See [`REFUSALS_MAX`].
const TIME_MAX: Duration = Duration::from_secs(3);

thread_local! {
    static REMOVED: Cell<Option<u32>> = const { Cell::new(None) };
    static REFUSALS: Cell<u64> = const { Cell::new(0) };
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static ENDLESS: Cell<bool> = const { Cell::new(false) };
    static LAST: Cell<Option<u32>> = const { Cell::new(None) };
    static REACHED: RefCell<BTreeSet<u32>> = const { RefCell::new(BTreeSet::new()) };
    static NEEDED: RefCell<BTreeSet<u32>> = const { RefCell::new(BTreeSet::new()) };
}

/// Takes that check out on this thread until the next call, and forgets what was reached.
pub fn remove(check: Option<u32>) {
    REMOVED.set(check);
    ENDLESS.set(false);
    begin();
    REACHED.take();
    NEEDED.take();
}

/// Says that a request begins.
pub fn begin() {
    REFUSALS.set(0);
    BEGAN.set(Some(Instant::now()));
    LAST.set(None);
}

/// The check that refused last, or would have, since a request began.
pub fn last() -> Option<u32> {
    LAST.get()
}

/// The checks that refused, or would have, since the last [`remove`].
pub fn reached() -> BTreeSet<u32> {
    REACHED.with_borrow(Clone::clone)
}

/// Those among them that refuse for want of a value without which the code cannot go on.
pub fn needed() -> BTreeSet<u32> {
    NEEDED.with_borrow(Clone::clone)
}

/// Whether a request was broken off because it would never have been done.
pub fn was_endless() -> bool {
    ENDLESS.get()
}

/// A refusal that cannot be taken out.
pub fn fixed(check: u32) {
    stands(check);
}

/// True where that check refuses, and was not taken out.
pub fn stands(check: u32) -> bool {
    REFUSALS.set(REFUSALS.get() + 1);
    let endless = REFUSALS.get() > REFUSALS_MAX && BEGAN.get().is_some_and(|began| began.elapsed() > TIME_MAX);
    ENDLESS.set(endless || ENDLESS.get());
    assert!(!endless, "check {check} refuses without end");
    LAST.set(Some(check));
    REACHED.with_borrow_mut(|reached| reached.insert(check));
    REMOVED.get() != Some(check)
}

/// A condition that leads to the refusal.
pub fn refuses(check: u32, condition: bool) -> bool {
    condition && stands(check)
}

/// A condition without which there is a refusal.
pub fn passes(check: u32, condition: bool) -> bool {
    condition || !stands(check)
}

/// What succeeds or refuses, its value left out.
pub trait Outcome {
    /// The same without a value.
    type Done;

    /// Success where the check was taken out.
    fn done(self, check: u32) -> Self::Done;
}

impl<T, E> Outcome for Result<T, E> {
    type Done = Result<(), E>;

    fn done(self, check: u32) -> Self::Done {
        match self {
            Err(error) if stands(check) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl<T> Outcome for Option<T> {
    type Done = Option<()>;

    fn done(self, check: u32) -> Self::Done {
        (self.is_some() || !stands(check)).then_some(())
    }
}

/// A call that is made for nothing but its refusal.
pub fn done<O: Outcome>(check: u32, outcome: O) -> O::Done {
    outcome.done(check)
}

/// A value that may be missing; [`given!`] finds out whether its type has an empty one.
pub struct Given<T>(pub Cell<Option<T>>);

/// For types with an empty value.
pub trait Emptied<T> {
    /// The empty value where none is there and the check was taken out.
    fn or_empty(&self, check: u32) -> Option<T>;
}

impl<T: Default> Emptied<T> for &&Given<T> {
    fn or_empty(&self, check: u32) -> Option<T> {
        self.0.take().or_else(|| (!stands(check)).then(T::default))
    }
}

/// For references to such values.
pub trait EmptiedReference<T> {
    /// See [`Emptied::or_empty`].
    fn or_empty(&self, check: u32) -> Option<T>;
}

impl<'a, T: Default> EmptiedReference<&'a T> for &Given<&'a T> {
    fn or_empty(&self, check: u32) -> Option<&'a T> {
        self.0.take().or_else(|| (!stands(check)).then(|| &*Box::leak(Box::default())))
    }
}

/// For all others.
pub trait Needed<T> {
    /// Nothing: without the value the code cannot go on.
    fn or_empty(&self, check: u32) -> Option<T>;
}

impl<T> Needed<T> for Given<T> {
    fn or_empty(&self, check: u32) -> Option<T> {
        let given = self.0.take();
        if given.is_none() {
            stands(check);
            NEEDED.with_borrow_mut(|needed| needed.insert(check));
        }
        given
    }
}

/// An `Option` that refuses where it is empty: where the check was taken out it holds the empty value of its type.
#[macro_export]
macro_rules! given {
    ($check:expr, $value:expr) => {{
        // A method is looked for at the type with most references first: which trait is used depends on the value's type.
        #[allow(unused_imports)]
        use $crate::{Emptied as _, EmptiedReference as _, Needed as _};
        (&&&$crate::Given(::core::cell::Cell::new($value))).or_empty($check)
    }};
}
