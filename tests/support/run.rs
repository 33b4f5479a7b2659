//! Running one case against one gateway.

use std::collections::{BTreeMap, BTreeSet};

use actgate::dev::issuer::http::UnixSeconds;
use actgate::dev::world::{World, streamward};
use serde_json::{Value, json};

use crate::case::{Case, RequestRecipe, Step};
use crate::gateway::{Gateway, Observation, Request, Seen};
use crate::{peer, proof, token};

/// The configuration of `world` with the edits of `case`.
pub fn configuration(world: &World, case: &Case, base: &Value) -> Value {
    let mut document = base.clone();
    for edit in &case.config {
        let mut new = edit.set.clone();
        resolve_keys(world, &mut new);
        let (parent, member) = edit.at.rsplit_once('/').expect("a pointer has a slash");
        let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{}: nothing at {}", case.id, edit.at));
        match (parent, new.is_null()) {
            (Value::Object(members), true) => {
                members.remove(member);
            }
            (Value::Object(members), false) => {
                members.insert(member.to_owned(), new);
            }
            (Value::Array(items), false) if member == "-" => items.push(new),
            (Value::Array(items), false) => {
                let at: usize = member.parse().expect("an index");
                items[at] = new;
            }
            _ => panic!("{}: cannot edit {}", case.id, edit.at),
        }
    }
    document
}

/// `{"jwk": "<key>", ...}` becomes that public key, with the other members set over it; `{"pem": "<key>"}` becomes the private one,
/// `{"thumbprint_of": "<key>"}` its thumbprint, `{"certificate_sha256_of": "<peer>"}` the digest of that certificate.
fn resolve_keys(world: &World, value: &mut Value) {
    if let Some(name) = value.get("thumbprint_of").and_then(Value::as_str) {
        *value = json!(proof::thumbprint(world, name));
        return;
    }
    if let Some(name) = value.get("certificate_sha256_of").and_then(Value::as_str) {
        *value = json!(peer::certificate_sha256(world, name).map(|byte| format!("{byte:02x}")).concat());
        return;
    }
    if let Some(name) = value.get("pem").and_then(Value::as_str) {
        *value = json!(token::key(world, name).to_pem());
        return;
    }
    if let Some(name) = value.get("jwk").and_then(Value::as_str) {
        let mut jwk = token::key(world, name).public_jwk().to_json();
        for (member, over) in value.as_object().into_iter().flatten().filter(|(member, _)| *member != "jwk") {
            jwk[member.as_str()] = over.clone();
        }
        *value = jwk;
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| resolve_keys(world, member)),
        Value::Array(items) => items.iter_mut().for_each(|item| resolve_keys(world, item)),
        _ => {}
    }
}

/// A tool call as an MCP client sends it.
pub fn tool_call(tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {"query": "renewal"}}})
}

fn request(world: &World, recipe: &RequestRecipe, token: Option<&str>) -> Request {
    let body = if recipe.no_body {
        None
    } else if let Some(raw) = &recipe.raw_body {
        Some(raw.clone().into_bytes())
    } else if let Some(bytes) = recipe.body_bytes {
        Some(padded_call(bytes))
    } else if let Some(digits) = &recipe.body_hex {
        Some(unhex(digits))
    } else if let Some(depth) = recipe.body_depth {
        Some(nested_call(depth))
    } else {
        let body = recipe.body.clone().unwrap_or_else(|| tool_call("query_knowledge_base"));
        Some(body.to_string().into_bytes())
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    match (&recipe.authorization, token) {
        (Some(values), _) => {
            let token = token.unwrap_or_default();
            headers.extend(values.iter().map(|value| ("authorization".to_owned(), value.replace("{token}", token))));
        }
        (None, Some(token)) => headers.push(("authorization".to_owned(), format!("Bearer {token}"))),
        (None, None) => {}
    }
    if let Some(content_type) = &recipe.content_type {
        headers.push(("content-type".to_owned(), content_type.clone()));
    }
    headers.push(("accept".to_owned(), "application/json, text/event-stream".to_owned()));
    headers.extend(recipe.headers.iter().cloned());
    Request {
        method: recipe.method.clone().unwrap_or_else(|| "POST".to_owned()),
        path: recipe.path.clone().unwrap_or_else(|| "/auroradb/mcp".to_owned()),
        host: recipe.host.clone().unwrap_or_else(|| world.gateway_host.clone()),
        headers,
        body,
        peer: match recipe.peer.as_deref() {
            None => Some(streamward::KNOWLEDGE_AGENT.to_owned()),
            Some("none") => None,
            Some(agent) => Some(agent.to_owned()),
        },
    }
}

fn padded_call(bytes: usize) -> Vec<u8> {
    let empty = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "query_knowledge_base", "arguments": {"query": ""}}})
    .to_string();
    let padding = "x".repeat(bytes.checked_sub(empty.len()).expect("room for the call itself"));
    empty.replace("\"query\":\"\"", &format!("\"query\":\"{padding}\"")).into_bytes()
}

