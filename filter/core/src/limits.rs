//! Every bound in one place: what an attacker, a broken issuer or a careless configuration can make the gateway hold or do.
//!
//! A limit reached is an error with a name, never a silent cut.
//! Each constant carries its unit in its name and its reason in its doc; each has a test at the bound and one past it.

mod dpop;
mod echo;
mod flights;
mod kept;
mod sharing;
mod svid;

pub use dpop::*;
pub use echo::*;
pub use flights::*;
pub use kept::*;
pub use sharing::*;
pub use svid::*;

/// Longest token in bytes: four times the largest access tokens seen in practice (about 4 KiB with group claims),
/// and well inside the 60 KiB in which Envoy by default holds all headers of a request.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Deepest nesting of JSON in a token: the longest delegation chain needs one level per actor, and claims a few more.
pub const TOKEN_JSON_DEPTH_MAX: usize = 24;

/// Longest key identifier in bytes: a SHA-256 thumbprint takes 43, a URL with a fragment some hundred.
pub const KID_BYTES_MAX: usize = 256;

/// Longest `typ` header in bytes: twice what RFC 6838 §4.2 allows for one part of a media type name.
pub const TYP_BYTES_MAX: usize = 255;

/// Longest text of one claim in bytes: a SPIFFE ID may take 2048 (SPIFFE-ID §2.3), OpenID Connect allows `sub` 255.
pub const CLAIM_TEXT_BYTES_MAX: usize = 2048;

/// Most audiences in one token: a token for more services than this authorises too much in any case.
pub const AUDIENCES_MAX: usize = 16;

/// Most scope tokens in one token.
pub const SCOPES_MAX: usize = 128;

/// Latest moment a `NumericDate` may name: 9999-12-31T23:59:59Z, the last that RFC 3339 can write.
pub const NUMERIC_DATE_SECONDS_MAX: u64 = 253_402_300_799;

/// Longest key-set document in bytes: [`KEYS_PER_SET_MAX`] RSA keys with a certificate chain each.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;

/// Deepest nesting of JSON in a key-set document: set, array, key, and two for members that are not read.
pub const JWKS_JSON_DEPTH_MAX: usize = 5;

/// Most keys in one set: large public issuers publish about ten.
pub const KEYS_PER_SET_MAX: usize = 64;

/// Most signature checks for one token: more keys than this under one `kid` are a mistake or an attack.
pub const KEY_TRIES_MAX: usize = 4;

/// Shortest RSA modulus in bits (RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used").
pub const RSA_MODULUS_BITS_MIN: usize = 2048;

/// Longest RSA modulus in bits: what the cryptography library takes, and twice what any issuer is known to use.
/// The cost of a check grows with the square of this, and everyone may ask for one.
pub const RSA_MODULUS_BITS_MAX: usize = 4096;

/// Longest private key in PEM, in bytes: an RSA key of [`RSA_MODULUS_BITS_MAX`] takes about 3300.
pub const SIGNING_KEY_PEM_BYTES_MAX: usize = 8 * 1024;

/// Most members of all objects of one JSON document: each name takes eight bytes while its object is read, and is sorted.
/// A list of 512 tools takes some ten thousand, and a configuration with all that is allowed not many more.
pub const JSON_MEMBERS_MAX: usize = 64 * 1024;

/// Deepest nesting any JSON may be allowed: the parser's own guard against deep recursion stands at 128.
pub const JSON_DEPTH_CEILING: usize = 100;

