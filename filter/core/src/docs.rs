//! Pages that are about more than one module.

#[doc = include_str!("../../docs/architecture.md")]
pub mod architecture {}

#[doc = include_str!("../../docs/threat-model.md")]
pub mod threat_model {}

#[doc = include_str!("../../docs/known-attacks.md")]
pub mod known_attacks {}

#[doc = include_str!("../../docs/deviations.md")]
pub mod deviations {}