/// The message, its parameters and its arguments are three levels.
fn nested_call(depth: usize) -> Vec<u8> {
    let levels = depth.checked_sub(3).expect("room for the call itself");
    let nested = format!("{}0{}", "[".repeat(levels), "]".repeat(levels));
    let call = tool_call("query_knowledge_base").to_string();
    call.replace("\"renewal\"", &nested).into_bytes()
}

fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

/// What was wrong with a case, and where.
#[derive(Debug)]
pub struct Wrong {
    /// The step.
    pub step: usize,
    /// The case, the step and what was seen instead.
    pub text: String,
}

/// Runs `case` and returns what was seen at each step, or what was wrong.
pub fn run(world: &World, case: &Case, gateway: &mut dyn Gateway) -> Result<Vec<Observation>, String> {
    around(world, case, gateway, true).map_err(|wrong| wrong.text)
}

/// The same, and at which step it was.
pub fn run_until_wrong(world: &World, case: &Case, gateway: &mut dyn Gateway) -> Result<Vec<Observation>, Wrong> {
    around(world, case, gateway, true)
}

/// Runs `case` and returns what was seen at each step, whatever its steps want: for a gateway that is compared with another one
/// under a configuration that the case was not written for.
pub fn observe(world: &World, case: &Case, gateway: &mut dyn Gateway) -> Result<Vec<Observation>, String> {
    around(world, case, gateway, false).map_err(|wrong| wrong.text)
}

fn around(world: &World, case: &Case, gateway: &mut dyn Gateway, judged: bool) -> Result<Vec<Observation>, Wrong> {
    order(gateway, &case.issuers);
    let seen = run_steps(world, case, gateway, judged);
    gateway.behave();
    gateway.upstream_answers(200);
    gateway.upstream_says(None);
    seen
}

fn run_steps(world: &World, case: &Case, gateway: &mut dyn Gateway, judged: bool) -> Result<Vec<Observation>, Wrong> {
    let mut seen = Vec::new();
    let mut tokens = Vec::new();
    let mut proofs: Vec<Option<String>> = Vec::new();
    let mut svids: Vec<Option<String>> = Vec::new();
    let mut used = BTreeSet::new();
    // Tokens of one case are minted for the same moment, so that equal recipes give equal tokens wherever they run.
    let mut now = gateway.now();
    for (at, step) in case.steps.iter().enumerate() {
        if step.behave {
            gateway.behave();
        }
        order(gateway, &step.issuers);
        if step.after_seconds > 0 {
            if !gateway.advance(step.after_seconds) {
                return Err(Wrong { step: at, text: format!("{}: {} cannot move time", case.id, gateway.name()) });
            }
            if !step.token.minted_at_start {
                now += step.after_seconds;
            }
        }
        gateway.upstream_answers(step.upstream);
        gateway.upstream_says(step.upstream_answer.as_ref());
        let token = token::make(world, UnixSeconds(now), &case.id, &step.token, &tokens);
        let mut request = request(world, &step.request, token.as_deref());
        let svid =
            step.svid.as_ref().and_then(|recipe| token::make_svid(world, UnixSeconds(now), &case.id, recipe, &svids));
        show_svid(&mut request, svid.as_deref(), token.as_deref());
        let proof = step.dpop.as_ref().map(|recipe| {
            let (name, token) = (format!("{}-{at}", case.id), token.as_deref().unwrap_or_default());
            let around = proof::Around { world, now: UnixSeconds(now), name, token, earlier: &proofs, seen: &seen };
            proof::make(recipe, &request, &around)
        });
        if let Some(proof) = &proof {
            for (_, value) in &mut request.headers {
                *value = value.replace("{proof}", proof);
            }
            request.headers.push(("dpop".to_owned(), proof.clone()));
        }
        for _ in 1..step.times {
            gateway.send(&request);
        }
        let observation = gateway.send(&request);
        if judged {
            judge(step, token.as_deref(), &request, &observation, &seen, gateway, &mut used)
                .and_then(|()| goes_no_further(svid.as_deref(), &observation))
                .map_err(|wrong| format!("{} step {at} in {}: {wrong}\n{observation:?}", case.id, gateway.name()))
                .map_err(|text| Wrong { step: at, text })?;
        }
        seen.push(observation);
        tokens.push(token);
        proofs.push(proof);
        svids.push(svid);
    }
    Ok(seen)
}

