// The official A2A client, unmodified.

import { connect, message, state } from "./a2a.mjs";
import { finish, options, step } from "./gateway.mjs";

let agent;
await step("connect", async () => {
  agent = await connect(options.mode.binding);
  return { name: agent.agentCard.name, version: agent.protocolVersion };
});
const told = (event) => (event.payload.$case === "statusUpdate" ? state(event.payload.value) : event.payload.$case);
const task = await step("call", async () => await agent.sendMessage(message("short")));
await step("get", async () => state(await agent.getTask({ tenant: "", id: task.id })));
await step("context", async () => {
  const next = await agent.sendMessage(message("short", { contextId: task.contextId, referenceTaskIds: [task.id] }));
  return [next.contextId === task.contextId, next.id !== task.id, next.history[0].referenceTaskIds[0] === task.id];
});
await step("stream", async () => {
  const events = [];
  for await (const event of agent.sendMessageStream(message("short"))) events.push(told(event));
  return events;
});
await step("cancel", async () => {
  const long = await agent.sendMessage(message("long"));
  return state(await agent.cancelTask({ tenant: "", id: long.id, metadata: undefined }));
});
await step("follow", async () => {
  const long = await agent.sendMessage(message("long"));
  const events = [];
  let same = true;
  for await (const event of agent.resubscribeTask({ tenant: "", id: long.id })) {
    const { $case, value } = event.payload;
    events.push(told(event));
    same &&= ($case === "task" ? value.id : value.taskId) === long.id;
    if (events.length === 1) await agent.cancelTask({ tenant: "", id: long.id, metadata: undefined });
  }
  return { first: events[0], last: events.at(-1), same };
});
await step("error", async () => await agent.getTask({ tenant: "", id: "no-such-task" }));
await step("refused method", async () => await agent.deleteTaskPushNotificationConfig({ tenant: "", taskId: task.id, id: "any" }));
finish();
