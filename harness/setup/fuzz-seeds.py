#!/usr/bin/env python3
"""Writes what the fuzzers begin with, out of the vectors and the deployed configuration.

usage: fuzz-seeds.py PROJECT CORPUS

Vectors are recipes; taken from them are the parts that a parser is given: headers and claims, key sets, bodies.
"""

import json
import sys
from pathlib import Path

PROJECT, CORPUS = Path(sys.argv[1]), Path(sys.argv[2])
NOW = 1_795_478_400
CLAIMS = {
    "iss": "https://idp.example/knowledge", "sub": "user-1@example", "uid": "uid-1", "aud": "https://agent.example/one",
    "cid": "agent-2", "scp": ["agent:execute"], "iat": NOW, "exp": NOW + 900, "jti": "T1", "sub_profile": "user",
    "act": {"sub": "agent-2", "sub_profile": "ai_agent", "act": {"sub": "app", "sub_profile": "web_app"}},
}
HEADER = {"alg": "EdDSA", "typ": "at+jwt", "kid": "https://idp.example/knowledge"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "query", "arguments": {"q": "x"},
                   "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}}
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def text(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def edited(base, edits):
    document = json.loads(json.dumps(base))
    for name, value in edits.items():
        *above, last = name.strip("/").split("/")
        place = document
        for part in above:
            place = place.get(part, {}) if isinstance(place, dict) else {}
        if not isinstance(place, dict):
            continue
        if value is None:
            place.pop(last, None)
        elif isinstance(value, dict) and set(value) == {"now"}:
            place[last] = NOW + value["now"]
        else:
            place[last] = value
    return document


def seed_answer(name, answer):
    pieces = [piece for piece in answer.get("pieces", []) if isinstance(piece, str)]
    if pieces:
        events = "event-stream" in (answer.get("content_type") or "")
        body = "".join(pieces).replace("query_knowledge_base", "query").encode()
        for target in ("list_answers", "task_answers"):
            write(target, name, bytes([2 * len(pieces[0]) % 256 + events]) + body)


def seed_step(name, step):
    token, request = step.get("token", {}), step.get("request", {})
    header = token.get("raw_header") or text(edited(HEADER, token.get("header", {})))
    claims = token.get("raw_claims") or text(edited(CLAIMS, token.get("claims", {})))
    write("jwt", name, token.get("verbatim") or f"{header}\n{claims}")
    body = request.get("raw_body")
    if body is None:
        body = text(request.get("body", CALL)).replace("query_knowledge_base", "query")
    write("json_rpc", name, body)
    lines = "".join(f"{key.lower()}: {value}\n" for key, value in request.get("headers", []))
    seed_answer(name, step.get("upstream_answer", {}))
    write("mcp_headers", name, f"{lines}\n{body}".replace("query_knowledge_base", "query"))


def main():
    for file in sorted((PROJECT / "tests/vectors").glob("*.json")):
        cases = json.loads(file.read_text())
        for case in cases if isinstance(cases, list) else []:
            for at, step in enumerate(case["steps"]):
                seed_step(f"{case['id']}-{at}", step)
            for edit in case.get("config", []):
                if edit["at"].endswith("/jwks"):
                    write("jwks", case["id"], text(edit["set"]))
                elif "/jwks/keys" in edit["at"]:
                    write("jwks", case["id"], text({"keys": [edit["set"]]}))
    write("mcp_headers", "routed",
          "mcp-protocol-version: 2026-07-28\nmcp-method: tools/call\nmcp-name: query\n\n" + text(CALL))
    # The keys of RFC 7517 appendix A.1, RFC 8037 appendix A.2.
    write("jwks", "published", text({"keys": [
        {"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
         "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM", "use": "sig", "kid": "1"},
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "alg": "EdDSA"}]}))
    answers = [
        {"access_token": "opaque-1", "token_type": "Bearer", "expires_in": 600, "scope": "tools:read"},
        {"access_token": "x.y.z", "token_type": "N_A", "expires_in": 300, "issued_token_type": ID_JAG},
        {"error": "invalid_grant", "error_description": "x"}, {"error": "interaction_required"},
    ]
    for choice in range(16):
        for at, answer in enumerate(answers):
            write("token_response", f"{choice}-{at}", bytes([choice]) + text(answer).encode())
    issuer = "https://idp.example/resource"
    write("metadata", "plain", text({"issuer": issuer, "token_endpoint": f"{issuer}/token", "jwks_uri": f"{issuer}/keys",
                                     "grant_types_supported": ["authorization_code"]}))
    write("metadata", "elsewhere", text({"issuer": issuer, "token_endpoint": "https://elsewhere.example/token",
                                         "jwks_uri": f"{issuer}/keys"}))
    write("configuration", "deployed", (PROJECT / "envoy-config/actgate.json").read_bytes())
    # A request, its body, the calls; with keys in the document and fetched, headers held and not; then time and a revision of it.
    request, body = bytes([0, 0, 1, 0, 0, 0]), bytes([2, 0, 0, 8])
    exchange = bytes([3, 4, 0, 0, 4, 0, 0])
    fetch = bytes([3, 4, 0, 0, 4, 0, 0, 4, 0, 0])
    for options in range(4):
        write("operations", f"one-{options}", bytes([options]) + fetch + request + body + exchange + bytes([8, 0, 0]))
        write("operations", f"two-{options}",
              bytes([options]) + fetch + request + request + body + bytes([2, 1, 0, 8]) + exchange + bytes([6, 4]) + request)
        write("operations", f"crowd-{options}", bytes([options]) + fetch + bytes([9, 0, 1, 0, 2, 0]) * 18 + exchange)
        for flaw in range(27):
            write("operations", f"flaw-{options}-{flaw}",
                  bytes([options]) + fetch + request + body + bytes([3, 4, 0, flaw, 4, 0, flaw, 6, 5, 3, 4, 0, 0, 4, 0, 0]))
        for wrong in range(27):
            write("operations", f"wrong-{options}-{wrong}",
                  bytes([options]) + fetch + bytes([0, wrong, 1, wrong % 3, 0, 0]) + body + exchange)


main()
