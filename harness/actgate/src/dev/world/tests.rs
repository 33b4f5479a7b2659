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
    let inbound = world.inbound_token(&mut issuers, streamward::DEMO_USER, NOW).expect("hops 1, 3 and 4");
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

    let outbound = world.outbound_token(&mut issuers, &inbound, NOW).expect("hops 7 and 8");
    let t5 = claims_of(&outbound);
    assert_eq!(t5["aud"], "https://streamward.com/auroradb/mcp");
    assert_eq!(t5["cid"], "wlpzantde10QGRrpF1d7");
    assert_eq!(t5["scp"], json!(["Aurora-DB:read"]));
    assert_eq!(t5["sub"], "demouser@streamward.com");
    let delegated = json!({ "sub": "wlpzantde10QGRrpF1d7", "sub_profile": "ai_agent", "act": orchestrated });
    assert_eq!(t5["act"], delegated);
    assert_eq!(issuers.get("idp").expect("the world has one").ledger().exchanges, 2);
}

/// The second human may call the agent; the database says no, whoever carries the request.
#[test]
fn the_second_human_is_refused_at_the_database() {
    let world = World::in_memory(Ports::default());
    let mut issuers = world.issuer_set();
    let inbound = world.inbound_token(&mut issuers, streamward::SECOND_USER, NOW).expect("the agent may be called");
    let refused = world.outbound_token(&mut issuers, &inbound, NOW).expect_err("no right at the database");
    assert_eq!(refused.body_json()["error"], "access_denied");
}

/// In the whole mesh each agent gets tokens for its own back end, one scope at a time, and none for another's.
#[test]
fn every_agent_of_the_whole_mesh_reaches_its_own_back_end_only() {
    use branches::{BRANCHES, Branch, CRM, WORKFLOW};
    let world = World::whole_mesh(Ports::default());
    let mut issuers = world.issuer_set();
    let user_token = world.sign_in(&mut issuers, streamward::DEMO_USER, NOW).expect("hop 1");
    let user_token = user_token["access_token"].as_str().expect("a token").to_owned();
    let mut inbound = |branch: &Branch| {
        let exchange = journey::Exchange {
            client: streamward::ORCHESTRATOR,
            subject_token: &user_token,
            server: branch.agent_server.name,
            resource: branch.agent_resource,
            scope: branch.execute,
        };
        world.exchanged(&mut issuers, &exchange, NOW).expect("hops 3 and 4")
    };
    let tokens = [inbound(&CRM), inbound(&WORKFLOW)];
    for (branch, inbound) in BRANCHES.iter().zip(&tokens) {
        for scope in branch.scopes {
            let exchange = journey::Exchange {
                client: branch.agent,
                subject_token: inbound,
                server: branch.server.name,
                resource: branch.resource,
                scope,
            };
            let claims = claims_of(&world.exchanged(&mut issuers, &exchange, NOW).expect("hops 7 and 8"));
            assert_eq!((&claims["aud"], &claims["scp"]), (&json!(branch.resource), &json!([scope])));
            assert_eq!(claims["act"]["sub"], branch.agent);
            assert_eq!(claims["act"]["act"]["sub"], streamward::ORCHESTRATOR);
        }
    }
    let foreign = journey::Exchange {
        client: CRM.agent,
        subject_token: &tokens[0],
        server: WORKFLOW.server.name,
        resource: WORKFLOW.resource,
        scope: branches::INCIDENTS,
    };
    world.exchanged(&mut issuers, &foreign, NOW).expect_err("another's back end");
}

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("actgate-{name}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).expect("the file is there").permissions().mode() & 0o777
}

/// The processes of a run each read the document; together they are the world that was written.
#[test]
fn a_generated_world_is_read_back_and_works() {
    let scratch = Scratch::new("world");
    let ports = Ports::free().expect("free ports");
    let written = World::generate(&scratch.0, ports).expect("writable");
    let document = scratch.0.join(WORLD_FILE);
    let text = fs::read_to_string(&document).expect("readable");
    assert!(!text.contains("PRIVATE KEY") && !text.contains("\"d\""), "the document is public");

    let [one, other] = [0, 1].map(|_| World::load(&document).expect("readable"));
    assert_eq!(one.ports, ports);
    assert_eq!(
        one.client_key(streamward::ORCHESTRATOR).map(SigningKey::public_jwk),
        written.client_key(streamward::ORCHESTRATOR).map(SigningKey::public_jwk)
    );
    let mut issuers = one.issuer_set();
    let inbound = other.inbound_token(&mut issuers, streamward::DEMO_USER, NOW).expect("hops 1, 3, 4");
    other.outbound_token(&mut issuers, &inbound, NOW).expect("hops 7, 8");
}

