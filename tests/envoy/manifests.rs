//! What the manifests for meshes give to Envoy, in a real Envoy.
//!
//! Absent on purpose: Istio and Envoy Gateway themselves. Whether they make of their own resources what the manifests say they do,
//! nothing here can tell; what they insert as it stands is taken from the manifests and tried.

use actgate::dev::keys::{Algorithm, SigningKey};
use actgate::envoy::{Binary, Launch};
use actgate_tests::document::{marked, read};
use actgate_tests::envoy_gateway::{Options, bootstrap, module, new_world, work_dir};
use serde_json::{Value, json};

fn documents(file: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The one resource of that kind.
fn resource(documents: &[Value], kind: &str) -> Value {
    let found: Vec<&Value> = documents.iter().filter(|document| document["kind"] == kind).collect();
    let [one] = found.as_slice() else { panic!("{} of {kind}", found.len()) };
    (*one).clone()
}

/// What a patch of Istio's inserts or merges there.
fn patch(filter: &Value, place: &str) -> Value {
    let patches = filter["spec"]["configPatches"].as_array().expect("patches");
    let patch = patches.iter().find(|patch| patch["applyTo"] == place).unwrap_or_else(|| panic!("no patch of {place}"));
    patch["patch"]["value"].clone()
}

/// What Envoy Gateway adds at that path.
fn added(policy: &Value, path: &str) -> Value {
    let patches = policy["spec"]["jsonPatches"].as_array().expect("patches");
    let patch = patches.iter().find(|patch| patch["operation"]["path"] == path);
    patch.unwrap_or_else(|| panic!("no patch at {path:?}"))["operation"]["value"].clone()
}

/// The bootstrap that is shipped, as it is filled in for `world`.
fn shipped() -> (Value, std::path::PathBuf) {
    let world = new_world();
    let text = bootstrap(&world, &json!({}), &Options::default(), 9).expect("the bootstrap is complete");
    (serde_saphyr::from_str(&text).expect("YAML"), work_dir(&world))
}

const CHAIN: &str = "/static_resources/listeners/0/filter_chains/0";
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

fn configuration(filter: &mut Value) -> &mut Value {
    filter.pointer_mut("/typed_config/config/configuration/value").expect("a configuration")
}

/// Asserts that a real Envoy loads the filter, and the filter its configuration.
fn loads(filter: &Value, clusters: Vec<Value>) {
    let (mut bootstrap, folder) = shipped();
    let mut filter = filter.clone();
    *filter.pointer_mut("/typed_config/config/vm_config/code/local/filename").expect("a file") = json!(module());
    *bootstrap.pointer_mut(&format!("{MANAGER}/http_filters/0")).expect("the filter") = filter;
    bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters").extend(clusters);
    let binary = Binary::from_env().unwrap_or_else(|error| panic!("{error}"));
    let key = SigningKey::generate(Algorithm::Es256, "k1").to_pem();
    let launch = |bootstrap: &Value| Launch::new(bootstrap.to_string()).env("CORP_KNOWLEDGE_KEY", &key);
    launch(&bootstrap).validate(&binary, &folder).unwrap_or_else(|error| panic!("{error}"));
    // That Envoy would have said so.
    let broken = bootstrap.to_string().replace("path_prefix", "path_prefixes");
    let said = Launch::new(broken).env("CORP_KNOWLEDGE_KEY", &key).validate(&binary, &folder);
    assert!(said.is_err_and(|error| error.to_string().contains("actgate configuration: resources[0].match.")));
}

/// Asserts that the filter is the shipped bootstrap's but for its file, its configuration and the variable it reads,
/// and that its configuration is the first of the README but for the names of its clusters, which are all `cluster`.
fn is_the_shipped_one(filter: &Value, cluster: &str) {
    let documented = marked(&read("README.md"), "configuration");
    let mut documented: Value = serde_json::from_str(documented.first().expect("a configuration")).expect("JSON");
    for server in documented["authorization_servers"].as_object_mut().expect("servers").values_mut() {
        server["cluster"] = json!(cluster);
    }
    let mut filter = filter.clone();
    let text = configuration(&mut filter).take();
    let written: Value = serde_json::from_str(text.as_str().expect("a text")).expect("JSON");
    assert_eq!(written, documented);

    let (bootstrap, _) = shipped();
    let mut ours = bootstrap.pointer(&format!("{MANAGER}/http_filters/0")).expect("the filter").clone();
    *configuration(&mut ours) = Value::Null;
    for member in ["code", "environment_variables"] {
        ours["typed_config"]["config"]["vm_config"][member] = Value::Null;
        filter["typed_config"]["config"]["vm_config"][member] = Value::Null;
    }
    assert_eq!(filter, ours);
}

fn configured(filter: &Value) -> Value {
    let text = configuration(&mut filter.clone()).take();
    serde_json::from_str(text.as_str().expect("a text")).expect("JSON")
}

/// Asserts that the lock behind the filter takes what the filter gets for its first resource.
fn opens_for(document: &Value, issuer: &Value, audiences: &Value, keys: &Value) {
    let asked = &document["resources"][0]["exchange"]["id_jag"];
    let server = &document["authorization_servers"][asked["resource_server"].as_str().expect("a name")];
    assert_eq!((issuer, keys), (&server["issuer"], &server["jwks"]["uri"]));
    assert_eq!(audiences, &json!([asked["resource"]]));
}

/// Asserts that every setting that Envoy Gateway adds to the connection manager is the bootstrap's.
fn settings_agree(policy: &Value, manager: &Value) {
    let patches = policy["spec"]["jsonPatches"].as_array().expect("patches").iter().map(|patch| &patch["operation"]);
    let settings =
        patches.filter(|patch| patch["jsonPath"].as_str().is_some_and(|path| path.contains("connection_manager")));
    let mut count = 0;
    for setting in settings.filter(|setting| setting["path"] != "http_filters/0") {
        let path = setting["path"].as_str().expect("a path");
        assert_eq!(Some(&setting["value"]), manager.pointer(&format!("/{path}")), "{path}");
        count += 1;
    }
    assert!(count > 5, "{count}");
}

/// Asserts that every member of `part` stands in `whole` with the same value.
fn agrees(part: &Value, whole: &Value) {
    for (name, value) in part.as_object().expect("an object") {
        assert_eq!(Some(value), whole.get(name), "{name}");
    }
}

#[test]
fn what_istio_inserts_is_what_the_bootstrap_has() {
    let documents = documents("envoy-config/istio.yaml");
    let patches = resource(&documents, "EnvoyFilter");
    let filter = patch(&patches, "HTTP_FILTER");
    // Istio's name for the port of a host.
    let entry = resource(&documents, "ServiceEntry");
    let (host, port) = (entry["spec"]["hosts"][0].as_str().expect("a host"), &entry["spec"]["ports"][0]["number"]);
    let cluster = format!("outbound|{port}||{host}");
    is_the_shipped_one(&filter, &cluster);
    let lock = &resource(&documents, "RequestAuthentication")["spec"]["jwtRules"][0];
    opens_for(&configured(&filter), &lock["issuer"], &lock["audiences"], &lock["jwksUri"]);
    let rule = &resource(&documents, "AuthorizationPolicy")["spec"]["rules"][0];
    let issuer = lock["issuer"].as_str().expect("a text");
    assert_eq!(rule["from"], json!([{ "source": { "requestPrincipals": [format!("{issuer}/*")] } }]));
    let (bootstrap, _) = shipped();
    let at = |pointer: &str| bootstrap.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
    agrees(&patch(&patches, "NETWORK_FILTER")["typed_config"], at(MANAGER));
    agrees(&patch(&patches, "LISTENER"), at("/static_resources/listeners/0"));
    let tls = &patch(&patches, "FILTER_CHAIN")["transport_socket"];
    assert_eq!(tls["name"], "envoy.transport_sockets.tls");
    agrees(&tls["typed_config"], at(&format!("{CHAIN}/transport_socket/typed_config")));
    let mut idp = at("/static_resources/clusters/0").clone();
    for pointer in ["/name", "/load_assignment/cluster_name"] {
        *idp.pointer_mut(pointer).expect("a name") = json!(cluster);
    }
    loads(&filter, vec![idp]);
}

#[test]
fn what_envoy_gateway_adds_is_what_the_bootstrap_has() {
    let documents = documents("envoy-config/envoy-gateway.yaml");
    let policy = resource(&documents, "EnvoyPatchPolicy");
    let filter = added(&policy, "http_filters/0");
    is_the_shipped_one(&filter, "idp");
    let (bootstrap, _) = shipped();
    let tls = bootstrap.pointer(&format!("{CHAIN}/transport_socket/typed_config")).expect("TLS");
    for member in ["disable_stateless_session_resumption", "disable_stateful_session_resumption"] {
        assert_eq!(added(&policy, member), tls[member], "{member}");
    }
    let manager = bootstrap.pointer(MANAGER).expect("a connection manager");
    settings_agree(&policy, manager);
    let of_clients = &resource(&documents, "ClientTrafficPolicy")["spec"];
    let held = &bootstrap["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"];
    let of_a_stream = &manager["http2_protocol_options"]["initial_stream_window_size"];
    for (theirs, ours) in [("/connection/bufferLimit", held), ("/http2/initialStreamWindowSize", of_a_stream)] {
        let mebibytes = ours.as_u64().expect("a number") / (1024 * 1024);
        assert_eq!(of_clients.pointer(theirs), Some(&json!(format!("{mebibytes}Mi"))), "{theirs}");
    }
    let exchanged = configured(&filter);
    let lock = &resource(&documents, "SecurityPolicy")["spec"]["jwt"]["providers"][0];
    opens_for(&exchanged, &lock["issuer"], &lock["audiences"], &lock["remoteJWKS"]["uri"]);
    let mut idp = added(&policy, "");
    let mut ours = bootstrap.pointer("/static_resources/clusters/0").expect("a cluster").clone();
    for member in ["load_assignment", "transport_socket"] {
        ours.as_object_mut().expect("an object").remove(member);
    }
    agrees(&ours, &idp);
    // One of that name is there already.
    for pointer in ["/name", "/load_assignment/cluster_name"] {
        *idp.pointer_mut(pointer).expect("a name") = json!("idp-of-the-manifest");
    }
    let mut filter = filter;
    let renamed = configuration(&mut filter);
    *renamed =
        json!(renamed.as_str().expect("a text").replace(r#""cluster": "idp""#, r#""cluster": "idp-of-the-manifest""#));
    loads(&filter, vec![idp]);
}

/// Whole seconds, as Envoy and the manifests write them.
fn seconds(text: &Value) -> u64 {
    text.as_str().and_then(|text| text.strip_suffix('s')?.parse().ok()).unwrap_or_else(|| panic!("{text} in seconds"))
}

#[test]
fn what_is_shipped_lets_a_stream_last_as_long_as_the_documents_let_it() {
    let documented = marked(&read("filter/docs/configuration.md"), "resource").into_iter().find_map(|block| {
        let block: Value = serde_json::from_str(&block).ok()?;
        block.pointer("/streams/max_duration")?.as_str()?.strip_suffix('h')?.parse::<u64>().ok()
    });
    let longest = documented.expect("a streams.max_duration in hours") * 3600;
    for name in ["envoy.yaml", "headers-first.yaml"] {
        let options = Options { bootstrap: name, ..Options::default() };
        let text = bootstrap(&new_world(), &json!({}), &options, 9).expect("the bootstrap is complete");
        let bootstrap: Value = serde_saphyr::from_str(&text).expect("YAML");
        let manager = bootstrap.pointer(MANAGER).expect("a connection manager");
        assert!(seconds(&manager["common_http_protocol_options"]["max_stream_duration"]) > longest, "{name}");
        let routes = manager.pointer("/route_config/virtual_hosts/0/routes").and_then(Value::as_array).expect("routes");
        let streaming =
            routes.iter().map(|route| &route["route"]).filter(|route| route["cluster"] != "workflow-gateway");
        for route in streaming {
            assert_eq!((seconds(&route["timeout"]), seconds(&route["idle_timeout"])), (0, 60), "{name}: {route}");
        }
    }
    let istio = resource(&documents("envoy-config/istio.yaml"), "VirtualService");
    assert_eq!(seconds(&istio["spec"]["http"][0]["timeout"]), 0);
    let gateway = resource(&documents("envoy-config/envoy-gateway.yaml"), "HTTPRoute");
    assert_eq!(seconds(&gateway["spec"]["rules"][0]["timeouts"]["request"]), 0);
}
