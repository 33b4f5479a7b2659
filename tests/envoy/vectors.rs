//! Every vector that needs no more than seconds to pass, asked of a real Envoy, and compared with the core's answers.
//!
//! One Envoy serves by the shipped configuration; others are given the configurations of the rest while they run.
//! Absent: the minutes and hours in which what is held ends; the core and the emulated Envoy have those.

use std::collections::{BTreeMap, BTreeSet};

use actgate_tests::case::{self, Case};
use serde_json::{Value, json};

use crate::searched::{Searched, begins_with_nothing, is_timed, of_today};

/// What the shipped bootstrap refuses before the filter sees it: no proper request line, a name that is read in two ways.
/// The answer to HEAD has no body either, so it carries no code.
const REFUSED_BY_ENVOY: [&str; 21] = [
    "actor-token-stripped-in-another-spelling",
    "a2a-version-under-another-spelling",
    "client-headers-under-underscores",
    "inject-inbound-underscore",
    "method-connect",
    "method-lower-case-post",
    "mirrored-in-another-spelling",
    "observe-own-headers-stripped",
    "observe-path-by-escapes",
    "path-asterisk",
    "path-encoded-nul",
    "path-encoded-slash",
    "path-fragment",
    "path-no-slash",
    "path-not-ascii",
    "method-head",
    "session-id-under-another-spelling",
    "rest-head-not-mapped",
    "rest-method-lower-case",
    "stripped-client-cert-underscore",
    "workload-key-in-another-spelling",
];

/// What Envoy brings into its one proper form before the filter sees it, the step and that form: the filter judges it, and the upstream gets it.
const TIDIED_BY_ENVOY: [(&str, usize, &str); 18] = [
    ("credential-empty-second", 0, "Bearer {token}"),
    ("credential-leading-space", 0, "Bearer {token}"),
    ("credential-trailing-space", 0, "Bearer {token}"),
    ("host-trailing-dot", 0, "gateway.streamward.com"),
    ("metadata-elsewhere", 4, "/.well-known/oauth-protected-resource/auroradb/mcp"),
    ("observe-path-by-dot-dot", 0, "/agents/knowledge"),
    ("observe-path-by-empty-segment", 0, "/auroradb/mcp/agents/knowledge"),
    ("observe-path-by-parameters", 0, "/agents/knowledge"),
    ("path-absolute", 0, "/auroradb/mcp"),
    ("path-backslash", 0, "/auroradb/mcp"),
    ("path-dot", 0, "/auroradb/mcp"),
    ("path-dot-dot", 0, "/agents/knowledge"),
    ("path-dot-dot-parameter", 0, "/auroradb/admin"),
    ("path-empty-segment", 0, "/auroradb/mcp"),
    ("path-encoded-dot", 0, "/auroradb/x"),
    ("path-encoded-letter", 0, "/auroradb/mcp"),
    ("path-leading-double-slash", 0, "/auroradb/mcp"),
    ("rest-path-double-dot-parameter", 0, "/auroradb/mcp/rest/admin"),
];

/// Those among them that older Envoys leave as they came, so that the filter refuses them itself, as the vectors want.
const LEFT_BY_OLDER_ENVOYS: [&str; 3] =
    ["observe-path-by-parameters", "path-dot-dot-parameter", "rest-path-double-dot-parameter"];

/// How many seconds are waited for in one vector.
const SECONDS_MAX: u64 = 6;

/// Vectors that are asked elsewhere, because they are about one day or millisecond, about how often within a second a worker is asked, or
/// about an issuer that fails a number of times and is asked by Envoy's main thread, too.
const OF_ANOTHER_CLOCK: [&str; 10] = [
    "actor-token-signature-flood",
    "bad-signature-flood",
    "bad-signature-flood-of-strangers",
    "dpop-signature-flood",
    "idp-at-the-time-out",
    "idp-late",
    "jwks-recovers",
    "observe-for-too-long",
    "ras-at-the-time-out",
    "ras-late",
];

/// Codes that only such vectors want, and the test that wants them of Envoy.
const WANTED_ELSEWHERE: [(&str, &str); 1] = [("too_many_bad_signatures", include_str!("hostile.rs"))];