#[test]
fn private_keys_are_for_their_owner_only() {
    let scratch = Scratch::new("modes");
    let world = World::generate(&scratch.0, Ports::default()).expect("writable");
    World::generate(&scratch.0, Ports::default()).expect("writable again, over what is there");
    let mut secrets = 0;
    for entry in fs::read_dir(&scratch.0).expect("readable") {
        let path = entry.expect("readable").path();
        if fs::read_to_string(&path).expect("text").contains("PRIVATE KEY") {
            secrets += 1;
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
    let certificates = world.certificates.expect("a generated world has them");
    // Every signing key, the gateway's key, the agents' and the stranger's; the authority's is nowhere.
    assert_eq!(secrets, world.keys.len() + certificates.agents.len() + 3);
    assert_eq!(certificates.agents.len(), 2);
}

#[test]
fn agents_are_named_by_their_spiffe_id_alone() {
    let scratch = Scratch::new("certs");
    let world = World::generate(&scratch.0, Ports::default()).expect("writable");
    let certificates = world.certificates.expect("a generated world has them");
    let der = |path: &Path| {
        let pem = fs::read_to_string(path).expect("readable");
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64).expect("PEM")
    };
    let holds = |der: &[u8], name: &str| der.windows(name.len()).any(|window| window == name.as_bytes());
    let gateway = der(&certificates.gateway.certificate);
    assert!(holds(&gateway, "gateway.streamward.com") && holds(&gateway, "localhost"));
    assert!(gateway.windows(6).any(|window| window == [0x87, 4, 127, 0, 0, 1]), "127.0.0.1 as an address");
    for agent in world.agents.iter().filter(|agent| agent.spiffe_id.is_some()) {
        let der = der(&certificates.agents[&agent.id].certificate);
        assert!(holds(&der, agent.spiffe_id.as_deref().unwrap_or_default()), "{}", agent.id);
        assert!(!holds(&der, "localhost") && !holds(&der, "rcgen"));
    }
}

#[test]
fn an_unknown_member_or_a_missing_key_is_an_error() {
    let scratch = Scratch::new("refused");
    World::generate(&scratch.0, Ports::default()).expect("writable");
    let document = scratch.0.join(WORLD_FILE);
    let honest = fs::read_to_string(&document).expect("readable");
    fs::write(&document, honest.replacen("\"gateway_host\"", "\"gatewayhost\"", 1)).expect("writable");
    assert!(World::load(&document).is_err());
    fs::write(&document, honest).expect("writable");
    fs::remove_file(scratch.0.join("idp-0.key.pem")).expect("there");
    let error = World::load(&document).expect_err("a key is gone").to_string();
    assert!(error.contains("idp-0.key.pem"), "{error}");
}

#[test]
fn urls_lead_to_the_port_of_the_most_specific_issuer() {
    let ports = Ports { idp: 1, ras_knowledge: 2, ras_auroradb: 3, ..Ports::default() };
    let world = World::in_memory(ports);
    for (name, url) in [
        ("idp", "http://127.0.0.1:1/oauth2/v1/token"),
        ("ras-knowledge", "http://127.0.0.1:2/oauth2/aus0/v1/token"),
        ("ras-auroradb", "http://127.0.0.1:3/oauth2/aus1/v1/token"),
    ] {
        let endpoint = world.issuer_config(name).expect("the world has it").token_endpoint();
        assert_eq!(world.direct_url(&endpoint).as_deref(), Some(url));
    }
    assert_eq!(world.direct_url("https://elsewhere.example/token"), None);
}

#[test]
fn the_filters_document_holds_a_private_key_only_when_asked() {
    use filter_config::{Credential, FilterOptions, Jwks};
    let world = World::in_memory(Ports::default());
    let document = world.filter_config(FilterOptions::default());
    assert!(!document.to_string().contains("PRIVATE KEY"));
    assert_eq!(
        document["authorization_servers"]["idp"]["jwks"]["uri"],
        "https://streamward.okta.example/oauth2/v1/keys"
    );
    let agent = &document["agents"][streamward::KNOWLEDGE_AGENT];
    assert_eq!(agent["credential"]["private_key_jwt"]["key"], json!({ "env": "CORP_KNOWLEDGE_KEY" }));
    let [(variable, pem)] = &world.environment()[..] else { panic!("one agent is acted for") };
    assert_eq!(variable, "CORP_KNOWLEDGE_KEY");
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));

    let options = FilterOptions { jwks: Jwks::Inline, credential: Credential::Inline, ..FilterOptions::default() };
    let document = world.filter_config(options);
    let keys = &document["authorization_servers"]["knowledge"]["jwks"]["keys"];
    assert_eq!(keys[0]["kid"], "ras-knowledge-0");
    assert_eq!(
        document["agents"][streamward::KNOWLEDGE_AGENT]["credential"]["private_key_jwt"]["key"],
        json!({ "insecure_inline": pem })
    );
}