/// Puts a JWT-SVID where it belongs, and wherever `{svid}` stands; `{token}` is the inbound token in any header.
fn show_svid(request: &mut Request, svid: Option<&str>, token: Option<&str>) {
    for (_, value) in &mut request.headers {
        *value = value.replace("{svid}", svid.unwrap_or_default()).replace("{token}", token.unwrap_or_default());
    }
    if let Some(svid) = svid {
        request.headers.push(("x-spiffe-jwt-svid".to_owned(), svid.to_owned()));
    }
}

/// A JWT-SVID never reaches the upstream, whatever becomes of the request.
fn goes_no_further(svid: Option<&str>, observation: &Observation) -> Result<(), String> {
    let seen = svid.zip(observation.upstream.as_ref());
    let leaked = seen.is_some_and(|(svid, seen)| seen.headers.iter().any(|(_, value)| value.contains(svid)));
    if leaked { Err("the JWT-SVID reached the upstream".to_owned()) } else { Ok(()) }
}

/// Whether `observation` is what `step` wants; `earlier` are those of the steps before, and `used` the proofs that were seen in them.
fn judge(
    step: &Step,
    token: Option<&str>,
    request: &Request,
    observation: &Observation,
    earlier: &[Observation],
    gateway: &mut dyn Gateway,
    used: &mut BTreeSet<String>,
) -> Result<(), String> {
    let proven = match &observation.upstream {
        Some(seen) if step.observed.is_none() && !is_transparent(step) => {
            proof::check_upstream(seen, request, UnixSeconds(gateway.now()), used)
        }
        Some(_) | None => Ok(None),
    };
    let record = if step.record.is_empty() && step.observed.is_none() { None } else { gateway.last_record() };
    check(step, token, observation)?;
    check_record(step, record.as_ref())?;
    check_credential(step, observation, earlier)?;
    check_proof(step, proven?.as_ref())
}

fn order(gateway: &mut dyn Gateway, issuers: &BTreeMap<String, Vec<String>>) {
    for (issuer, words) in issuers {
        for word in words {
            gateway.order(issuer, word);
        }
    }
}

/// Whether the upstream saw the credential of an earlier step again.
fn check_credential(step: &Step, observation: &Observation, earlier: &[Observation]) -> Result<(), String> {
    let credential = |observation: &Observation| {
        let seen = observation.upstream.as_ref();
        seen.map(|seen| [seen.all("authorization"), seen.all("txn-token")].concat().join(",")).unwrap_or_default()
    };
    let now = credential(observation);
    let wanted = [(step.same_credential_as, true), (step.other_credential_than, false)];
    for (before, same) in wanted.into_iter().filter_map(|(before, same)| Some((before?, same))) {
        if now.is_empty() || (credential(&earlier[before]) == now) != same {
            return Err(format!(
                "the credential of step {before} {} again",
                if same { "did not come" } else { "came" }
            ));
        }
    }
    Ok(())
}

/// What the gateway's own proof says.
fn check_proof(step: &Step, proof: Option<&Value>) -> Result<(), String> {
    for (pointer, want) in &step.upstream_proof {
        let got = proof.and_then(|proof| proof.pointer(pointer)).unwrap_or(&Value::Null);
        if proof.is_none() || got != want {
            return Err(format!("the gateway's proof has {got} at {pointer}, not {want}"));
        }
    }
    Ok(())
}

/// Whether the caller's own credential is meant to go on.
fn is_transparent(step: &Step) -> bool {
    step.passes_through || step.request.path.as_deref().is_some_and(|path| path.starts_with("/agents/knowledge"))
}

fn check_record(step: &Step, record: Option<&Value>) -> Result<(), String> {
    let Some(record) = record else {
        return Ok(());
    };
    let mut wanted = step.record.clone();
    if let Some(would) = &step.observed {
        let observed = [("/decision", "observe"), ("/code", "observed"), ("/would", would)];
        wanted.extend(observed.map(|(pointer, want)| (pointer.to_owned(), want.into())));
    }
    for (pointer, want) in wanted {
        let got = record.pointer(&pointer).unwrap_or(&Value::Null);
        if *got != want {
            return Err(format!("the record has {got} at {pointer}, not {want}"));
        }
    }
    Ok(())
}

fn check_reply(step: &Step, observation: &Observation) -> Result<(), String> {
    let body: Value = serde_json::from_slice(&observation.body).unwrap_or_default();
    for (pointer, want) in &step.reply {
        let got = body.pointer(pointer).unwrap_or(&Value::Null);
        if got != want {
            return Err(format!("the reply has {got} at {pointer}, not {want}"));
        }
    }
    for (name, want) in &step.reply_headers {
        let got = observation.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let holds = match want {
            None => got.is_none(),
            Some(part) => got.is_some_and(|value| value.contains(part.as_str())),
        };
        if !holds {
            return Err(format!("the reply has {name}: {got:?}"));
        }
    }
    Ok(())
}

