// The WebSocket of a page in Chromium. MODULES is the directory that playwright-core is installed in, CHROMIUM the browser.

import { createRequire } from "node:module";
import { join } from "node:path";

import { answerLines, data, expect } from "./scenario.mjs";

const { chromium } = createRequire(join(process.env.MODULES, "chromium.mjs"))("playwright-core");

const NOT_CONNECTED = "not connected";

let server;
let page;

async function start() {
  server = await chromium.launchServer({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  const browser = await chromium.connect(server.wsEndpoint());
  page = await browser.newPage();
  await page.addScriptTag({ content: `${data}; ${expect}; ${inPage}; const NOT_CONNECTED = "${NOT_CONNECTED}";` });
}

/** Runs in the page. */
async function inPage(command, url, words) {
  const socket = new WebSocket(url, command === "subprotocols" ? words[0].split(",") : []);
  socket.binaryType = "arraybuffer";
  const ended = new Promise((done) => { socket.onclose = done; });
  const next = () => Promise.race([
    new Promise((done) => {
      socket.onmessage = ({ data }) => done(typeof data === "string" ? data : new Uint8Array(data));
    }),
    ended.then(({ code }) => { throw new Error(`ended with ${code}`); }),
  ]);
  const first = command === "message" ? next() : undefined;
  await Promise.race([
    new Promise((done) => { socket.onopen = done; }),
    ended.then(() => { throw new Error(NOT_CONNECTED); }),
  ]);
  let detail = "";
  switch (command) {
    case "echo": {
      const message = data(words[0], Number(words[1]));
      socket.send(message);
      expect(await next(), message);
      break;
    }
    case "message":
      detail = await first;
      break;
    case "subprotocols":
      detail = socket.protocol;
      break;
    case "close": {
      socket.close(Number(words[0]), words.slice(1).join(" "));
      const { code, wasClean } = await ended;
      return `${code} ${wasClean ? "clean" : "not clean"}`;
    }
    case "closed": {
      socket.send("exit");
      const { code, reason } = await ended;
      return `${code} ${reason}`;
    }
    case "drop":
      return "";
  }
  socket.close(1000);
  await ended;
  return detail;
}

/** Why a handshake failed is kept from the page; the browser's console has it. */
async function failure(url) {
  const message = await page.waitForEvent("console", (message) => message.text().includes(`'${url}' failed: `));
  return message.text().split("failed: ")[1];
}

async function client(command, url, words) {
  if (["fragments", "ping", "version"].includes(command)) throw new Error("n/a");
  const reason = failure(url);
  reason.catch(() => {}); // where the handshake succeeds
  try {
    const detail = await page.evaluate(([...call]) => inPage(...call), [command, url, words]);
    if (command === "open") throw new Error("connected");
    if (command === "drop") {
      await server.kill();
      await start();
    }
    return detail;
  } catch (error) {
    if (!error.message.includes(NOT_CONNECTED)) throw error;
    const status = /Unexpected response code: (\d+)/.exec(await reason);
    if (command === "open" && status) return status[1];
    throw new Error(await reason);
  }
}

await start();
await answerLines(client);
await server.close();