const _: () = {
    // One level for the claims, one per actor and one more for the acting agent, two inside an actor.
    assert!(ACTORS_MAX + 4 <= TOKEN_JSON_DEPTH_MAX);
    assert!(JSON_DEPTH_CEILING < 128);
    assert!(TOKEN_JSON_DEPTH_MAX <= JSON_DEPTH_CEILING);
    assert!(JWKS_JSON_DEPTH_MAX <= JSON_DEPTH_CEILING);
    assert!(KID_BYTES_MAX < TOKEN_BYTES_MAX);
    assert!(TYP_BYTES_MAX < TOKEN_BYTES_MAX);
    assert!(CLAIM_TEXT_BYTES_MAX < TOKEN_BYTES_MAX);
    assert!(KEY_TRIES_MAX <= KEYS_PER_SET_MAX);
    assert!(RSA_MODULUS_BITS_MIN <= RSA_MODULUS_BITS_MAX);
    // A modulus in base64url, with room for its other members, fits a key set even alone.
    assert!(KEYS_PER_SET_MAX * RSA_MODULUS_BITS_MAX / 6 < JWKS_BYTES_MAX);
};

/// Longest configuration document in bytes: [`AGENTS_MAX`] agents of 1 KiB each; Envoy's own limit is far above.
pub const CONFIG_BYTES_MAX: usize = 1024 * 1024;

/// Deepest nesting of JSON in a configuration: the shape needs 8 (a tool's scopes, a lineage pair), and inline keys their own.
pub const CONFIG_JSON_DEPTH_MAX: usize = 16;

/// Most characters of a configured value that an error quotes: a log line should stay a line.
pub const CONFIG_FOUND_CHARS_MAX: usize = 80;

/// Longest name of an environment variable in bytes that an error repeats: what is longer may be the secret itself.
pub const VARIABLE_SHOWN_BYTES_MAX: usize = 40;

/// Longest word of such a name in bytes, between underscores: 16 bytes of randomness have 32 digits and no underscore.
pub const VARIABLE_WORD_BYTES_MAX: usize = 16;

/// Longest name of a server or a resource in bytes: it labels metrics and stands in every log line.
pub const NAME_BYTES_MAX: usize = 64;

/// Longest other text in a configuration in bytes: agents' ids, names and owners, clusters, tools, methods.
pub const CONFIG_TEXT_BYTES_MAX: usize = 256;

/// Longest URL, audience or SPIFFE ID in bytes (SPIFFE-ID §2.3 allows 2048).
pub const URL_BYTES_MAX: usize = 2048;

/// Most keys or secrets of an agent at one server: the one in use and the next.
pub const CLIENT_KEYS_MAX: usize = 2;

/// Longest client secret in bytes: generated ones take 32 to 86.
pub const CLIENT_SECRET_BYTES_MAX: usize = 512;

/// Most authorization servers: each may hold a key set in every worker.
pub const SERVERS_MAX: usize = 32;

/// Most token types that one server's tokens may have.
pub const TYPES_MAX: usize = 8;

/// Most registered agents in a configuration: more belong into a registry that is not loaded whole.
pub const AGENTS_MAX: usize = 1024;

/// Most protected resources of a configuration, which is loaded whole into each worker.
pub const RESOURCES_MAX: usize = 256;

/// Most hosts of one resource.
pub const HOSTS_PER_RESOURCE_MAX: usize = 16;

/// Most web pages that may call one resource.
pub const ORIGINS_MAX: usize = 16;

/// Longest time in seconds that an answer may be allowed to go on: a day, as for a token.
pub const STREAM_SECONDS_MAX: u64 = LIFETIME_SECONDS_MAX;

/// Longest name of a header that a secret is injected in, in bytes.
pub const HEADER_NAME_BYTES_MAX: usize = 64;

/// Shortest injected secret in bytes: shorter ones are guessed, and found in answers that do not hold them.
pub const INJECTED_SECRET_BYTES_MIN: usize = 8;

/// Longest injected secret in bytes: brokered tokens may be JWTs of a few KiB, and every header of an answer is searched for it.
pub const INJECTED_SECRET_BYTES_MAX: usize = 4 * 1024;

/// Longest text before an injected secret in bytes: a scheme's name or a user's.
pub const INJECTED_PREFIX_BYTES_MAX: usize = 128;

/// Shortest secret in bytes that binds sessions or tasks to whom they serve: 128 bits in hexadecimal.
pub const BINDING_SECRET_BYTES_MIN: usize = 32;

/// Longest identifier of an MCP session or an A2A task in bytes: a UUID takes 36, a signed token some hundred.
pub const BOUND_ID_BYTES_MAX: usize = 1024;

