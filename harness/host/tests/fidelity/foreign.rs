//! Foreign functions by version, and what the signature functions answer.

use std::sync::LazyLock;

use envoy_harness::{Answer, Envoy, Plugin, Profile, Request, profile};
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

use crate::support::{guest, said};

/// Calls the function its body's first line names with the rest of the body, and says the answer.
const CALLER: &str = r#"
    (func (export "proxy_on_request_body") (param i32) (param $size i32) (param i32) (result i32)
      (local $at i32) (local $name i32) (local $status i32)
      (drop (call $get_buffer (i32.const 0) (i32.const 0) (i32.const 1000000) (i32.const 0) (i32.const 4)))
      (local.set $at (i32.load (i32.const 0)))
      (loop $next
        (local.set $name (i32.add (local.get $name) (i32.const 1)))
        (br_if $next (i32.ne (i32.load8_u (i32.add (local.get $at) (local.get $name))) (i32.const 10))))
      (local.set $status (call $foreign (local.get $at) (local.get $name)
        (i32.add (local.get $at) (i32.add (local.get $name) (i32.const 1)))
        (i32.sub (local.get $size) (i32.add (local.get $name) (i32.const 1)))
        (i32.const 0) (i32.const 4)))
      (call $report @{status} (local.get $status))
      (if (i32.eqz (local.get $status)) (then
        (drop (call $add (i32.const 0) @{x} @{y}))
        (drop (call $local_reply (i32.const 200) (i32.const 0) (i32.const 0)
          (i32.load (i32.const 0)) (i32.load (i32.const 4)) (i32.const 0) (i32.const 0) (i32.const -1)))))
      (i32.const 1))
"#;

static MODULE: LazyLock<envoy_harness::Module> = LazyLock::new(|| guest(CALLER));

/// The status, and the answer of a call that was `Ok`.
fn call(version: &Profile, name: &str, args: &[u8]) -> (String, Vec<u8>) {
    let mut envoy = Envoy::builder(version.clone()).plugin(Plugin::new("p", &MODULE)).start().unwrap();
    let body = [name.as_bytes(), b"\n", args].concat();
    let id = envoy.request(Request::post("/").chunks([body]).last_chunk_ends_stream());
    let answer = envoy.outcome(id).local_reply().map(|r| r.seen.body.clone()).unwrap_or_default();
    (said(&envoy)[0].clone(), answer)
}

fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, bytes) in fields {
        out.push(number << 3 | 2);
        let mut length = bytes.len();
        while length > 0x7f {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(bytes);
    }
    out
}

const TRUE: &[u8] = &[8, 1];
const TEXT: &[u8] = b"what was signed";

fn error(text: &str) -> Vec<u8> {
    message(&[(2, text.as_bytes())])
}

fn p256_key() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a scalar")
}

fn p256_signed() -> (Vec<u8>, p256::ecdsa::Signature) {
    let key = p256_key();
    let spki = p256::PublicKey::from(key.verifying_key()).to_public_key_der().expect("encodes").as_bytes().to_vec();
    (spki, key.sign(TEXT))
}

fn verify(version: &Profile, hash: &str, key: &[u8], signature: &[u8]) -> (String, Vec<u8>) {
    call(version, "verify_signature", &message(&[(1, hash.as_bytes()), (2, key), (3, signature), (4, TEXT)]))
}

#[test]
fn a_der_signature_verifies_and_success_is_two_bytes() {
    let (spki, signature) = p256_signed();
    let der = signature.to_der().as_bytes().to_vec();
    assert_eq!(verify(&profile::V1_36, "sha256", &spki, &der), ("status=0".to_owned(), TRUE.to_vec()));
    assert_eq!(verify(&profile::V1_40, "SHA256", &spki, &der).1, TRUE);
    let trailing = [spki.as_slice(), b"garbage"].concat();
    assert_eq!(verify(&profile::V1_40, "sha256", &trailing, &der).1, TRUE);
}

#[test]
fn a_jose_signature_another_text_or_another_hash_does_not_verify() {
    let (spki, signature) = p256_signed();
    let refused = error("Failed to verify digest. Error code: 0");
    assert_eq!(verify(&profile::V1_40, "sha256", &spki, &signature.to_bytes()).1, refused);
    assert_eq!(verify(&profile::V1_40, "sha512", &spki, signature.to_der().as_bytes()).1, refused);
}

#[test]
fn hashes_go_by_five_names() {
    let (spki, signature) = p256_signed();
    for name in ["sha-256", "RS256", ""] {
        let (_, answer) = verify(&profile::V1_40, name, &spki, signature.to_der().as_bytes());
        assert_eq!(answer, error(&format!("{name} is not supported.")));
    }
}

#[test]
fn a_key_that_is_no_public_key_info_fails_to_initialise() {
    let (spki, signature) = p256_signed();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n", spki.len());
    for key in [b"garbage".as_slice(), pem.as_bytes()] {
        let (status, answer) = verify(&profile::V1_40, "sha256", key, signature.to_der().as_bytes());
        assert_eq!((status.as_str(), answer), ("status=0", error("Failed to initialize digest verify.")));
    }
}

