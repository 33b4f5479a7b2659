//! Clusters a filter may call, and how they answer a dispatch.

/// The state of a cluster when a callout is dispatched to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Cluster {
    /// A connection can be made: the callout becomes pending.
    #[default]
    Healthy,
    /// Every dispatch fails at once with `InternalFailure`, and there is no callback.
    NoHealthyHost,
    /// The circuit breaker is open: as [`Cluster::NoHealthyHost`] to the filter.
    CircuitOpen,
    /// The name is known to the test but not to Envoy: `BadArgument`.
    Unknown,
}
