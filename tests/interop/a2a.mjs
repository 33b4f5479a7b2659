// What the A2A client scripts share: the official client, made of nothing but the agent's URL, and what it sends.

import { Role, TaskState } from "@a2a-js/sdk";
import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } from "@a2a-js/sdk/client";
import { randomUUID } from "node:crypto";
import { fetch, headers, url } from "./gateway.mjs";

const legacyCompat = { enabled: true };
const fetchImpl = (target, init = {}) => fetch(target, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), ...headers } });

/** A client that speaks `binding`, as the card of the agent says where; the card is read without a token. */
export function connect(binding) {
  const factory = new ClientFactory({
    cardResolver: new DefaultAgentCardResolver({ fetchImpl: fetch, legacyCompat }),
    transports: [JsonRpcTransportFactory, RestTransportFactory].map((Transport) => new Transport({ fetchImpl, legacyCompat })),
    preferredTransports: [binding],
  });
  return factory.createFromUrl(`${url.href}/`);
}

/** A message of these words; a long one is not waited for. */
export const message = (words, more = {}) => ({
  tenant: "",
  metadata: undefined,
  configuration: { acceptedOutputModes: [], returnImmediately: words === "long" },
  message: {
    messageId: randomUUID(), contextId: "", taskId: "", role: Role.ROLE_USER, extensions: [], referenceTaskIds: [], metadata: undefined,
    parts: [{ content: { $case: "text", value: words }, metadata: undefined, filename: "", mediaType: "text/plain" }],
    ...more,
  },
});

/** The state of a task or of an update, by name. */
export const state = ({ status }) => TaskState[status.state] ?? status.state;
