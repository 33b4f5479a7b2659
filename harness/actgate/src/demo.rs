//! The main job on a real Envoy: hops 1 to 8 with the token of each, then the four gaps, refused, then the rest of the mesh.
//!
//! Guaranteed: what is printed was observed, and `demo` succeeds only if every check held.
//! Told to, an issuer misbehaves; then the demo ends at the check that caught it.

mod audit;
mod branches;
mod check;
mod gaps;
mod journey;
mod mesh;
mod run;
mod screen;

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use self::check::Checks;
pub use self::check::Failure;
pub use self::mesh::Programs;
use self::mesh::{Mesh, Spoilt};
use self::screen::Screen;
use crate::dev::world::streamward;

/// What an issuer does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A scope nobody asked for.
    Widen,
    /// Only the last actor of the chain.
    DropAct,
    /// Another human.
    SwapSub,
    /// The ID-JAG of an earlier exchange.
    ReuseJag,
    /// Another audience.
    WrongAud,
}

/// Every lie with its word.
const LIES: [(&str, Lie); 5] = [
    ("widen", Lie::Widen),
    ("drop-act", Lie::DropAct),
    ("swap-sub", Lie::SwapSub),
    ("reuse-jag", Lie::ReuseJag),
    ("wrong-aud", Lie::WrongAud),
];

impl Lie {
    fn word(self) -> &'static str {
        LIES.iter().find(|(_, lie)| *lie == self).map_or("", |(word, _)| word)
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Widen => "the database's authorization server grants a scope nobody asked for",
            Self::DropAct => "the database's authorization server forgets whom the agent acts for",
            Self::SwapSub => "the database's authorization server names another human",
            Self::ReuseJag => "after the first question, the identity provider hands out its last ID-JAG again",
            Self::WrongAud => "the database's authorization server makes the token out to somebody else",
        }
    }
}

/// A word that is none of the five.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLie(String);

impl fmt::Display for UnknownLie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = LIES.iter().map(|(word, _)| *word).collect();
        write!(f, "{:?} is not one of {}", self.0, words.join(", "))
    }
}

impl std::error::Error for UnknownLie {}

impl FromStr for Lie {
    type Err = UnknownLie;

    fn from_str(word: &str) -> Result<Self, UnknownLie> {
        LIES.iter().find(|(known, _)| *known == word).map(|(_, lie)| *lie).ok_or_else(|| UnknownLie(word.to_owned()))
    }
}

/// Runs the demo from start to end.
///
/// # Errors
///
/// The first check that does not hold, or what kept the demo from running.
pub async fn demo(programs: &Programs, lie: Option<Lie>) -> Result<(), Failure> {
    let (screen, mut checks, begun) = (Screen::new(), Checks::default(), Instant::now());
    // The identity provider is asked by others than the gateway too, so it lies from later on.
    let spoilt = lie.filter(|lie| *lie != Lie::ReuseJag);
    let spoilt = spoilt.map(|lie| Spoilt { issuer: streamward::RAS_AURORADB, how: lie.word() });
    let mesh = Mesh::start(programs, spoilt)?;
    screen.heading("actgate: from a human to a tool through two agents, on Envoy");
    screen.fact("gateway", &format!("127.0.0.1:{}, mutual TLS, with the filter", mesh.world.ports.gateway));
    screen.fact("without", &format!("{}, the same Envoy without the filter", mesh.bare_address()));
    screen.fact("started", &format!("{} processes, new keys and certificates, {}", mesh.size(), elapsed(begun)));
    if let Some(lie) = lie {
        screen.fact("BREAK", &format!("{}: {}", lie.word(), lie.in_words()));
    }
    let outcome = tell(&mesh, &screen, &mut checks, lie).await;
    match (outcome, lie) {
        (Ok(()), None) => {
            screen.good(&format!("All of it held: {} checks, {}.", checks.held(), elapsed(begun)));
            Ok(())
        }
        (Ok(()), Some(lie)) => Err(Failure::Unnoticed(format!("BREAK={}", lie.word()))),
        (Err(failure), lie) => {
            if let (Failure::Check { found, .. }, Some(lie)) = (&failure, lie) {
                screen.bad(&format!("BREAK={} was caught by {found}.", lie.word()));
            }
            Err(failure)
        }
    }
}

/// Leaves everything up, and says what to type, until the future is dropped.
///
/// # Errors
///
/// What kept it from starting, or the first question from being answered.
pub async fn run(programs: &Programs) -> Result<(), Failure> {
    let mesh = Mesh::start(programs, None)?;
    run::explain(&mesh, &Screen::new(), &mut Checks::default()).await?;
    std::future::pending().await
}

async fn tell(mesh: &Mesh, screen: &Screen, checks: &mut Checks, lie: Option<Lie>) -> Result<(), Failure> {
    let good = journey::walk(mesh, screen, checks).await?;
    if lie == Some(Lie::ReuseJag) {
        mesh.spoil(streamward::IDP, Lie::ReuseJag.word()).await?;
    }
    gaps::show(mesh, screen, checks, &good).await?;
    branches::show(mesh, screen, checks).await
}

fn elapsed(begun: Instant) -> String {
    format!("{:.1} s", begun.elapsed().as_secs_f64())
}
