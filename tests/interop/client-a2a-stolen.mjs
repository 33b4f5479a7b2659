// The official A2A client, unmodified, with the ids of somebody else's task.

import { AgentCard, Role, TaskState } from "@a2a-js/sdk";
import { ClientFactory, ClientFactoryOptions, JsonRpcTransportFactory } from "@a2a-js/sdk/client";
import { randomUUID } from "node:crypto";
import { fetch, finish, headers, options, step, url } from "./gateway.mjs";

const { version, task: id, context: contextId } = options.mode;
const fetchImpl = (target, init = {}) => fetch(target, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), ...headers } });
const factory = new ClientFactory({ transports: [new JsonRpcTransportFactory({ fetchImpl, legacyCompat: { enabled: true } })] });
const card = AgentCard.fromJSON({
  name: "interop",
  description: "an agent",
  version: "1",
  supportedInterfaces: [{ url: url.href, protocolBinding: "JSONRPC", protocolVersion: version }],
  capabilities: { streaming: true },
  defaultInputModes: ["text/plain"],
  defaultOutputModes: ["text/plain"],
  skills: [],
});
const message = (more) => ({
  tenant: "",
  metadata: undefined,
  configuration: { acceptedOutputModes: [], returnImmediately: false },
  message: {
    messageId: randomUUID(), contextId: "", taskId: "", role: Role.ROLE_USER, extensions: [], referenceTaskIds: [], metadata: undefined,
    parts: [{ content: { $case: "text", value: "short" }, metadata: undefined, filename: "", mediaType: "text/plain" }],
    ...more,
  },
});
const first = async (events) => {
  for await (const event of events) return event;
};

const agent = await factory.createFromAgentCard(card);
await step("get", () => agent.getTask({ tenant: "", id }));
await step("cancel", () => agent.cancelTask({ tenant: "", id, metadata: undefined }));
await step("follow", () => first(agent.resubscribeTask({ tenant: "", id })));
await step("go on", () => agent.sendMessage(message({ taskId: id })));
await step("go on in a stream", () => first(agent.sendMessageStream(message({ taskId: id }))));
await step("refer", () => agent.sendMessage(message({ referenceTaskIds: [id] })));
await step("join", () => agent.sendMessage(message({ contextId })));
await step("own", async () => TaskState[(await agent.sendMessage(message({}))).status.state]);
finish();
