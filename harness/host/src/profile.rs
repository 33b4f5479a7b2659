//! What differs from one host version to the next, as data.

/// The behaviour of one host version. Start from a constant and change a knob for a host of your own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Name used in messages.
    pub name: &'static str,
    /// Whether the host registers foreign functions at all. Kong's host has none of Envoy's.
    pub foreign_functions: bool,
    /// Whether `sign` exists (1.37).
    pub sign: bool,
    /// Whether `verify_signature` reads a PEM key from field 5 and refuses both or neither (1.37).
    pub pem_keys: bool,
    /// Whether foreign functions act on the effective context (1.37) or on the current one.
    pub foreign_functions_use_effective_context: bool,
    /// Whether environment variables are part of the VM's key (1.39).
    pub environment_in_vm_key: bool,
    /// Whether `connection.peer_certificate` exists (1.38).
    pub peer_certificate_property: bool,
    /// Whether the plugin field `allow_on_headers_stop_iteration` exists (1.35).
    pub headers_stop_iteration_knob: bool,
    /// Whether numbers and booleans are given as text, as Kong's host does.
    pub properties_as_text: bool,
    /// Largest body of a callout's answer; a larger one arrives as a reset.
    pub callout_body_max: usize,
    /// Requests a cluster lets wait before its circuit breaker opens.
    pub pending_requests_max: usize,
    /// Default of `per_connection_buffer_limit_bytes`.
    pub buffer_limit: usize,
}

/// Envoy 1.40.
pub const V1_40: Profile = Profile {
    name: "Envoy 1.40",
    foreign_functions: true,
    sign: true,
    pem_keys: true,
    foreign_functions_use_effective_context: true,
    environment_in_vm_key: true,
    peer_certificate_property: true,
    headers_stop_iteration_knob: true,
    properties_as_text: false,
    callout_body_max: 32 * 1024 * 1024,
    pending_requests_max: 1024,
    buffer_limit: 1024 * 1024,
};

/// Envoy 1.39.
pub const V1_39: Profile = Profile { name: "Envoy 1.39", ..V1_40 };

/// Envoy 1.38.
pub const V1_38: Profile = Profile { name: "Envoy 1.38", environment_in_vm_key: false, ..V1_40 };

/// Envoy 1.37: the first with `sign`, PEM keys and foreign functions on the effective context.
pub const V1_37: Profile = Profile { name: "Envoy 1.37", peer_certificate_property: false, ..V1_38 };

/// Envoy 1.36: `verify_signature` only, DER only, and foreign functions act on the current context.
pub const V1_36: Profile = Profile {
    name: "Envoy 1.36",
    sign: false,
    pem_keys: false,
    foreign_functions_use_effective_context: false,
    ..V1_37
};

/// Envoy 1.40 with no foreign function registered: what a filter meets on other hosts.
pub const NO_FOREIGN_FUNCTIONS: Profile = Profile { name: "no foreign functions", foreign_functions: false, ..V1_40 };

/// Every Envoy version there is a profile for, oldest first.
pub const ALL: [Profile; 5] = [V1_36, V1_37, V1_38, V1_39, V1_40];

/// The profile of a version such as `1.36.4`.
#[must_use]
pub fn of(version: &str) -> Option<Profile> {
    let minor = version.rsplit_once('.').map_or(version, |(minor, _patch)| minor);
    ALL.into_iter().find(|profile| profile.name.strip_prefix("Envoy ") == Some(minor))
}
