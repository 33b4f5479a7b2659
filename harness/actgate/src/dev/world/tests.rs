use super::*;
use crate::dev::issuer::http::UnixSeconds;
use crate::dev::mint::{claims_of, header_of};
use serde_json::json;

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

/// The token of every hop has the claims the blueprint prints for it.
#[test]
fn the_main_journey_yields_the_blueprints_tokens() {
    let world = World::in_memory(Ports::default());
    let mut issuers = world.issuer_set();
    let inbound = world
        .inbound_token(&mut issuers, streamward::DEMO_USER, NOW)
        .expect("hops 1, 3 and 4");
    let t3 = claims_of(&inbound);
    assert_eq!(header_of(&inbound)["typ"], "at+jwt");
    assert_eq!(t3["iss"], streamward::RAS_KNOWLEDGE_ISSUER);
    assert_eq!(t3["aud"], "https://streamward.com/corp/knowledge");
    assert_eq!(t3["cid"], "wlps2fwpkzi3raviM1d7");
    assert_eq!(t3["scp"], json!(["Corp-Knowledge-Agent:execute"]));
    assert_eq!(t3["sub"], "demouser@streamward.com");
    assert_eq!(t3["uid"], "00u1rsjejbueuQNhB1d7");
    assert_eq!(t3["sub_profile"], "user");
    let orchestrated = json!({
        "sub": "wlps2fwpkzi3raviM1d7", "sub_profile": "ai_agent",
        "act": { "sub": "0oarbboyj0J3R67xy1d7", "sub_profile": "web_app" },
    });
    assert_eq!(t3["act"], orchestrated);

    let outbound = world
        .outbound_token(&mut issuers, &inbound, NOW)
        .expect("hops 7 and 8");
    let t5 = claims_of(&outbound);
    assert_eq!(t5["aud"], "https://streamward.com/auroradb/mcp");
    assert_eq!(t5["cid"], "wlpzantde10QGRrpF1d7");
    assert_eq!(t5["scp"], json!(["Aurora-DB:read"]));
    assert_eq!(t5["sub"], "demouser@streamward.com");
    let delegated =
        json!({ "sub": "wlpzantde10QGRrpF1d7", "sub_profile": "ai_agent", "act": orchestrated });
    assert_eq!(t5["act"], delegated);
    assert_eq!(
        issuers
            .get("idp")
            .expect("the world has one")
            .ledger()
            .exchanges,
        2
    );
}

/// The second human may call the agent; the database says no, whoever carries the request.
#[test]
fn the_second_human_is_refused_at_the_database() {
    let world = World::in_memory(Ports::default());
    let mut issuers = world.issuer_set();
    let inbound = world
        .inbound_token(&mut issuers, streamward::SECOND_USER, NOW)
        .expect("the agent may be called");
    let refused = world
        .outbound_token(&mut issuers, &inbound, NOW)
        .expect_err("no right at the database");
    assert_eq!(refused.body_json()["error"], "access_denied");
}