/// The vectors that are asked here at all.
fn asked() -> impl Iterator<Item = Case> {
    let waits = |case: &Case| case.steps.iter().map(|step| step.after_seconds).sum::<u64>();
    let here =
        move |case: &Case| case.load_error.is_none() && waits(case) <= SECONDS_MAX && !is_in(&OF_ANOTHER_CLOCK, case);
    case::all().into_iter().filter(here).map(of_today)
}

fn quick() -> impl Iterator<Item = Case> {
    asked().filter(Case::is_quick)
}

/// As `case` is after Envoy has tidied it.
fn tidied(case: &Case) -> Option<Case> {
    let (_, step, form) = TIDIED_BY_ENVOY.iter().find(|(id, ..)| *id == case.id)?;
    let mut case = case.clone();
    let request = &mut case.steps[*step].request;
    match case.id.split_once('-') {
        Some(("credential", _)) => request.authorization = Some(vec![(*form).to_owned()]),
        Some(("host", _)) => request.host = Some((*form).to_owned()),
        _ => request.path = Some((*form).to_owned()),
    }
    Some(case)
}

fn is_in(list: &[&str], case: &Case) -> bool {
    list.contains(&case.id.as_str())
}

/// One vector, by whichever of the lists above it is in.
fn ask(envoy: &mut Searched, case: &Case) -> Result<(), String> {
    match tidied(case) {
        Some(tidied) => envoy
            .compare_with(case, &tidied)
            .or_else(|wrong| if is_in(&LEFT_BY_OLDER_ENVOYS, case) { envoy.ask(case) } else { Err(wrong) }),
        None if is_in(&REFUSED_BY_ENVOY, case)
            || (comes_without_certificate(case) && !envoy.takes_no_certificate()) =>
        {
            envoy.is_refused_by_envoy(case)
        }
        // Minted in one second and judged in the next, it may be on the other side of its bound.
        None => envoy.ask(case).or_else(|wrong| if is_timed(case) { envoy.ask(case) } else { Err(wrong) }),
    }
}