/// Most tasks that one A2A message may refer to: each costs a digest, and an answer that names one is looked up among them.
pub const REFERENCED_TASKS_MAX: usize = 32;

/// Longest name of a tenant of an A2A agent in bytes: it goes into every digest.
pub const TENANT_BYTES_MAX: usize = 256;

/// Most tools of one resource: the largest MCP servers list a few hundred.
pub const TOOLS_PER_RESOURCE_MAX: usize = 512;

/// Most methods of one resource: MCP and A2A define some twenty each.
pub const METHODS_PER_RESOURCE_MAX: usize = 64;

/// Most operations of one REST resource: large public interfaces describe some hundred, and each is held against all others when it loads.
pub const OPERATIONS_PER_RESOURCE_MAX: usize = 512;

/// Most segments of one path template: interfaces that are written by people stay under ten.
pub const TEMPLATE_SEGMENTS_MAX: usize = 32;

/// Most rules on one document, query or path: each is looked up in every request it concerns.
pub const RULES_MAX: usize = 64;

/// Most values one rule may list.
pub const RULE_VALUES_MAX: usize = 256;

/// Most parameters in one query: forms that people fill in have a few dozen.
pub const QUERY_PARAMETERS_MAX: usize = 128;

/// Most subjects or actors that one operation may be limited to: more are better told apart by a scope.
pub const CALLERS_MAX: usize = 256;

/// Longest description of a tool in bytes that is shown in place of the server's.
pub const DESCRIPTION_BYTES_MAX: usize = 4096;

/// Longest list answer in bytes, and longest event of a stream with one: a list is held until it is complete.
/// Several hundred tools of 4 KiB each fit; servers divide longer lists into pages.
pub const LIST_ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Most withheld entries that one record names.
pub const WITHHELD_NAMES_MAX: usize = 16;

/// Most URLs beneath which one agent's push notifications may go.
pub const PUSH_TARGETS_MAX: usize = 32;

/// Longest scope in bytes: some servers use URLs as scopes.
pub const SCOPE_BYTES_MAX: usize = 512;

/// Most entity profiles in one list: the draft registers seven.
pub const PROFILES_MAX: usize = 16;

/// Longest entity profile in bytes: private ones are prefixed by a domain name of up to 253.
pub const PROFILE_BYTES_MAX: usize = 320;

/// Most pairs of claims that are compared between an inbound and an issued token.
pub const SAME_SUBJECT_MAX: usize = 8;

/// Longest JSON pointer in a configuration in bytes.
pub const POINTER_BYTES_MAX: usize = 256;

/// Longest time in days that a resource may observe instead of refusing, counted from the load: a quarter, after which habit sets in.
pub const OBSERVE_DAYS_MAX: u64 = 92;

/// Most rules on claims at one resource: each is looked at in every request.
pub const CLAIM_RULES_MAX: usize = 32;

/// Most values that one rule on a claim may list.
pub const CLAIM_RULE_VALUES_MAX: usize = 64;

/// Most entries of the table of who may be served by whom at one resource: each is looked at in every request.
pub const PAIRS_MAX: usize = 256;

/// Most names in one list of an entry of that table, and most agents or resources in any other list of names.
pub const NAMES_PER_LIST_MAX: usize = 256;

/// Most groups of one subject that are looked at: directories cap what they put into tokens at some 200.
pub const GROUPS_MAX: usize = 512;

/// Most `acr` values of one resource: all stand in the challenge.
pub const ACR_VALUES_MAX: usize = 8;

/// Longest time in seconds since a sign-in that may be demanded: 30 days, as long as identity providers keep a session.
pub const AUTHENTICATION_AGE_SECONDS_MAX: u64 = 30 * 24 * 60 * 60;

/// Most actors that a configuration may allow in a chain: a person can still follow that many hand-overs.
pub const ACTORS_MAX: usize = 16;

