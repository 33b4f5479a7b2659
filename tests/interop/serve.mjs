// What every server script shares: a port of its own on loopback, told as the first line, and an end.
//
// As a preload (`node --import`) it does the same for a server that is run as it was published.

import net from "node:net";

/** A server nobody stops stops itself. */
const LIFE_MILLIS = 120_000;

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  const done = given.find((argument) => typeof argument === "function");
  this.once("listening", () => console.log(JSON.stringify({ listening: this.address().port })));
  return listen.call(this, { port: 0, host: "127.0.0.1" }, done);
};

setTimeout(() => process.exit(0), LIFE_MILLIS).unref();
// Whoever started it holds its standard input.
process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();
