// An MCP server on the official SDK 2.x: 2026-07-28, and the older revisions without sessions. Its arguments name further tools.

import "./serve.mjs";
import { createServer } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

const text = (value) => ({ content: [{ type: "text", text: value }] });
const pause = (millis) => new Promise((done) => setTimeout(done, millis));
let cancelled = 0;

function build() {
  const server = new McpServer({ name: "interop", version: "1" }, { capabilities: { tools: { listChanged: true }, resources: { subscribe: true } } });
  server.registerTool("echo", { inputSchema: z.object({ message: z.string() }) }, ({ message }) => text(message));
  server.registerTool("fail", {}, () => ({ ...text("no"), isError: true }));
  server.registerTool("cancelled", {}, () => text(String(cancelled)));
  for (const name of process.argv.slice(2)) server.registerTool(name, { inputSchema: z.object({ about: z.string().optional() }) }, () => text(`${name} was called`));
  server.registerTool("change", {}, () => {
    handler.notify.toolsChanged();
    return text("told");
  });
  server.registerTool("count", { inputSchema: z.object({ to: z.number(), gap: z.number() }) }, async ({ to, gap }, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (let at = 1; at <= to; at += 1) {
      await pause(gap);
      if (mcpReq.signal.aborted) {
        cancelled += 1;
        return text("cancelled");
      }
      if (progressToken !== undefined) {
        await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress: at, total: to, message: String(Date.now()) } });
      }
    }
    return text(`counted to ${to}`);
  });
  server.registerResource("note", "test://note", {}, (uri) => ({ contents: [{ uri: uri.href, text: "a note" }] }));
  server.registerPrompt("greet", {}, () => ({ messages: [{ role: "user", content: { type: "text", text: "hello" } }] }));
  return server;
}

const handler = createMcpHandler(build, { keepAliveMs: 200 });
createServer(toNodeHandler(handler)).listen();
