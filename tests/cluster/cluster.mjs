// Two windows of the cluster example in Chromium, on two servers behind HAProxy.
//
//   node cluster.mjs PATH_TO_CHECK PATH_TO_CLUSTER DIRECTORY [SCREENSHOT_DIR]
//
// PLAYWRIGHT_DIR and CHROMIUM: see ../browser/harness.mjs.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import {
  check, connectionId, drive, listed, messages, openWindow, rename, say, sees, settle, state, times, within,
} from "../browser/harness.mjs";

const [checker, binary, directory, screenshots] = process.argv.slice(2);
if (!directory) {
  console.error("usage: node cluster.mjs PATH_TO_CHECK PATH_TO_CLUSTER DIRECTORY [SCREENSHOT_DIR]");
  process.exit(2);
}
if (screenshots) mkdirSync(screenshots, { recursive: true });

/** A server that is gone is off the lists within this time, ms. */
const GONE = 15_000;

/** Starts Redis, HAProxy and two servers. They end when the input of the program ends. */
async function startStack() {
  const options = ["--serve", "--servers", "2", "--cluster", binary, "--directory", directory];
  const child = spawn(checker, options, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await within(lines.next(), "the stack answers", 30_000)).value;
  const ports = (await next())?.match(/\d+/g);
  assert.ok(ports, "the stack has started");
  const gone = new Promise((done) => { child.once("exit", done); });
  return {
    url: `http://127.0.0.1:${ports[0]}/`,
    /** The number of the server that has windows, if only one has. */
    async busy() {
      const answers = await Promise.all(ports.slice(1, 3).map(async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()));
      return answers.findIndex((answer) => /^chat_windows [1-9]/m.test(answer));
    },
    /** Has it do something, such as `kill 0`. */
    async tell(words) {
      child.stdin.write(words + "\n");
      assert.equal(await next(), `done ${words}`);
    },
    end() {
      child.stdin.end();
      return within(gone, "the stack ends");
    },
  };
}

/** The random name of the server of a window, which is the first part of its ID. */
const serverOf = async (page) => (await connectionId(page)).split("-")[0];

const shot = async (page, name) => {
  if (screenshots) await page.screenshot({ path: join(screenshots, `${name}.png`) });
};

const hasNote = (page, text) => page.waitForFunction((wanted) =>
  [...document.querySelectorAll("#log .local, #unconfirmed .local, #countdown")].some((row) => row.textContent.includes(wanted)), text);

async function run(browser) {
  const stack = await startStack();
  const { url } = stack;
  let alice;
  let alices; // the number of her server
  let bob;

  await check("two windows are on two servers", async () => {
    alice = await openWindow(browser, url);
    alices = await stack.busy();
    bob = await openWindow(browser, url);
    assert.notEqual(await serverOf(alice), await serverOf(bob));
  });

  await check("they see each other's names and messages", async () => {
    await rename(alice, "Alice");
    await rename(bob, "Bob");
    for (const page of [alice, bob]) await listed(page, ["Alice", "Bob"]);
    await say(alice, "from one server");
    await say(bob, "from the other");
    await settle(alice, bob);
    assert.deepEqual(await messages(alice), await messages(bob));
    for (const text of ["from one server", "from the other"]) assert.equal(await times(bob, text), 1);
  });

  await check("a window that is closed leaves the list of the other server", async () => {
    const carol = await openWindow(browser, url);
    await rename(carol, "Carol");
    for (const page of [alice, bob]) await listed(page, ["Alice", "Bob", "Carol"]);
    await carol.context().close();
    for (const page of [alice, bob]) await listed(page, ["Alice", "Bob"]);
  });

  // The server that Alice is on is killed. What Bob says before she is back is marked as earlier; what she types before is
  // sent once.
  await check("when its server is killed, a window says so and comes back on the other one with nothing missing", async () => {
    const before = await messages(alice);
    const [from, other] = [await serverOf(alice), await serverOf(bob)];
    await alice.evaluate(() => { Math.random = () => 0.999; }); // the longest first pause: 1 s
    await stack.tell(`kill ${alices}`);
    const says = () => ["error", "disconnected"].includes(document.getElementById("status").dataset.state);
    await alice.waitForFunction(says);
    await shot(alice, "killed");
    await say(bob, "while she was away");
    await say(alice, "typed without a connection");
    assert.equal(await alice.inputValue("#input"), "", "the page has taken it");
    await state(alice, "connected");
    assert.equal(await serverOf(alice), other);
    assert.notEqual(from, other);
    await settle(alice, bob);
    const after = await messages(alice);
    assert.deepEqual(after.slice(0, before.length), before);
    assert.deepEqual(after, await messages(bob));
    for (const text of ["while she was away", "typed without a connection"]) {
      assert.equal(await times(alice, text), 1, text);
      assert.equal(await times(bob, text), 1, text);
    }
    const marked = await alice.locator("#log .row:has(.earlier) .text").allTextContents();
    assert.deepEqual(marked, ["while she was away"]);
    await shot(alice, "back");
    await alice.waitForFunction(() => document.querySelectorAll("#users .user").length === 2, null, { timeout: GONE });
    await listed(bob, ["Alice", "Bob"]);
  });

  await check("without Redis the header says so, messages wait, and then they are sent once", async () => {
    await stack.tell("redis stop");
    await hasNote(alice, "messages wait");
    await say(alice, "in vain, for now");
    await hasNote(alice, "Not confirmed yet: in vain, for now");
    assert.equal(await alice.locator("#status").getAttribute("data-state"), "connected");
    await shot(alice, "waiting");
    await stack.tell("redis start");
    for (const page of [alice, bob]) await sees(page, "in vain, for now");
    await settle(alice, bob);
    assert.equal(await times(bob, "in vain, for now"), 1);
    assert.equal(await alice.locator("#unconfirmed .local").count(), 0);
    assert.equal(await alice.textContent("#countdown"), "");
  });

  await stack.end();
}

await drive(run);
