//! Authorization: from the delegation and the body to the token that goes upstream.

use std::sync::Arc;

use crate::config::{Exchange, Protocol};
use crate::delegation::policy::AuthorizedDelegation;
use crate::exchange::cache::IssuedToken;
use crate::exchange::request::{ExchangeKey, ExchangeRequest};
use crate::flight::Landing;
use crate::flow::Joined;
use crate::flow::admission::Arrived;
use crate::jwt::JwtError;
use crate::operation::Operation;
use crate::plugin::Plugin;
use crate::record::Source;
use crate::rejection::Rejection;
use crate::request::Ambient;
use crate::rpc::RpcCall;
use crate::step::{BodyPlan, Forward, HeaderEdits, Reply, ResponsePlan, Step};
use crate::{a2a, mcp};

/// An admitted request.
#[derive(Debug)]
struct Admitted {
    arrived: Arrived,
    delegation: AuthorizedDelegation,
}

/// Goes on after admission: by the body where the host lets us hold the headers for it, by the headers alone where it does not.
pub(super) fn begin(
    plugin: &mut Plugin,
    ambient: &mut Ambient<'_>,
    arrived: Arrived,
    delegation: AuthorizedDelegation,
) -> Step {
    if arrived.end_of_stream {
        return arrived.context.refuse(Rejection::BodyInvalid);
    }
    let admitted = Admitted { arrived, delegation };
    if plugin.config().hold_headers {
        return Step::ReadBody { limit: admitted.arrived.resource.body_bytes_max, then: AwaitBody(Box::new(admitted)) };
    }
    match admitted.judge_early() {
        Ok(operation) => admitted.obtain(plugin, ambient, operation, Judged::ByHeaders),
        Err(rejection) => admitted.arrived.context.refuse(rejection),
    }
}

/// Waits for the whole body.
#[derive(Debug)]
pub struct AwaitBody(Box<Admitted>);

impl AwaitBody {
    /// Takes the whole body.
    pub fn handle_body(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>, body: &[u8]) -> Step {
        let mut admitted = *self.0;
        // A body may come slowly, and the token end on the way.
        match still_admitted(&admitted, plugin, ambient).and_then(|()| admitted.judge(body)) {
            Ok(operation) => admitted.obtain(plugin, ambient, operation, Judged::ByBody),
            Err(rejection) => admitted.arrived.context.refuse(rejection),
        }
    }

    /// The body grew past the limit that came with the step.
    pub fn handle_too_large(self) -> Step {
        self.0.arrived.context.refuse(Rejection::BodyTooLarge)
    }
}

/// What the operation was told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    ByBody,
    ByHeaders,
}

impl Admitted {
    fn judge(&mut self, body: &[u8]) -> Result<Operation, Rejection> {
        let call = RpcCall::parse(body)?;
        self.arrived.context.rpc_id.clone_from(&call.id);
        let operation = match (&self.arrived.resource.protocol, &self.arrived.hints) {
            (Protocol::Mcp(policy), Some(hints)) => mcp::judge(policy, hints, &call, &self.delegation),
            (Protocol::A2a(policy), _) => a2a::judge(policy, &call, &self.delegation),
            (Protocol::Mcp(_), None) => Err(Rejection::Internal("MCP request without its headers")),
        };
        // What was refused is on record by the name it was called, if that is a mapped one or at least well-formed.
        self.arrived.context.record.operation(&label(&call));
        operation
    }

    fn judge_early(&self) -> Result<Operation, Rejection> {
        match (&self.arrived.resource.protocol, &self.arrived.hints) {
            (Protocol::Mcp(policy), Some(hints)) => mcp::judge_early(policy, hints, &self.delegation),
            // A2A methods differ in nothing that the exchange needs: the body decides before it is released.
            (Protocol::A2a(_), _) => Ok(Operation {
                label: "(resource)".to_owned(),
                scopes: crate::config::ScopeSet::default(),
                reuse_max: None,
            }),
            (Protocol::Mcp(_), None) => Err(Rejection::Internal("MCP request without its headers")),
        }
    }

    fn obtain(mut self, plugin: &mut Plugin, ambient: &mut Ambient<'_>, operation: Operation, judged: Judged) -> Step {
        self.arrived.context.scopes_needed = operation.scopes.to_parameter();
        if judged == Judged::ByHeaders {
            self.arrived.context.record.operation(&operation.label);
        }
        let exchange = match &self.arrived.resource.exchange {
            Exchange::PassThrough { .. } => {
                return self.release(None, Source::PassedThrough, operation, judged);
            }
            Exchange::IdJag(exchange) => Arc::clone(exchange),
        };
        let request = ExchangeRequest::new(
            &self.delegation,
            &self.arrived.token,
            &exchange,
            &operation.scopes,
            &plugin.config().digest,
            &self.arrived.context.txn,
        );
        let key = request.key();
        if let Some(issued) = plugin.issued.find(key, operation.reuse_max, ambient.now) {
            return self.release(Some((key, issued)), Source::Cached, operation, judged);
        }
        match plugin.join_exchange(request, operation.reuse_max, self.arrived.stream, ambient.now) {
            Ok(flight) => {
                let waiting = AwaitToken { admitted: self, operation, judged, key };
                Step::Join { flight, then: Joined::Token(Box::new(waiting)) }
            }
            Err(rejection) => self.arrived.context.refuse(rejection),
        }
    }

