// What the tests of the examples share: checks, processes, windows with the chat page.
//
// PLAYWRIGHT_DIR  directory whose node_modules holds the packages of package.json (default: this one), so that they
//                 can be installed outside the source tree: tests/browser/packages DIR
// CHROMIUM        the browser to run (default: /usr/bin/chromium)

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Loads an npm package from `PLAYWRIGHT_DIR`. */
export const load = createRequire(join(resolve(process.env.PLAYWRIGHT_DIR ?? here), "harness.mjs"));

/** A step that takes longer has failed, ms. */
export const TIMEOUT = 10_000;
const DESKTOP = { width: 1100, height: 700 };

// ---- Checks ----

let passed = 0;
let failed = 0;
export const passing = new Set(); // windows that belong to one check

/** Runs a check and prints its result. */
export async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok - ${name}`);
  } catch (error) {
    fail(name, error);
    // Windows of a failed check must not disturb the next checks.
    for (const page of passing) await page.context().close().catch(() => {});
  }
  passing.clear();
}

function fail(name, error) {
  failed += 1;
  console.log(`not ok - ${name}`);
  console.log(String(error.stack ?? error).replace(/^/gm, "  # "));
}

/** Starts the browser, with another environment and with more arguments if they are given. */
export const launch = (env = process.env, more = []) => load("playwright-core").chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", ...more],
  env,
});

/** Runs a test with a browser, prints the counts and exits. */
export async function drive(test, env, more) {
  const browser = await launch(env, more);
  try {
    await test(browser);
  } catch (error) {
    fail("the test ran to its end", error);
  } finally {
    await browser.close();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

// ---- Processes ----

const children = new Set();
process.on("exit", () => { for (const child of children) child.kill("SIGKILL"); });
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/** Starts a program, which is killed when the test ends. `output` and `errors` hold the last 4,000 characters that it printed. `gone` resolves at its end. */
export function start(program, options) {
  const child = spawn(program, options, { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const started = { child, output: "", errors: "" };
  started.gone = new Promise((done) => {
    child.once("error", (error) => { started.errors += error; children.delete(child); done(null); });
    child.once("exit", (code, signal) => { children.delete(child); done(signal ?? code); });
  });
  child.stdout.setEncoding("utf8").on("data", (text) => { started.output = (started.output + text).slice(-4000); });
  child.stderr.setEncoding("utf8").on("data", (text) => { started.errors = (started.errors + text).slice(-4000); });
  return started;
}

/** Starts one of the examples, and resolves when it has printed its URL. */
export async function startServer(binary, bind, ...options) {
  const server = start(resolve(binary), ["--bind", bind, ...options]);
  const printed = new Promise((done) => {
    const look = () => {
      server.url ??= /(https?|ws):\/\/127\.0\.0\.1:\d+\//.exec(server.output)?.[0];
      if (!server.url) return;
      server.child.stdout.off("data", look);
      done();
    };
    server.child.stdout.on("data", look);
  });
  const outcome = await within(Promise.race([printed, server.gone.then(() => "exited")]), "the server prints its URL");
  assert.notEqual(outcome, "exited", `the server exited: ${server.errors}`);
  return server;
}

/** Ends a program. Resolves to its exit code, or to the signal that killed it. */
export function stop(program, signal = "SIGINT") {
  program.child.kill(signal);
  return within(program.gone, `${program.child.spawnfile} ends`);
}

/** The promise with a time limit. The result may be awaited later, or never. */
export function within(promise, what, patience = TIMEOUT) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`too slow: ${what}`)), patience);
  });
  const outcome = Promise.race([promise, late]).finally(() => clearTimeout(timer));
  outcome.catch(() => {});
  return outcome;
}

// ---- Windows ----

/** Runs in the page before its own script: records sockets, states and violations of the policy. */
function record() {
  const seen = { sockets: [], most: 0, closes: [], states: [], violations: [] };
  window.seen = seen;
  addEventListener("securitypolicyviolation", (event) => {
    seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
  });
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given);
      seen.sockets.push(this);
      seen.most = Math.max(seen.most, seen.sockets.filter((socket) => socket.readyState !== 3).length);
      this.addEventListener("close", ({ code, wasClean }) => seen.closes.push({ code, wasClean }));
    }
  };
  addEventListener("DOMContentLoaded", () => {
    const status = document.getElementById("status");
    const note = () => {
      if (seen.states.at(-1) !== status.dataset.state) seen.states.push(status.dataset.state);
    };
    note();
    new MutationObserver(note).observe(status, { attributes: true });
  });
}

/** Errors and warnings on the consoles of all pages. */
export const complaints = [];

/** A window in its own browser context, connected unless `connect` is false. */
export async function openWindow(browser, url, { connect = true, prepare, ...options } = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  page.on("pageerror", (error) => complaints.push(`exception: ${error}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  await page.addInitScript(record);
  await prepare?.(page);
  await page.goto(url);
  if (connect) await state(page, "connected");
  return page;
}

export const state = (page, wanted) =>
  page.waitForFunction((value) => document.getElementById("status").dataset.state === value, wanted);

/** The connection's ID, once the header shows it. */
export async function connectionId(page) {
  await page.waitForFunction(() => document.querySelector("#status[data-state=connected] code")?.textContent);
  return page.locator("#status code").textContent();
}

export async function say(page, text) {
  await page.fill("#input", text);
  await page.press("#input", "Enter");
}

/** Resolves when the log has a message with exactly this text. */
export const sees = (page, text) =>
  page.waitForFunction((value) => [...document.querySelectorAll("#log .text")].some((row) => row.textContent === value), text);

/** The messages in the log as [author, text], without those of the system. */
export const messages = (page) => page.evaluate(() =>
  [...document.querySelectorAll("#log .row:not(.system, .local)")].map((row) => [".author", ".text"].map((part) => row.querySelector(part).textContent)));

export const times = async (page, text) => (await messages(page)).filter((message) => message[1] === text).length;

/** Resolves when the list of users is exactly this, in any order. */
export const listed = (page, names) => page.waitForFunction((wanted) => {
  const users = [...document.querySelectorAll("#users .user")].map((user) => user.textContent);
  return JSON.stringify(users.sort()) === JSON.stringify(wanted);
}, [...names].sort());

/** Sends a message and waits until all pages have it. Then they also have all messages before it. */
export async function settle(from, ...pages) {
  const marker = `marker ${Math.random().toString(36).slice(2)}`;
  await say(from, marker);
  await Promise.all([from, ...pages].map((page) => sees(page, marker)));
}

export async function rename(page, name) {
  await say(page, `/nick ${name}`);
  await page.waitForFunction((wanted) => document.getElementById("name").textContent === wanted, name);
}
