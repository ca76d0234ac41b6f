// The peer undici, the WebSocket of Node. MODULES is the directory that it is installed in.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";

import { answerLines } from "./lines.mjs";
import { PING, expect, standard } from "./scenario.mjs";

const undici = createRequire(join(process.env.MODULES, "undici.mjs"))("undici");
globalThis.WebSocket = undici.WebSocket;

/** Its API shows a Pong on a channel for diagnostics only. */
const pong = () => new Promise((done) => {
  const channel = "undici:websocket:pong";
  subscribe(channel, function listen({ payload }) {
    unsubscribe(channel, listen);
    done(payload.toString());
  });
});

async function ping(url) {
  const socket = new WebSocket(url);
  await once(socket, "open");
  const answer = pong();
  undici.ping(socket, Buffer.from(PING));
  expect(await answer, PING);
  socket.close();
  await once(socket, "close");
}

async function client(command, url, words) {
  if (["fragments", "version", "open", "drop"].includes(command)) throw new Error("n/a");
  return command === "ping" ? ping(url) : standard(command, url, words);
}

await answerLines(client);
// It keeps connections that it has failed open, which would keep the process.
process.exit();