    fn release(
        self,
        issued: Option<(ExchangeKey, Arc<IssuedToken>)>,
        source: Source,
        operation: Operation,
        judged: Judged,
    ) -> Step {
        let Arrived { context, strip, resource, .. } = self.arrived;
        let edits = match &issued {
            Some((_, token)) => HeaderEdits::authorize(token, strip, &context.txn),
            None => HeaderEdits::pass_through(strip, &context.txn),
        };
        let token = issued.as_ref().map(|(_, token)| token.as_ref());
        let record = context.record.clone().allowed(source, token);
        let body = match judged {
            Judged::ByBody => BodyPlan::Release,
            Judged::ByHeaders => BodyPlan::HoldUntil {
                limit: resource.body_bytes_max,
                then: CheckBody(Box::new(BodyCheck {
                    protocol: resource.protocol.clone(),
                    hints: self.arrived.hints,
                    delegation: self.delegation,
                    granted: operation,
                    context: context.clone(),
                })),
            },
        };
        let response = ResponsePlan { exchanged: issued.map(|(key, _)| key), refusal: context };
        Step::Forward(Box::new(Forward { edits, body, response, record }))
    }
}

/// For records; a method name is the caller's text, so only a short, plain one is repeated.
fn label(call: &RpcCall) -> String {
    let name = match call.param("name") {
        Ok(Some(name)) if call.method == "tools/call" => name,
        Ok(_) | Err(_) => call.method.as_str(),
    };
    // A name that begins like a token may be one, sent there by mistake or to be found in the log.
    let plain = name.len() <= 128
        && !name.contains("eyJ")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    if plain { name.to_owned() } else { "(unprintable)".to_owned() }
}

/// Waits for the exchanged token.
#[derive(Debug)]
pub struct AwaitToken {
    admitted: Admitted,
    operation: Operation,
    judged: Judged,
    key: ExchangeKey,
}

impl AwaitToken {
    pub(super) fn handle_token(self, plugin: &mut Plugin, ambient: &mut Ambient<'_>, landing: &Landing) -> Step {
        let issued = match landing {
            Landing::Token(Ok(issued)) => Arc::clone(issued),
            Landing::Token(Err(rejection)) => return self.admitted.arrived.context.refuse(*rejection),
            Landing::Keys => {
                let wrong = Rejection::Internal("keys landed where a token was awaited");
                return self.admitted.arrived.context.refuse(wrong);
            }
        };
        match still_holds(&self.admitted, plugin, ambient, &issued) {
            Ok(()) => self.admitted.release(Some((self.key, issued)), Source::Exchanged, self.operation, self.judged),
            Err(rejection) => self.admitted.arrived.context.refuse(rejection),
        }
    }
}

/// The wait may have been long: what held before it must hold now.
fn still_admitted(admitted: &Admitted, plugin: &Plugin, ambient: &Ambient<'_>) -> Result<(), Rejection> {
    let server = &admitted.arrived.resource.accept.server;
    let ends = admitted.delegation.expires_at().saturating_add(server.clock_skew);
    if ambient.now >= ends {
        return Err(Rejection::Token(JwtError::Expired));
    }
    if !plugin.keys.still_trusts(server, &admitted.delegation.key_thumbprint(), ambient.now) {
        return Err(Rejection::Token(JwtError::UnknownKid));
    }
    Ok(())
}

fn still_holds(
    admitted: &Admitted,
    plugin: &Plugin,
    ambient: &Ambient<'_>,
    issued: &IssuedToken,
) -> Result<(), Rejection> {
    still_admitted(admitted, plugin, ambient)?;
    if ambient.now >= issued.expires_at {
        return Err(Rejection::AuthorizationServerAnswerInvalid);
    }
    Ok(())
}

/// A released request whose body is still held, because its headers had to go first.
#[derive(Debug)]
pub struct CheckBody(Box<BodyCheck>);

#[derive(Debug)]
struct BodyCheck {
    protocol: Protocol,
    hints: Option<mcp::Hints>,
    delegation: AuthorizedDelegation,
    granted: Operation,
    context: crate::step::RefusalContext,
}

/// What becomes of a held body.
#[derive(Debug)]
#[must_use]
pub enum BodyVerdict {
    /// It says what its headers said.
    Release,
    /// It does not; the upstream gets no byte of it.
    Reply(Box<Reply>),
}

impl CheckBody {
    /// Takes the whole body.
    pub fn handle_body(self, body: &[u8]) -> BodyVerdict {
        let mut check = *self.0;
        match check.judge(body) {
            Ok(()) => BodyVerdict::Release,
            Err(rejection) => BodyVerdict::Reply(Box::new(check.context.reply(rejection))),
        }
    }

    /// The body grew past its limit.
    pub fn handle_too_large(self) -> BodyVerdict {
        BodyVerdict::Reply(Box::new(self.0.context.reply(Rejection::BodyTooLarge)))
    }
}

impl BodyCheck {
    fn judge(&mut self, body: &[u8]) -> Result<(), Rejection> {
        let call = RpcCall::parse(body)?;
        self.context.rpc_id.clone_from(&call.id);
        self.context.record.operation(&label(&call));
        let operation = match (&self.protocol, &self.hints) {
            (Protocol::Mcp(policy), Some(hints)) => mcp::judge(policy, hints, &call, &self.delegation)?,
            (Protocol::A2a(policy), _) => a2a::judge(policy, &call, &self.delegation)?,
            (Protocol::Mcp(_), None) => return Err(Rejection::Internal("MCP request without its headers")),
        };
        // A tool that limits the use of its tokens must be known before one is sent: the one that went ahead may have served before.
        if operation.reuse_max.is_some() && operation.reuse_max != self.granted.reuse_max {
            return Err(Rejection::ToolUnknownBeforeBody);
        }
        // The token that went ahead must carry what this operation needs.
        if operation.scopes.iter().all(|scope| self.granted.scopes.contains(scope)) {
            Ok(())
        } else {
            Err(Rejection::HeaderMismatch)
        }
    }
}
