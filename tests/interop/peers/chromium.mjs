// The WebSocket of a page in Chromium. MODULES is the directory that playwright-core is installed in, CHROMIUM the browser,
// SPKI the hash of the one public key that is accepted without a CA that the system knows.

import { createRequire } from "node:module";
import { join } from "node:path";

import { answerLines } from "./lines.mjs";
import { NOT_CONNECTED, data, expect, names, standard } from "./scenario.mjs";

const { chromium } = createRequire(join(process.env.MODULES, "chromium.mjs"))("playwright-core");

let server;
let page;

async function start() {
  const accepted = process.env.SPKI ? [`--ignore-certificate-errors-spki-list=${process.env.SPKI}`] : [];
  server = await chromium.launchServer({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", ...accepted],
  });
  const browser = await chromium.connect(server.wsEndpoint());
  page = await browser.newPage();
  await page.addScriptTag({ content: `${data}; ${expect}; ${names}; ${standard}; const NOT_CONNECTED = "${NOT_CONNECTED}";` });
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
    const detail = await page.evaluate(([...call]) => standard(...call), [command, url, words]);
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