fn check_answer(step: &Step, observation: &Observation) -> Result<(), String> {
    let answer = String::from_utf8_lossy(&observation.body);
    if let Some(text) = step.answer_has.iter().find(|text| !answer.contains(text.as_str())) {
        return Err(format!("the answer has no {text}: {answer}"));
    }
    if let Some(text) = step.answer_lacks.iter().find(|text| answer.contains(text.as_str())) {
        return Err(format!("the answer has {text}: {answer}"));
    }
    match &step.answer {
        Some(want) if *want != answer => Err(format!("the answer is {answer}")),
        _ => Ok(()),
    }
}

fn check_upstream(step: &Step, upstream: &Seen) -> Result<(), String> {
    let body: Value = serde_json::from_slice(&upstream.body).unwrap_or_default();
    for (pointer, want) in &step.upstream_body {
        let got = body.pointer(pointer).unwrap_or(&Value::Null);
        if got != want {
            return Err(format!("the upstream's body has {got} at {pointer}, not {want}"));
        }
    }
    for (name, want) in &step.upstream_headers {
        let got = upstream.all(name);
        if got != want.as_deref().into_iter().collect::<Vec<_>>() {
            return Err(format!("the upstream got {name}: {got:?}"));
        }
    }
    match &step.upstream_raw_body {
        Some(want) if want.as_bytes() != upstream.body => {
            Err(format!("the upstream's body is {}", String::from_utf8_lossy(&upstream.body)))
        }
        _ => Ok(()),
    }
}

/// No answer shows its caller what the gateway put on the request.
fn shows_nothing_of(upstream: &Seen, is_transparent: bool, observation: &Observation) -> Result<(), String> {
    let authorization = upstream.all("authorization").into_iter().filter(|_| !is_transparent);
    let credentials = authorization.chain(upstream.all("txn-token")).filter_map(|value| value.rsplit(' ').next());
    let body = String::from_utf8_lossy(&observation.body);
    let shown = |credential: &str| {
        body.contains(credential) || observation.headers.iter().any(|(_, value)| value.contains(credential))
    };
    match credentials.filter(|credential| credential.len() >= 8).find(|credential| shown(credential)) {
        Some(credential) => Err(format!("the caller is shown {credential}")),
        None => Ok(()),
    }
}

fn check(step: &Step, inbound: Option<&str>, observation: &Observation) -> Result<(), String> {
    let code = observation.code();
    if code != step.want {
        return Err(format!("wanted {}, got {code}", step.want));
    }
    if let Some(status) = step.status
        && status != observation.status
    {
        return Err(format!("wanted status {status}, got {}", observation.status));
    }
    check_reply(step, observation)?;
    check_answer(step, observation)?;
    let allowed = step.want == "allowed";
    // An upstream that refuses the issued token was reached; nobody else is.
    let reached = allowed
        || step.want == "upstream_answer_refused"
        || step.want == "upstream_refused_secret"
        || (["upstream_refused_token", "upstream_wants_nonce"].contains(&step.want.as_str()) && step.upstream == 401);
    if observation.upstream.is_some() != reached {
        return Err(format!("upstream reached: {}", observation.upstream.is_some()));
    }
    let Some(upstream) = &observation.upstream else {
        return Ok(());
    };
    for (pointer, want) in &step.upstream_claims {
        let claims = upstream.claims();
        if claims.pointer(pointer) != Some(want) {
            return Err(format!("upstream token has {:?} at {pointer}", claims.pointer(pointer)));
        }
    }
    for (pointer, want) in &step.upstream_transaction {
        let claims = upstream.transaction();
        if claims.pointer(pointer) != Some(want) {
            return Err(format!("upstream transaction token has {:?} at {pointer}", claims.pointer(pointer)));
        }
    }
    check_upstream(step, upstream)?;
    for name in &step.upstream_lacks {
        if !upstream.all(name).is_empty() {
            return Err(format!("{name} reached the upstream"));
        }
    }
    // What is observed goes on as it came, the caller's own credential included.
    if step.observed.is_some() {
        let came = inbound.is_none_or(|token| upstream.all("authorization").iter().any(|value| value.contains(token)));
        return if came { Ok(()) } else { Err("the caller's own credential did not go on".to_owned()) };
    }
    shows_nothing_of(upstream, is_transparent(step), observation)?;
    let leaked = inbound
        .filter(|_| !is_transparent(step))
        .is_some_and(|token| upstream.headers.iter().any(|(_, value)| value.contains(token)));
    if leaked { Err("the inbound token reached the upstream".to_owned()) } else { Ok(()) }
}
