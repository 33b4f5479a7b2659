//! Admission: what the request headers say beside the credential, and what of them must not travel on.

use std::borrow::Cow;
use std::sync::Arc;

use crate::a2a::{self, PublicCard};
use crate::bearer;
use crate::config::{Config, Exchange, Protocol, Resource};
use crate::dpop::Target;
use crate::flow::Lease;
use crate::flow::actor;
use crate::flow::arrival::{self, Arrival};
use crate::flow::credential::{self, Shown};
use crate::limits::NUMERIC_DATE_SECONDS_MAX;
use crate::plugin::Plugin;
use crate::record::Source;
use crate::redacted::Redacted;
use crate::rejection::Rejection;
use crate::request::{Ambient, RequestHead, StreamId, TransactionId};
use crate::rest::NoTarget;
use crate::routing::Place;
use crate::session::{LAST_EVENT_ID, SESSION_ID};
use crate::step::{BodyPlan, Forward, HeaderEdits, Observation, RefusalContext, ResponsePlan, Step};
use crate::time::UnixSeconds;
use crate::{mcp, metadata, words};

/// Headers that a caller must not set for the upstream, or whose worth ends here.
///
/// The inbound proofs are for this gateway; an upstream could only be misled by them.
const STRIPPED: [&str; 10] = [
    "x-forwarded-access-token",
    "proxy-authorization",
    "proxy-connection",
    "dpop",
    "txn-token",
    "x-forwarded-client-cert",
    // RFC 9440 §2: what a proxy says of its client's certificate.
    "client-cert",
    "client-cert-chain",
    "workload-identity-token",
    "workload-proof-token",
];

/// Headers that name another target or method, which would undo what was judged.
const RETARGETING: [&str; 5] =
    ["x-original-url", "x-rewrite-url", "x-http-method", "x-http-method-override", "x-method-override"];

/// Headers that were judged under their own name, so that a second spelling of one must not travel beside it.
const DECIDING: [&str; 11] = [
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "last-event-id",
    "a2a-version",
    "origin",
];

/// Headers that would lead around the binding of tasks: by an event of another's stream, by another's request of the same key,
/// and into the midst of an answer, where its own text reads as if the agent said it.
const AROUND_TASKS: [&str; 5] = [LAST_EVENT_ID, "idempotency-key", "x-idempotency-key", "range", "if-range"];

/// A request as far as its headers go, owned, so that it can wait.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) stream: StreamId,
    pub(super) resource: Arc<Resource>,
    pub(super) shown: Shown,
    /// What the request says of who acts, in a token of its own; nobody has looked into it.
    pub(super) actor_token: Option<Redacted<String>>,
    pub(super) strip: Vec<String>,
    /// The session that the client names, where the resource binds sessions.
    pub(super) session_id: Option<String>,
    /// Where it goes, where the gateway proves a key to the upstream.
    pub(super) target: Option<Target>,
    pub(super) arrival: Arrival,
    pub(super) end_of_stream: bool,
    pub(super) context: RefusalContext,
}

/// Decides on the headers of a request as far as they allow.
pub fn handle_request_headers(plugin: &mut Plugin, ambient: &mut Ambient<'_>, head: &RequestHead<'_>) -> Step {
    let txn = TransactionId::new((ambient.draw)());
    let mut context = RefusalContext::new(txn, ambient.now);
    let place = match Place::of(head) {
        Ok(place) => place,
        Err(rejection) => return context.refuse(rejection),
    };
    if let Some(resource) = plugin.routes.document(&place) {
        return tell_document(resource, head, context);
    }
    let config = plugin.config();
    let resource = match plugin.routes.find(&place) {
        Ok(resource) => Arc::clone(resource),
        Err(rejection) => return context.refuse(rejection),
    };
    context.record.at_resource(&resource);
    context.shape = arrival::refusal_shape(&resource, head);
    context.allow = Cow::Borrowed(arrival::methods_served(&resource));
    context.resource = Some(Arc::clone(&resource));
    let observing = resource.observe.as_ref().and_then(|observe| observe.of_everything(ambient.now));
    context.observing = observing.map(|observing| Observation::new(observing, misleading(head, &config)));
    context.is_dpop = resource.accept.dpop.is_some() && bearer::is_dpop(head);
    if let Protocol::A2a(policy) = &resource.protocol
        && let Some(card) = a2a::card(policy, &resource.path_prefix, head)
    {
        return match check_origin(&resource, head) {
            Ok(()) => pass_card(&card, (&config, &resource), head, context, ambient.now),
            Err(rejection) => context.refuse(rejection),
        };
    }
    match read_head(&config, &resource, head) {
        Ok(Read { shown, actor_token, arrival, target }) => {
            let arrived = Arrived {
                stream: head.stream,
                shown,
                actor_token,
                strip: stripped(&config, &resource, &arrival, head),
                session_id: session_shown(&resource, &arrival, head),
                target,
                arrival,
                end_of_stream: head.end_of_stream,
                resource,
                context,
            };
            credential::admit(plugin, ambient, arrived)
        }
        Err(rejection) => context.refuse(rejection),
    }
}

