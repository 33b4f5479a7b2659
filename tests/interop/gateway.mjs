// What every client script shares: the way to the gateway with an agent's certificate, and steps told as JSON lines.
//
// A script gets one JSON document as its argument and prints one line for each step: {"step", "ok", ...what was seen}.
// It decides nothing about what was seen; the Rust side does.

import { readFileSync } from "node:fs";
import { Agent, buildConnector, fetch as undiciFetch } from "undici";

export const options = JSON.parse(process.argv[2]);

const connect = buildConnector({
  ca: readFileSync(options.authority),
  cert: readFileSync(options.certificate),
  key: readFileSync(options.key),
  // Every name leads to this machine.
  lookup: (_name, { all }, done) => (all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4)),
});
const dispatcher = new Agent({
  // The gateway listens on a port of this run, and is known without one.
  connect: (to, done) => connect(to.hostname === options.host ? { ...to, port: String(options.port) } : to, done),
  // A stream that is silent is not broken.
  bodyTimeout: 0,
});

/** Requests as they went and answers as they came, without their bodies. */
export const exchanges = [];

/** `fetch` with the agent's certificate. */
export async function fetch(url, init = {}) {
  const response = await undiciFetch(url, { ...init, dispatcher });
  const { pathname: path } = new URL(url);
  exchanges.push({ method: init.method ?? "GET", path, status: response.status, type: response.headers.get("content-type") });
  return response;
}

export const url = new URL(`https://${options.host}${options.path}`);
export const headers = { authorization: `Bearer ${options.token}` };

export const pause = (millis) => new Promise((done) => setTimeout(done, millis));

/** Waits for what `seen` returns to be true, five seconds at most. */
export async function until(seen) {
  for (let waited = 0; waited < 5000; waited += 10) {
    if (seen()) return;
    await pause(10);
  }
  throw new Error("waited in vain");
}

/** Runs one step, tells what came of it, and hands it on. */
export async function step(name, act) {
  let line;
  try {
    line = { step: name, ok: true, seen: await within(10_000, act()) };
  } catch (error) {
    line = { step: name, ok: false, error: String(error?.message ?? error), code: error?.code, data: error?.data };
  }
  console.log(JSON.stringify(line));
  return line.seen;
}

async function within(millis, promise) {
  let timer;
  const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(`nothing in ${millis} ms`)), millis)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the run saw of HTTP, as the last line. */
export function finish() {
  console.log(JSON.stringify({ step: "http", ok: true, seen: exchanges }));
  process.exit(0);
}
