// The official A2A client, unmodified.

import { AgentCard, Role, TaskState } from "@a2a-js/sdk";
import { ClientFactory, ClientFactoryOptions, JsonRpcTransportFactory } from "@a2a-js/sdk/client";
import { randomUUID } from "node:crypto";
import { fetch, finish, headers, options, step, url } from "./gateway.mjs";

const fetchImpl = (target, init = {}) => fetch(target, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), ...headers } });
const factory = new ClientFactory({ transports: [new JsonRpcTransportFactory({ fetchImpl, legacyCompat: { enabled: true } })] });
const card = AgentCard.fromJSON({
  name: "interop",
  description: "an agent",
  version: "1",
  supportedInterfaces: [{ url: url.href, protocolBinding: "JSONRPC", protocolVersion: options.mode }],
  capabilities: { streaming: true },
  defaultInputModes: ["text/plain"],
  defaultOutputModes: ["text/plain"],
  skills: [],
});
const message = (words, more = {}) => ({
  tenant: "",
  metadata: undefined,
  configuration: { acceptedOutputModes: [], returnImmediately: words === "long" },
  message: {
    messageId: randomUUID(), contextId: "", taskId: "", role: Role.ROLE_USER, extensions: [], referenceTaskIds: [], metadata: undefined,
    parts: [{ content: { $case: "text", value: words }, metadata: undefined, filename: "", mediaType: "text/plain" }],
    ...more,
  },
});
const name = (state) => TaskState[state] ?? state;

const client = await step("connect", async () => ((connected) => ({ client: connected, toJSON: () => "made" }))(await factory.createFromAgentCard(card)));
const agent = client.client;
let task;
await step("call", async () => {
  task = await agent.sendMessage(message("short"));
  return name(task.status.state);
});
await step("get", async () => name((await agent.getTask({ tenant: "", id: task.id })).status.state));
await step("made", async () => ({ task: task.id, context: task.contextId, told: task.history.map(({ taskId }) => taskId) }));
await step("context", async () => {
  const next = await agent.sendMessage(message("short", { contextId: task.contextId, referenceTaskIds: [task.id] }));
  return [next.contextId === task.contextId, next.id !== task.id, next.history[0].referenceTaskIds[0] === task.id];
});
await step("stream", async () => {
  const kinds = [];
  for await (const event of agent.sendMessageStream(message("short"))) {
    kinds.push(event.payload.$case === "statusUpdate" ? name(event.payload.value.status.state) : event.payload.$case);
  }
  return kinds;
});
await step("cancel", async () => {
  const long = await agent.sendMessage(message("long"));
  const cancelled = await agent.cancelTask({ tenant: "", id: long.id, metadata: undefined });
  return name(cancelled.status.state);
});
await step("follow", async () => {
  const long = await agent.sendMessage(message("long"));
  const kinds = [];
  for await (const event of agent.resubscribeTask({ tenant: "", id: long.id })) {
    kinds.push(event.payload.$case === "statusUpdate" ? [event.payload.$case, event.payload.value.taskId === long.id] : [event.payload.$case, event.payload.value.id === long.id]);
    if (kinds.length === 1) await agent.cancelTask({ tenant: "", id: long.id, metadata: undefined });
  }
  return [kinds[0], kinds.every(([, same]) => same)];
});
await step("error", async () => await agent.getTask({ tenant: "", id: "no-such-task" }));
await step("refused method", async () => {
  for await (const event of agent.resubscribeTask({ tenant: "", id: task.id })) return event;
});
finish();