/// Longest time for one call in milliseconds: clients and Envoy's own routes (15 s) have given up by then.
pub const TIMEOUT_MILLIS_MAX: u32 = 30_000;

/// Shortest time between two fetches of a key set in seconds: less would be a load on the issuer.
pub const JWKS_REFRESH_SECONDS_MIN: u64 = 10;

/// Longest time between two fetches of a key set in seconds: a day without noticing a withdrawn key is too long already.
pub const JWKS_REFRESH_SECONDS_MAX: u64 = 24 * 60 * 60;

/// Longest time in seconds that a key set verifies without a successful fetch.
pub const JWKS_STALE_SECONDS_MAX: u64 = 24 * 60 * 60;

/// Longest metadata document in bytes: large issuers publish about ten KiB.
pub const METADATA_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of JSON in a metadata document: the shape needs 2, and members that are not read may hold a key set.
pub const METADATA_JSON_DEPTH_MAX: usize = 8;

/// Shortest time in seconds after which metadata may be fetched anew: it changes with deployments.
pub const METADATA_REFRESH_SECONDS_MIN: u64 = 60;

/// Longest time in seconds that metadata may be gone by without looking again.
pub const METADATA_REFRESH_SECONDS_MAX: u64 = 24 * 60 * 60;

/// Longest time in seconds that metadata may be gone by while none can be fetched: a weekend and the day after.
pub const METADATA_STALE_SECONDS_MAX: u64 = 72 * 60 * 60;

/// Longest time in seconds between two attempts to fetch metadata that fail: it doubles from one second to this.
pub const METADATA_RETRY_SECONDS_MAX: u64 = 16;

/// Most places besides the issuer's own that metadata may name.
pub const DISCOVERY_AUTHORITIES_MAX: usize = 8;

/// Largest difference of clocks in seconds that may be allowed for: more prolongs every token noticeably.
pub const CLOCK_SKEW_SECONDS_MAX: u64 = 5 * 60;

/// Longest lifetime of a token in seconds that may be accepted: a day, the most that common issuers give.
pub const LIFETIME_SECONDS_MAX: u64 = 24 * 60 * 60;

/// Smallest bound on request bodies in bytes: a JSON-RPC call with a few arguments fits.
pub const BODY_BYTES_MIN: usize = 1024;

/// Largest bound on request bodies in bytes: each request in flight may hold that much of the VM's memory.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Longest actor identifier or namespace in bytes: as long as any other claim text.
pub const ACTOR_ID_BYTES_MAX: usize = CLAIM_TEXT_BYTES_MAX;

/// Deepest nesting of JSON in a request or in a token endpoint's answer: tool arguments seldom pass 10.
pub const JSON_DEPTH_MAX: usize = 64;

/// Longest JSON-RPC method name in bytes; the longest registered one takes under 50.
pub const RPC_METHOD_BYTES_MAX: usize = 128;

/// Longest JSON-RPC id in bytes: a UUID takes 36, and it is repeated in every refusal.
pub const RPC_ID_BYTES_MAX: usize = 256;

/// Most entries of the list of what is withdrawn: each takes about 200 bytes in every worker, and more are a matter for the issuer.
pub const REVOKED_MAX: usize = 4096;

/// Longest time an answer about an opaque token may count: until then a token that was revoked is still believed.
pub const INTROSPECTION_AGE_SECONDS_MAX: u64 = 5 * 60;

/// How long an answer counts that a token is not active: a token seldom becomes it, and nobody should ask twice in a breath.
pub const INACTIVE_TOKEN_SECONDS: u64 = 5;

/// How long a request may wait, for its body or a token, by what was said of its own token when it came.
pub const INTROSPECTION_STANDS_SECONDS: u64 = 60;

/// Longest answer about a token in bytes: claims are as those of a JWT, which is no longer than [`TOKEN_BYTES_MAX`].
pub const INTROSPECTION_RESPONSE_BYTES_MAX: usize = 64 * 1024;

/// Most opaque tokens that a worker knows.
pub const INTROSPECTED_TOKENS_MAX: usize = 1024;

