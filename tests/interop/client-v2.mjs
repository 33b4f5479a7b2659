// The official MCP client 2.x, unmodified, against a server that has no sessions.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { fetch, finish, headers, options, step, until, url } from "./gateway.mjs";

const client = new Client({ name: "interop", version: "1" }, { versionNegotiation: { mode: options.mode } });
const transport = new StreamableHTTPClientTransport(url, { fetch, requestInit: { headers } });
const said = (result) => result.content[0].text;

await step("connect", async () => {
  await client.connect(transport);
  return client.getNegotiatedProtocolVersion();
});
await step("list", async () => (await client.listTools()).tools.map(({ name }) => name).sort());
await step("call", async () => said(await client.callTool({ name: "echo", arguments: { message: "grüße" } })));
await step("tool error", async () => (await client.callTool({ name: "fail", arguments: {} })).isError);
await step("stream", async () => {
  const delays = [];
  const onprogress = ({ message }) => delays.push(Date.now() - Number(message));
  const result = await client.callTool({ name: "count", arguments: { to: 5, gap: 50 } }, { onprogress });
  return { result: said(result), delays };
});
const counted = await step("cancelled before", async () => said(await client.callTool({ name: "cancelled", arguments: {} })));
await step("cancel", async () => {
  const stop = new AbortController();
  const running = client.callTool({ name: "count", arguments: { to: 200, gap: 20 } }, { signal: stop.signal, onprogress: () => stop.abort("enough") });
  const outcome = await running.then(() => "ended", () => "cancelled");
  return outcome;
});
await step("cancel heard", async () => {
  const before = counted;
  for (let tries = 0; tries < 50; tries += 1) {
    const heard = said(await client.callTool({ name: "cancelled", arguments: {} }));
    if (heard !== before) return heard;
  }
  return before;
});
if (options.mode !== "legacy") {
  await step("subscribe", async () => {
    let changes = 0;
    client.setNotificationHandler("notifications/tools/list_changed", () => void (changes += 1));
    const subscription = await client.listen({ toolsListChanged: true });
    await client.callTool({ name: "change", arguments: {} });
    await until(() => changes === 1);
    await subscription.close();
    return { honored: subscription.honoredFilter, closed: await subscription.closed };
  });
}
await step("read", async () => (await client.readResource({ uri: "test://note" })).contents[0].text);
await step("refused tool", async () => said(await client.callTool({ name: "unmapped", arguments: {} })));
await step("refused method", async () => await client.listPrompts());
await step("close", async () => void (await client.close()));
finish();
