// An A2A agent on the official SDK, in both bindings; its arguments are the version its card names and the URL it is known by.

import "./serve.mjs";
import express from "express";
import { AgentCard, TaskState } from "@a2a-js/sdk";
import { AgentEvent, DefaultRequestHandler } from "@a2a-js/sdk/server";
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from "@a2a-js/sdk/server/express";
import { InMemoryTaskStore } from "@a2a-js/sdk/server";

const pause = (millis) => new Promise((done) => setTimeout(done, millis));
const stopped = new Set();
const status = (state) => ({ state, message: undefined, timestamp: new Date().toISOString() });

const executor = {
  async execute({ taskId, contextId, userMessage }, bus) {
    const words = userMessage.parts[0].content.value;
    const update = (state) => bus.publish(AgentEvent.statusUpdate({ taskId, contextId, status: status(state), metadata: undefined }));
    bus.publish(AgentEvent.task({ id: taskId, contextId, status: status(TaskState.TASK_STATE_SUBMITTED), artifacts: [], history: [userMessage], metadata: undefined }));
    update(TaskState.TASK_STATE_WORKING);
    for (let turn = 0; turn < (words === "long" ? 200 : 3); turn += 1) {
      await pause(20);
      if (stopped.has(taskId)) break;
      if (words !== "long") update(TaskState.TASK_STATE_WORKING);
    }
    update(stopped.has(taskId) ? TaskState.TASK_STATE_CANCELED : TaskState.TASK_STATE_COMPLETED);
    bus.finished();
  },
  async cancelTask(taskId) {
    stopped.add(taskId);
  },
};

const [, , protocolVersion, url] = process.argv;
const card = AgentCard.fromJSON({
  name: "interop",
  description: "an agent",
  version: "1",
  supportedInterfaces: ["JSONRPC", "HTTP+JSON"].map((protocolBinding) => ({ url, protocolBinding, protocolVersion })),
  capabilities: { streaming: true },
  defaultInputModes: ["text/plain"],
  defaultOutputModes: ["text/plain"],
  skills: [],
});
const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
const options = { requestHandler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } };
const app = express();
const { pathname } = new URL(url);
app.use(`${pathname}/.well-known/agent-card.json`, agentCardHandler({ agentCardProvider: requestHandler, legacyCompat: options.legacyCompat }));
// Each reads bodies in its own way, so JSON-RPC gets only what is for the URL itself.
const rpc = jsonRpcHandler(options);
app.use(pathname, (request, response, next) => (request.path === "/" ? rpc(request, response, next) : next()));
app.use(pathname, restHandler(options));
app.listen();
