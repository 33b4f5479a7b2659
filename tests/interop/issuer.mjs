// An authorization server that is not ours: `oidc-provider` with a code flow, PKCE and resource indicators.
//
// Its user signs in and agrees to everything at once.

import "./serve.mjs";
import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [scope] = process.argv.slice(2);
const accountId = "demouser@streamward.com";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const named = (key) => ({ ...key.export({ format: "jwk" }), kid: "interop", alg: "ES256", use: "sig" });
console.log(JSON.stringify({ jwk: named(publicKey) }));

const server = createServer().listen();
server.on("listening", () => {
  const provider = new Provider(`http://127.0.0.1:${server.address().port}`, {
    jwks: { keys: [named(privateKey)] },
    scopes: [scope],
    clients: [
      {
        client_id: "interop",
        application_type: "native",
        token_endpoint_auth_method: "none",
        redirect_uris: ["http://127.0.0.1/callback"],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        id_token_signed_response_alg: "ES256",
      },
    ],
    pkce: { required: () => true },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    extraTokenClaims: () => ({ sub_profile: "user" }),
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope,
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  const serve = provider.callback();
  server.on("request", async (request, response) => {
    if (!request.url.startsWith("/interaction/")) return serve(request, response);
    const { params } = await provider.interactionDetails(request, response);
    const grant = new provider.Grant({ accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    grant.addResourceScope(params.resource, params.scope);
    const consent = { grantId: await grant.save() };
    await provider.interactionFinished(request, response, { login: { accountId }, consent });
  });
});
