// The official A2A client, unmodified, with the ids of somebody else's task.

import { connect, message, state } from "./a2a.mjs";
import { finish, options, step } from "./gateway.mjs";

const { binding, task: id, context: contextId } = options.mode;
const first = async (events) => {
  for await (const event of events) return event;
};

const agent = await connect(binding);
await step("get", () => agent.getTask({ tenant: "", id }));
await step("cancel", () => agent.cancelTask({ tenant: "", id, metadata: undefined }));
await step("follow", () => first(agent.resubscribeTask({ tenant: "", id })));
await step("go on", () => agent.sendMessage(message("short", { taskId: id })));
await step("go on in a stream", () => first(agent.sendMessageStream(message("short", { taskId: id }))));
await step("refer", () => agent.sendMessage(message("short", { referenceTaskIds: [id] })));
await step("join", () => agent.sendMessage(message("short", { contextId })));
await step("own", async () => state(await agent.sendMessage(message("short"))));
finish();