fn assert_none(wrong: &[String], asked: usize) {
    println!("{asked} vectors in Envoy");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn vectors_hold_in_envoy_and_agree_with_the_core() {
    let cases: Vec<Case> = quick().filter(|case| case.config.is_empty() && !begins_with_nothing(case)).collect();
    let mut envoy = Searched::start(false);
    let wrong: Vec<String> = cases.iter().filter_map(|case| ask(&mut envoy, case).err()).collect();
    assert_none(&wrong, cases.len());
    envoy.end();
}

/// Vectors that one configuration can be asked after the other.
struct Alike {
    certificate_optional: bool,
    cases: Vec<Case>,
}

fn comes_without_certificate(case: &Case) -> bool {
    case.steps.iter().any(|step| step.request.peer.as_deref() == Some("none"))
}

/// Vectors of the same configuration together; those that need to begin with nothing held each by itself.
fn alike(cases: impl Iterator<Item = Case>) -> Vec<Alike> {
    let mut alike: BTreeMap<String, Alike> = BTreeMap::new();
    for case in cases {
        let edits: Vec<(&str, &Value)> = case.config.iter().map(|edit| (edit.at.as_str(), &edit.set)).collect();
        let alone = if begins_with_nothing(&case) { case.id.as_str() } else { "" };
        let certificate_optional = comes_without_certificate(&case);
        let key = json!([edits, certificate_optional, alone]).to_string();
        alike.entry(key).or_insert(Alike { certificate_optional, cases: Vec::new() }).cases.push(case);
    }
    alike.into_values().collect()
}

/// Asks each group of one Envoy by `ask`, after it was given their configuration changed by `edit`.
fn ask_all(
    groups: &[Alike],
    edit: impl Fn(&mut Value),
    mut ask: impl FnMut(&mut Searched, &Case) -> Result<(), String>,
) {
    let mut envoy = Searched::start(true);
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for Alike { certificate_optional, cases } in groups {
        let first = &cases[0];
        let mut document = envoy.document(first);
        edit(&mut document);
        match (envoy.turn_to(document, *certificate_optional, first), envoy.core()) {
            (true, Ok(_)) => {
                wrong.extend(cases.iter().filter_map(|case| ask(&mut envoy, case).err()));
                asked += cases.len();
            }
            (false, Err(_)) => {}
            (taken, core) => wrong.push(format!("{}: taken by Envoy: {taken}; {:?} by the core", first.id, core.err())),
        }
    }
    println!("{} configurations", groups.len());
    assert_none(&wrong, asked);
    assert!(asked * 4 > groups.iter().map(|group| group.cases.len()).sum::<usize>() * 3, "only {asked} are asked");
    envoy.end();
}

#[test]
fn vectors_with_a_configuration_of_their_own_hold_in_envoy_and_agree_with_the_core() {
    let elsewhere =
        |case: &Case| case.config.is_empty() && !begins_with_nothing(case) && !comes_without_certificate(case);
    ask_all(&alike(quick().filter(|case| !elsewhere(case))), |_| {}, ask);
}

/// What the policy of tools, of other operations and of injected secrets comes to where the headers go first: not what the vectors
/// want, which are written for the other mode, but what the core says.
#[test]
fn policies_of_calls_agree_with_the_core_where_the_headers_go_first() {
    let is_policy = |case: &Case| {
        let touches = |edit: &case::Edit| edit.at.contains("/mcp") || edit.set.get("inject").is_some();
        let chosen = |edit: &case::Edit| edit.at == "/allow_on_headers_stop_iteration";
        case.config.iter().any(touches) && !case.config.iter().any(chosen)
    };
    let headers_first = |document: &mut Value| document["allow_on_headers_stop_iteration"] = json!(false);
    ask_all(&alike(quick().filter(is_policy)), headers_first, |envoy, case| match is_in(&REFUSED_BY_ENVOY, case) {
        true => envoy.is_refused_by_envoy(case),
        false => envoy.compare_with(case, case),
    });
}

#[test]
fn vectors_in_which_seconds_pass_hold_in_envoy() {
    let slow = asked().filter(|case| !case.is_quick());
    // Each by itself: what is held, counted and rested from is of its own seconds.
    let groups: Vec<Alike> =
        slow.map(|case| Alike { certificate_optional: comes_without_certificate(&case), cases: vec![case] }).collect();
    ask_all(&groups, |_| {}, ask);
}

#[test]
fn configurations_with_a_mistake_are_turned_down_by_envoy_and_tell_no_secret() {
    let mut envoy = Searched::start(true);
    let is_mistake = |case: &Case| case.load_error.is_some() && !is_in(&OF_ANOTHER_CLOCK, case);
    let cases: Vec<Case> = case::all().into_iter().filter(is_mistake).map(of_today).collect();
    let wrong: Vec<String> = cases.iter().filter_map(|case| envoy.turns_down(case).err()).collect();
    assert_none(&wrong, cases.len());
    envoy.end();
}

#[test]
fn every_code_that_a_vector_wants_is_wanted_of_envoy() {
    let codes = |cases: &mut dyn Iterator<Item = Case>| -> BTreeSet<String> {
        cases.flat_map(|case| case.steps).map(|step| step.want).collect()
    };
    let otherwise = |case: &Case| is_in(&REFUSED_BY_ENVOY, case) || tidied(case).is_some();
    let here = codes(&mut asked().filter(|case| !otherwise(case)));
    let all = codes(&mut case::all().into_iter());
    let missing: Vec<&str> = all.difference(&here).map(String::as_str).collect();
    assert_eq!(missing, WANTED_ELSEWHERE.map(|(code, _)| code));
    for (code, test) in WANTED_ELSEWHERE {
        assert!(test.contains(code), "{code} is wanted nowhere");
    }
}

#[test]
fn every_vector_that_a_list_names_is_one() {
    let all = case::all();
    let tidied = TIDIED_BY_ENVOY.iter().map(|(id, ..)| id);
    let named = REFUSED_BY_ENVOY.iter().chain(&LEFT_BY_OLDER_ENVOYS).chain(&OF_ANOTHER_CLOCK).chain(tidied);
    for id in named {
        assert!(all.iter().any(|case| case.id == *id), "{id} is no vector");
    }
}