#[test]
fn both_kinds_of_key_or_none_are_refused_from_1_37_and_pem_is_ignored_before() {
    let (spki, signature) = p256_signed();
    let pem = p256::PublicKey::from(p256_key().verifying_key()).to_public_key_pem(LineEnding::LF).expect("encodes");
    let der = signature.to_der().as_bytes().to_vec();
    let with = |version: &Profile, keys: &[(u8, &[u8])]| {
        let fields = [&[(1, b"sha256".as_slice())], keys, &[(3, der.as_slice()), (4, TEXT)]].concat();
        call(version, "verify_signature", &message(&fields))
    };
    let (in_der, in_pem) = ((2, spki.as_slice()), (5, pem.as_bytes()));
    assert_eq!(with(&profile::V1_37, &[in_pem]).1, TRUE);
    assert_eq!(with(&profile::V1_37, &[in_der, in_pem]).0, "status=2");
    assert_eq!(with(&profile::V1_37, &[]).0, "status=2");
    assert_eq!(with(&profile::V1_36, &[in_pem]).1, error("Failed to initialize digest verify."));
    assert_eq!(with(&profile::V1_36, &[]).0, "status=0");
}

#[test]
fn a_malformed_message_is_a_bad_argument_and_an_unknown_function_not_found() {
    assert_eq!(call(&profile::V1_40, "verify_signature", b"\x0a\xff").0, "status=2");
    assert_eq!(call(&profile::V1_40, "get_log_level", b"").0, "status=1");
    assert_eq!(call(&profile::V1_36, "sign", b"").0, "status=1");
    assert_eq!(call(&profile::NO_FOREIGN_FUNCTIONS, "verify_signature", b"").0, "status=1");
}

#[test]
fn rsa_is_pkcs1_only() {
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key");
    let spki = rsa::pkcs8::EncodePublicKey::to_public_key_der(&key.to_public_key()).expect("encodes");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(TEXT);
    let pkcs1 = key.sign(rsa::Pkcs1v15Sign::new::<sha2::Sha256>(), &digest).expect("signs");
    assert_eq!(verify(&profile::V1_40, "sha256", spki.as_bytes(), &pkcs1).1, TRUE);
    let pss = key.sign_with_rng(&mut rsa::rand_core::OsRng, rsa::Pss::new::<sha2::Sha256>(), &digest).expect("signs");
    assert_eq!(
        verify(&profile::V1_40, "sha256", spki.as_bytes(), &pss).1,
        error("Failed to verify digest. Error code: 0")
    );
}

#[test]
fn what_sign_signs_verify_signature_accepts() {
    let key = p256_key();
    let pkcs8 = p256::SecretKey::from(&key).to_pkcs8_der().expect("encodes");
    let args = message(&[(1, b"sha256"), (2, pkcs8.as_bytes()), (3, TEXT)]);
    let (status, answer) = call(&profile::V1_37, "sign", &args);
    assert_eq!((status.as_str(), &answer[..3]), ("status=0", [8, 1, 0x12].as_slice()));
    let (spki, _) = p256_signed();
    assert_eq!(verify(&profile::V1_37, "sha256", &spki, &answer[4..]).1, TRUE);
}

#[test]
fn what_is_compressed_can_be_uncompressed_and_garbage_cannot() {
    let (_, small) = call(&profile::V1_40, "compress", &[b'a'; 1000]);
    assert!(small.len() < 100);
    assert_eq!(call(&profile::V1_40, "uncompress", &small).1, [b'a'; 1000]);
    assert_eq!(call(&profile::V1_40, "uncompress", b"garbage").0, "status=3");
}

#[test]
fn filter_state_takes_known_names_only() {
    let args = |path: &str| message(&[(1, path.as_bytes()), (2, b"value")]);
    assert_eq!(call(&profile::V1_40, "set_envoy_filter_state", &args("envoy.string")).0, "status=0");
    assert_eq!(call(&profile::V1_40, "set_envoy_filter_state", &args("my.own")).0, "status=1");
}

#[test]
fn before_1_37_foreign_functions_act_on_the_root_inside_a_callouts_callback() {
    let source = r#"(global $stream (mut i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
          (global.set $stream (local.get $id)) (drop (call $call @{idp} (i32.const 0))) (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (drop (call $set_context (global.get $stream)))
          (call $report @{clear} (call $foreign @{clear_route_cache} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4)))
          (call $report @{state} (call $foreign @{set_envoy_filter_state} @{ARGS} (i32.const 0) (i32.const 4))))"#;
    let source = source.replace("ARGS", std::str::from_utf8(&message(&[(1, b"envoy.string"), (2, b"v")])).unwrap());
    for (version, clears, state) in [(profile::V1_36, 0, "state=1"), (profile::V1_37, 1, "state=0")] {
        let plugin = Plugin::new("p", &guest(&source));
        let mut envoy = Envoy::builder(version).plugin(plugin).cluster("idp").start().unwrap();
        let id = envoy.request(Request::get("/"));
        let waiting = envoy.callouts().remove(0);
        envoy.answer(waiting.id, Answer::json(200, "{}")).expect("pending");
        assert_eq!(said(&envoy), ["clear=0", state]);
        assert_eq!(envoy.route_cache_clears(id), clears);
        assert_eq!(envoy.filter_state(id, "envoy.string").is_some(), clears == 1);
    }
}
