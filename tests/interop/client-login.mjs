// The official MCP client 2.x with nothing but the URL of a resource: it finds out how to log in, and logs in.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { exchanges, fetch, finish, options, step, url } from "./gateway.mjs";

const CALLBACK = "http://127.0.0.1/callback";
const kept = {};
const provider = {
  redirectUrl: CALLBACK,
  clientMetadata: { client_name: "interop", redirect_uris: [CALLBACK], token_endpoint_auth_method: "none" },
  clientInformation: () => ({ client_id: "interop" }),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  redirectToAuthorization: (to) => void (kept.authorization = to),
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  codeVerifier: () => kept.verifier,
};
const connection = () => new StreamableHTTPClientTransport(url, { fetch, authProvider: provider });
const client = () => new Client({ name: "interop", version: "1" }, { versionNegotiation: { mode: options.mode } });

/** What a browser does with the page that the client opens: it goes where it is sent, and keeps cookies. */
async function browse(to) {
  const cookies = new Map();
  for (let hop = 0, at = to; hop < 10; hop += 1) {
    const cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
    const answer = await fetch(at, { redirect: "manual", headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) cookies.set(...line.split(";")[0].split(/=(.*)/s));
    const location = answer.headers.get("location");
    if (!location) throw new Error(`${answer.status} ${await answer.text()}`);
    at = new URL(location, at);
    if (at.href.startsWith(CALLBACK)) return at.searchParams;
  }
  throw new Error("sent on too often");
}

const first = connection();
await step("without a token", async () => await client().connect(first));
await step("sent to log in", async () => {
  const { origin, searchParams } = kept.authorization;
  return { origin, resource: searchParams.get("resource"), scope: searchParams.get("scope"), pkce: searchParams.get("code_challenge_method") };
});
await step("login", async () => {
  await first.finishAuth(await browse(kept.authorization));
  return kept.tokens.token_type;
});
const connected = client();
await step("connect", async () => {
  await connected.connect(connection());
  return connected.getNegotiatedProtocolVersion();
});
await step("call", async () => (await connected.callTool({ name: "echo", arguments: { message: "in" } })).content[0].text);
await step("metadata read", async () => exchanges.filter(({ path }) => path.startsWith("/.well-known/oauth-protected-resource")));
finish();
