// The official MCP SDK 1.x, unmodified, against `server-everything` as published: sessions, a stream by GET, an end by DELETE.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema, LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { exchanges, fetch, finish, headers, pause, step, until, url } from "./gateway.mjs";

const client = new Client({ name: "interop", version: "1" }, { capabilities: { sampling: {} } });
const transport = new StreamableHTTPClientTransport(url, { fetch, requestInit: { headers } });
const said = (result) => result.content[0].text;
const logged = [];
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data));
client.setRequestHandler(CreateMessageRequestSchema, () => ({ model: "none", role: "assistant", content: { type: "text", text: "sampled" } }));

await step("connect", async () => {
  await client.connect(transport);
  return { version: transport.protocolVersion, session: transport.sessionId !== undefined };
});
await step("list", async () => (await client.listTools()).tools.map(({ name }) => name).sort());
await step("call", async () => said(await client.callTool({ name: "echo", arguments: { message: "grüße" } })));
await step("stream", async () => {
  const progress = [];
  const onprogress = ({ progress: at }) => progress.push(at);
  const result = await client.callTool({ name: "trigger-long-running-operation", arguments: { duration: 0.3, steps: 3 } }, undefined, { onprogress });
  return { result: said(result), progress };
});
// What the server says without being asked comes by the stream that GET opened.
await step("subscribe", async () => {
  await until(() => exchanges.some(({ method, status }) => method === "GET" && status === 200));
  await client.subscribeResource({ uri: "demo://resource/dynamic/text/1" });
  await until(() => logged.some((line) => String(line).includes("demo://resource/dynamic/text/1")));
  return exchanges.filter(({ method }) => method === "GET").map(({ status, type }) => ({ status, type }));
});
// A stream that broke off is taken up again behind the last event that was seen.
await step("resume", async () => {
  const seen = [];
  await client.callTool({ name: "trigger-long-running-operation", arguments: { duration: 0.2, steps: 2 } }, undefined, {
    onprogress: () => {},
    onresumptiontoken: (token) => void seen.push(token),
  });
  const again = { accept: "text/event-stream", "mcp-session-id": transport.sessionId, "mcp-protocol-version": transport.protocolVersion, "last-event-id": seen[0] };
  const answer = await fetch(url, { headers: { ...headers, ...again } });
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes(seen.at(-1))) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return { status: answer.status, first: text.includes(seen[0]), later: seen.slice(1).every((id) => text.includes(id)), events: seen.length > 1 };
});
// The server asks the client in the middle of a call, and the client answers by POST.
await step("answer", async () => said(await client.callTool({ name: "trigger-sampling-request", arguments: { prompt: "x", maxTokens: 5 } })));
await step("cancel", async () => {
  const stop = new AbortController();
  const running = client.callTool({ name: "trigger-long-running-operation", arguments: { duration: 2, steps: 100 } }, undefined, { signal: stop.signal, onprogress: () => stop.abort("enough") });
  return await running.then(() => "ended", () => "cancelled");
});
await step("refused tool", async () => said(await client.callTool({ name: "get-env", arguments: {} })));
await step("refused method", async () => await client.listPrompts());
const { sessionId } = transport;
await step("end", async () => {
  await transport.terminateSession();
  await until(() => exchanges.some(({ method }) => method === "DELETE"));
  return exchanges.filter(({ method }) => method === "DELETE").map(({ status }) => status);
});
const ping = async (session) => {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 9, method: "ping" });
  const answer = await fetch(url, { method: "POST", body, headers: { ...headers, "content-type": "application/json", accept: "application/json, text/event-stream", "mcp-session-id": session, "mcp-protocol-version": transport.protocolVersion } });
  return { status: answer.status, said: (await answer.json()).error.message };
};
await step("after the end", () => ping(sessionId));
await step("never begun", () => ping("0ff1ce00-0000-4000-8000-000000000000"));
await pause(10);
await client.close();
finish();