/// How a client finds out how to get a token for the resource.
fn tell_document(resource: &Arc<Resource>, head: &RequestHead<'_>, mut context: RefusalContext) -> Step {
    context.record.at_resource(resource);
    context.allow = Cow::Borrowed("GET, HEAD");
    match metadata::document(resource, head) {
        Ok(document) => context.tell(&document),
        Err(rejection) => context.refuse(rejection),
    }
}

/// The card of an agent that shows it to everybody: nobody's credential goes on, and the answer comes back as the agent signed it.
fn pass_card(
    card: &PublicCard,
    (config, resource): (&Config, &Resource),
    head: &RequestHead<'_>,
    mut context: RefusalContext,
    now: UnixSeconds,
) -> Step {
    context.record.operation("agent-card");
    let strip = stripped(config, resource, &Arrival::A2a(Err(NoTarget::Refused(Rejection::MethodNotMapped))), head);
    let edits = HeaderEdits::without_credential(card, strip, &context.txn);
    let record = context.record.clone().allowed(Source::Public, None, None);
    // There is no token that could end.
    let lease = Lease::new(resource.streams, now, UnixSeconds::new(NUMERIC_DATE_SECONDS_MAX));
    let response = Box::new(ResponsePlan::plain(context, lease));
    Step::Forward(Box::new(Forward { edits, body: BodyPlan::Release, response, record }))
}

/// What the headers say.
struct Read {
    shown: Shown,
    actor_token: Option<Redacted<String>>,
    arrival: Arrival,
    target: Option<Target>,
}

/// The checks that cost nothing come first: credential, then form.
fn read_head(config: &Config, resource: &Resource, head: &RequestHead<'_>) -> Result<Read, Rejection> {
    check_origin(resource, head)?;
    let shown = Shown::read(config, resource, head)?;
    let actor_token = actor::read(resource, head)?;
    let arrival = Arrival::read(resource, head)?;
    let proves = matches!(&resource.exchange, Exchange::Acquire(acquisition) if acquisition.dpop.is_some());
    let target = proves.then(|| Target::of(head)).transpose()?;
    Ok(Read { shown, actor_token, arrival, target })
}

/// MCP: "Servers MUST validate the `Origin` header on all incoming connections". Only browsers send one.
fn check_origin(resource: &Resource, head: &RequestHead<'_>) -> Result<(), Rejection> {
    match head.single_text("origin") {
        Ok(None) => Ok(()),
        Ok(Some(origin)) if resource.accept.origins.contains(origin) => Ok(()),
        Ok(Some(_)) | Err(_) => Err(Rejection::OriginRefused),
    }
}

/// What no upstream may be told even where nothing is refused: an identity in our name, an API key of this gateway's, an actor token,
/// or another target than the one that was routed.
fn misleading(head: &RequestHead<'_>, config: &Config) -> Vec<String> {
    named(head, |read_as, _| {
        ends_here(config, read_as) || read_as.starts_with("x-actgate-") || RETARGETING.contains(&read_as)
    })
}

fn stripped(config: &Config, resource: &Resource, arrival: &Arrival, head: &RequestHead<'_>) -> Vec<String> {
    named(head, |read_as, name| {
        STRIPPED.contains(&read_as)
            || RETARGETING.contains(&read_as)
            || read_as.starts_with("x-actgate-")
            || ends_here(config, read_as)
            || (resource.strip_cookies && read_as == "cookie")
            || arrival.strips(read_as)
            || (AROUND_TASKS.contains(&read_as) && binds_tasks(resource))
            || matches!(&resource.exchange, Exchange::Inject(injection) if injection.header() == read_as)
            || (read_as != name && (DECIDING.contains(&read_as) || read_as.starts_with(mcp::PARAMETER)))
    })
}

/// Whether the header carries a credential that is for this gateway alone, whichever resource takes it.
fn ends_here(config: &Config, read_as: &str) -> bool {
    Some(read_as) == config.api_key_header.as_deref()
        || config.actor_token_headers.iter().any(|header| **header == *read_as)
}

fn binds_tasks(resource: &Resource) -> bool {
    matches!(&resource.protocol, Protocol::A2a(policy) if policy.tasks.is_some())
}

/// CGI and its descendants (RFC 3875 §4.1.18) make one variable of `x_a` and `x-a`.
fn read_as(name: &str) -> Cow<'_, str> {
    if words::are_plain_names(name.as_bytes()) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.to_ascii_lowercase().replace('_', "-"))
}

/// The session that the client names, where somebody has to know.
fn session_shown(resource: &Resource, arrival: &Arrival, head: &RequestHead<'_>) -> Option<String> {
    match &resource.protocol {
        Protocol::Mcp(policy) if policy.session_secret.is_some() && !arrival.strips(SESSION_ID) => {
            head.single_text(SESSION_ID).ok().flatten().map(str::to_owned)
        }
        Protocol::Mcp(_) | Protocol::A2a(_) | Protocol::Rest(_) => None,
    }
}

/// The names of headers that are chosen by how an upstream reads them, each once.
fn named(head: &RequestHead<'_>, chosen: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut names: Vec<String> = head
        .headers
        .iter()
        // None of those that begin with a colon is ever chosen: they are what is judged.
        .filter(|(name, _)| !name.starts_with(b":"))
        .filter_map(|(name, _)| core::str::from_utf8(name).ok())
        .filter(|name| chosen(&read_as(name), name))
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
