// The official MCP client 2.x, unmodified, as one that takes either era: it asks by `server/discover` first.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { exchanges, fetch, finish, headers, step, url } from "./gateway.mjs";

const client = new Client({ name: "interop", version: "1" }, { versionNegotiation: { mode: "auto" } });
const transport = new StreamableHTTPClientTransport(url, { fetch, requestInit: { headers } });

await step("connect", async () => {
  await client.connect(transport);
  return { version: client.getNegotiatedProtocolVersion(), discover: exchanges[0].status };
});
const tools = await step("list", async () => (await client.listTools()).tools.map(({ name }) => name).sort());
await step("call", async () => {
  const said = [];
  for (const name of tools) said.push((await client.callTool({ name, arguments: {} })).content[0].text);
  return said;
});
await step("refused tool", async () => await client.callTool({ name: "echo", arguments: { message: "x" } }));
await step("refused method", async () => await client.listPrompts());
await step("close", async () => void (await client.close()));
finish();