/// Most texts that a worker knows not to be active.
pub const INACTIVE_TOKENS_MAX: usize = 256;

/// What the known ones of either kind may take, in bytes: their texts, and their claims as read.
pub const INTROSPECTED_TOKENS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most API keys of one agent: the one in use and the next, and room for a third party that is slow to change.
pub const API_KEYS_PER_AGENT_MAX: usize = 4;

/// Shortest API key in bytes: its digest stands in a document that many read, and a shorter one might be found by trying.
pub const API_KEY_BYTES_MIN: usize = 32;

/// Longest API key in bytes: more are no key, and each is hashed before anybody is known.
pub const API_KEY_BYTES_MAX: usize = 256;

/// Most issuers that one resource takes tokens of beside its own: more are no longer one decision.
pub const OTHER_ISSUERS_MAX: usize = 8;

/// How long a client assertion lives in seconds: enough for one call with a slow clock, far under the hour that servers accept.
pub const CLIENT_ASSERTION_LIFETIME_SECONDS: u64 = 60;

/// Longest answer of a token endpoint in bytes: one token and a few members.
pub const TOKEN_RESPONSE_BYTES_MAX: usize = 64 * 1024;

/// Longest life of an identity assertion in seconds; the profile's examples use 300.
pub const ID_JAG_LIFETIME_SECONDS_MAX: u64 = 900;

/// How much life a cached token must have left in seconds, so that it does not end on its way to the upstream.
pub const TOKEN_EXPIRY_MARGIN_SECONDS: u64 = 10;

/// Most subjects, by the agent and at the resource where an upstream refused fresh tokens of theirs, that are remembered.
pub const REFUSED_SUBJECTS_MAX: usize = 1024;

/// Longest wait in seconds before a token is asked for again that an upstream keeps refusing: an operator who repairs it sees the effect within a minute.
pub const UPSTREAM_BACKOFF_SECONDS_MAX: u64 = 60;

/// Most spent identity assertions that are remembered: 32 bytes each, more than are in the air at any time.
pub const SPENT_GRANTS_MAX: usize = 4096;

/// Shortest time in seconds between two fetches of one key set while the old one serves: invented `kid`s cause no more than this.
pub const KEY_FETCH_INTERVAL_SECONDS_MIN: u64 = 5;

/// Shortest time in seconds between two fetches while there is no usable key set at all.
pub const KEY_RETRY_INTERVAL_SECONDS: u64 = 1;

/// Bad signatures of one peer that are checked at once.
pub const BAD_SIGNATURES_BURST: u32 = 100;

/// Bad signatures of one peer that are checked in a second from then on.
pub const BAD_SIGNATURES_PER_SECOND: u32 = 10;

/// Bad signatures that are checked at once of all peers together that never sent a good one, those with a certificate and those without counted apart: a fifth of a second of a worker's time where the guest computes, and a fiftieth where the host does.
pub const STRANGERS_BAD_SIGNATURES_BURST: u32 = 200;

/// And in a second from then on: one part in twenty of a worker's time where the guest computes.
pub const STRANGERS_BAD_SIGNATURES_PER_SECOND: u32 = 50;

/// Most peers whose bad signatures are counted.
pub const SUSPECT_PEERS_MAX: usize = 1024;

/// Most peers that are known by a good token.
pub const KNOWN_PEERS_MAX: usize = 4096;

const _: () = {
    assert!(JSON_DEPTH_MAX <= JSON_DEPTH_CEILING);
    assert!(TOKEN_BYTES_MAX < TOKEN_RESPONSE_BYTES_MAX);
    assert!(KEY_RETRY_INTERVAL_SECONDS <= KEY_FETCH_INTERVAL_SECONDS_MIN);
    assert!(KEY_FETCH_INTERVAL_SECONDS_MIN <= JWKS_REFRESH_SECONDS_MIN);
    assert!(CLIENT_ASSERTION_LIFETIME_SECONDS < 3600);
    assert!(BAD_SIGNATURES_BURST < STRANGERS_BAD_SIGNATURES_BURST);
};
