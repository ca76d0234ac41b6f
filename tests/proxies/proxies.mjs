// Drives the examples through nginx and HAProxy. ./run prepares the arguments and starts it:
//
//   node proxies.mjs DIRECTORY_WITH_CERTIFICATES TARGET_RELEASE [SCREENSHOT_DIR]
//
// Prints a line for each check, then "N passed, N failed". The exit code is 1 if a check failed.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import {
  TIMEOUT, check, complaints, connectionId, drive, launch, listed, load, openWindow, rename, say, sees, settle, startServer, stop,
  within,
} from "../browser/harness.mjs";
import { Proxy, eventually, freePort } from "./proxy.mjs";

const WebSocket = load("ws");
const [directory, programs, screenshots] = process.argv.slice(2);
if (screenshots) mkdirSync(screenshots, { recursive: true });
const ca = readFileSync(join(directory, "authority.crt"));

/** In seconds. A Ping and its Pong pass every two KEEPALIVE, so no proxy cuts a connection after SHORT. */
const KEEPALIVE = 1;
const SHORT = 5;
const NEVER = 1_000_000;

const KINDS = ["nginx", "haproxy"];

// ---- Clients ----

/** Opens a connection, with the library "ws". */
async function open(url, options = {}) {
  const socket = new WebSocket(url, { ca, ...options });
  await next(socket, "open");
  return socket;
}

const next = (socket, event) => within(once(socket, event), `"${event}" on ${socket.url}`);

/** The code and reason with which a connection ends. */
const closed = (socket) => within(new Promise((done) => {
  socket.on("error", () => {}).once("close", (code, reason) => done([code, String(reason)]));
}), `the end of ${socket.url}`);

/** The status and the text with which a server refuses a connection, or 101. */
function answer(url, options) {
  const socket = new WebSocket(url, { ca, ...options });
  return within(new Promise((done, fail) => {
    socket.once("open", () => { socket.terminate(); done("101 "); }).once("error", fail);
    socket.once("unexpected-response", async (_, response) => {
      let body = "";
      for await (const part of response) body += part;
      done(`${response.statusCode} ${body.trim()}`);
    });
  }), `an answer from ${url}`);
}

async function echoes(socket, data, send = () => socket.send(data)) {
  const received = next(socket, "message");
  send();
  const [echo, isBinary] = await received;
  assert.equal(isBinary, typeof data !== "string");
  assert.ok(Buffer.from(data).equals(echo), `${echo.length} bytes that are not those sent`);
}

/** Echoes with the browser's WebSocket, in a page of the echo server's origin. */
const echoesInPage = (page, url) => page.evaluate((address) => new Promise((done, fail) => {
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { socket.send("grüß dich"); socket.send(new Uint8Array(1 << 20).fill(7)); socket.send("exit"); };
  const echoes = [];
  socket.onmessage = ({ data }) => echoes.push(data);
  socket.onerror = () => fail(new Error("an error event"));
  socket.onclose = ({ code, reason, wasClean }) => done({
    text: echoes[0],
    sevens: new Uint8Array(echoes[1] ?? []).filter((byte) => byte === 7).length,
    code, reason, wasClean,
  });
}), url);

/** The number of open file descriptors of a program. */
const descriptors = (program) => readdirSync(`/proc/${program.child.pid}/fd`).length;

/** Waits until a program holds at most `few` file descriptors. */
const released = (program, few) =>
  eventually(`${program.child.spawnfile} drops its connections`, () => descriptors(program) <= few)
    .catch((error) => { throw new Error(`${error.message}: ${descriptors(program)} descriptors where ${few} were`); });

/** Resolves when the window has reconnected by itself. Its back-off may have reached 30 s. */
async function comesBack(page) {
  page.setDefaultTimeout(4 * TIMEOUT);
  await connectionId(page);
  page.setDefaultTimeout(TIMEOUT);
}

const closes = (page) => page.evaluate(() => window.seen.closes);

/** The address and the client options that the chat's page uses. */
const chatSocket = (proxy, scheme) =>
  [proxy.url(scheme, "/chat"), { origin: proxy.url(scheme === "ws" ? "http" : "https", "") }];

// ---- The test ----

const startEcho = (bind, keepalive) =>
  startServer(join(programs, "examples", "echo"), bind, "--timeout", NEVER, "--keepalive", keepalive);
const startChat = (bind, keepalive) => startServer(join(programs, "chat"), bind, "--keepalive", keepalive);
const host = (server) => new URL(server.url).host;

async function run(browser) {
  const servers = {
    echo: await startEcho("127.0.0.1:0", KEEPALIVE),
    chat: await startChat(`127.0.0.1:${await freePort()}`, KEEPALIVE),
  };
  // These connections are idle during all other checks.
  const idle = {};
  for (const kind of KINDS) idle[kind] = await sitIdle(browser, kind);
  for (const kind of KINDS) await behind(browser, kind, servers);
  await whatTheLinesAreFor(servers.chat);
  for (const kind of KINDS) await checkIdle(kind, idle[kind]);
  await check("no exception in any page", () => {
    assert.deepEqual(complaints.filter((text) => text.startsWith("exception")), []);
  });
}

async function behind(browser, kind, servers) {
  const named = (name, body) => check(`${kind}: ${name}`, body);
  const { echo } = servers;
  const few = { echo: descriptors(echo), chat: descriptors(servers.chat) };
  const [toEcho, toChat] = [await Proxy.start(kind, directory, host(echo)), await Proxy.start(kind, directory, host(servers.chat))];

  for (const scheme of ["ws", "wss"]) {
    await named(`${scheme}: text, binary, 1 MiB, fragments, a Ping`, async () => {
      const socket = await open(toEcho.url(scheme));
      for (const data of ["", "grüß dich, 世界", Buffer.from([0, 255, 10]), randomBytes(1 << 20), "x".repeat(1 << 20)]) {
        await echoes(socket, data);
      }
      await echoes(socket, "one, two, three", () => {
        socket.send("one, ", { fin: false });
        socket.ping("between them");
        socket.send("two, ", { fin: false });
        socket.send("three");
      });
      const pong = next(socket, "pong");
      socket.ping("are you there?");
      assert.equal(String(await pong), "are you there?");
      socket.terminate();
    });

    await named(`${scheme}: close code and reason, in both directions`, async () => {
      const leaving = await open(toEcho.url(scheme));
      const left = closed(leaving);
      leaving.close(4001, `off, by ${scheme}`);
      assert.equal((await left)[0], 4001);
      await eventually("the server says how it ended", () =>
        echo.output.includes(`ended: code 4001, reason "off, by ${scheme}", clean`));

      const dismissed = await open(toEcho.url(scheme));
      const end = closed(dismissed);
      dismissed.send("exit");
      assert.deepEqual(await end, [1000, "goodbye"]);
    });
  }

  await named("wss: a certificate of an authority that nobody trusts is refused", async () => {
    await assert.rejects(open(toEcho.url("wss"), { ca: [] }), /certificate/);
    const stranger = await launch();
    const page = await stranger.newPage();
    await assert.rejects(page.goto(toChat.url("https")), /ERR_CERT_AUTHORITY_INVALID/);
    await stranger.close();
  });

  for (const [scheme, page] of [["ws", "http"], ["wss", "https"]]) {
    await named(`${scheme}: new WebSocket() in a page, closed by the server`, async () => {
      const opened = await browser.newPage();
      await opened.goto(toEcho.url(page));
      const result = await within(echoesInPage(opened, toEcho.url(scheme)), "the echoes in the page");
      assert.deepEqual(result, { text: "grüß dich", sevens: 1 << 20, code: 1000, reason: "goodbye", wasClean: true });
      await opened.context().close();
    });
  }

  await named("a server without TLS learns who came, how, and to where", async () => {
    for (const [scheme, page] of [["ws", "http"], ["wss", "https"]]) {
      const [seen, proxy] = await headersBehind(kind, scheme, page);
      const { host: address } = new URL(proxy.url(scheme));
      assert.equal(seen.host, address);
      assert.equal(seen.origin, `${page}://${address}`);
      assert.equal(seen["x-forwarded-for"], "127.0.0.1");
      assert.equal(seen["x-forwarded-proto"], page);
    }
  });

  await named("the chat's own page may connect, a page of elsewhere may not", async () => {
    for (const scheme of ["ws", "wss"]) {
      const [url, own] = chatSocket(toChat, scheme);
      assert.match(await answer(url, own), /^101/);
      assert.match(await answer(url, { origin: "https://elsewhere.example" }), /^403/);
    }
  });

  const plain = [];
  await named("http: two windows of the chat see each other's messages", async () => {
    for (const name of ["Ada", "Ben"]) {
      const page = await openWindow(browser, toChat.url("http", `?room=${kind}-plain`));
      plain.push(page);
      await rename(page, name);
    }
    for (const page of plain) await listed(page, ["Ada", "Ben"]);
    await settle(plain[0], plain[1]);
    await settle(plain[1], plain[0]);
  });
  for (const page of plain) await page.context().close();

  await named("https: the same over HTTP/2", async () => {
    // HAProxy takes a WebSocket as a stream of HTTP/2 and answers with 200; for nginx a browser opens a connection of
    // HTTP/1.1 besides.
    const edit = (text) => text.replace("listen ${TLS} ssl;", "listen ${TLS} ssl http2;");
    const proxy = await Proxy.start(kind, directory, host(servers.chat), { edit });
    const answers = [];
    const prepare = async (page) => {
      const session = await page.context().newCDPSession(page);
      session.on("Network.webSocketHandshakeResponseReceived", ({ response }) => answers.push(response.status));
      await session.send("Network.enable");
    };
    const page = await openWindow(browser, proxy.url("https"), { prepare });
    await settle(page);
    assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol), "h2");
    assert.deepEqual(answers, [kind === "haproxy" ? 200 : 101]);
    await page.context().close();
    await proxy.stop();
  });

  const pages = [];
  await named("https: two windows of the chat see each other's messages", async () => {
    for (const name of ["Cleo", "Dan"]) {
      const page = await openWindow(browser, toChat.url("https", `?room=${kind}`));
      pages.push(page);
      assert.equal(await page.evaluate(() => window.isSecureContext && location.protocol), "https:");
      await rename(page, name);
    }
    for (const page of pages) await listed(page, ["Cleo", "Dan"]);
    await settle(pages[0], pages[1]);
    await settle(pages[1], pages[0]);
  });

  await named("restarted in mid-session: the windows say so and come back, the server is rid of the dead", async () => {
    const sockets = [];
    for (let index = 0; index < 10; index += 1) sockets.push(await open(toEcho.url(index % 2 ? "wss" : "ws")));
    await Promise.all(sockets.map((socket) => echoes(socket, "here")));
    assert.ok(descriptors(echo) >= few.echo + sockets.length);
    const lost = Promise.all(sockets.map(closed));
    for (const page of pages) await page.evaluate(() => { window.seen.states = []; window.seen.closes = []; });

    await Promise.all([toEcho.stop("SIGKILL"), toChat.stop()]);
    assert.deepEqual((await lost).map(([code]) => code), Array(sockets.length).fill(1006));
    for (const page of pages) {
      await page.waitForFunction(() => window.seen.states.some((state) => ["disconnected", "error"].includes(state)));
      assert.deepEqual((await closes(page))[0], { code: 1006, wasClean: false });
    }
    await released(echo, few.echo);
    await released(servers.chat, few.chat);
    await say(pages[0], "a draft");

    await Promise.all([toEcho.start(), toChat.start()]);
    for (const page of pages) await comesBack(page);
    for (const page of pages) await listed(page, ["Cleo", "Dan"]);
    await pages[0].press("#input", "Enter");
    await sees(pages[1], "a draft");
    await settle(pages[1], pages[0]);
    const socket = await open(toEcho.url("wss"));
    await echoes(socket, "here again");
    socket.terminate();
    await released(echo, few.echo);
  });

  await named("stuck: the keepalive ends the connections that it no longer moves", async () => {
    const socket = await open(toEcho.url("ws"));
    const lost = closed(socket);
    toEcho.program.child.kill("SIGSTOP");
    try {
      await released(echo, few.echo);
    } finally {
      toEcho.program.child.kill("SIGCONT");
    }
    // And the proxy, once it moves again, tells the client.
    assert.equal((await lost)[0], 1006);
  });

  if (screenshots) {
    await say(pages[0], `Hello through ${kind}, with TLS.`);
    await say(pages[1], "Received and understood.");
    await sees(pages[0], "Received and understood.");
    await pages[0].screenshot({ path: join(screenshots, `${kind}.png`) });
  }

  await named("the server's SIGTERM reaches the windows as 1001, and they come back", async () => {
    const socket = await open(...chatSocket(toChat, "ws"));
    const end = closed(socket);
    for (const page of pages) await page.evaluate(() => { window.seen.states = []; window.seen.closes = []; });
    assert.equal(await stop(servers.chat, "SIGTERM"), 0);
    assert.equal((await end)[0], 1001);
    for (const page of pages) {
      await page.waitForFunction(() => window.seen.states.includes("disconnected"));
      assert.deepEqual((await closes(page))[0], { code: 1001, wasClean: true });
    }
    servers.chat = await startChat(host(servers.chat), KEEPALIVE);
    for (const page of pages) await comesBack(page);
    await listed(pages[0], ["Cleo", "Dan"]);
    await settle(pages[0], pages[1]);
  });

  for (const page of pages) await page.context().close();
  await named("when all have left, no descriptor is left", async () => {
    await released(echo, few.echo);
    await released(servers.chat, few.chat);
  });
  for (const proxy of [toEcho, toChat]) await proxy.stop();
}

/** The headers that a server behind the proxy gets with a request for a connection. */
async function headersBehind(kind, scheme, page) {
  const server = createServer();
  const asked = once(server, "upgrade");
  await new Promise((done) => { server.listen(0, "127.0.0.1", done); });
  const proxy = await Proxy.start(kind, directory, `127.0.0.1:${server.address().port}`);
  const client = new WebSocket(proxy.url(scheme), {
    ca, origin: proxy.url(page, ""), headers: { "X-Forwarded-For": "a lie", "X-Forwarded-Proto": "another" },
  });
  client.on("error", () => {});
  const [request, socket] = await within(asked, "the request for a connection");
  socket.destroy();
  await proxy.stop();
  server.close();
  return [request.headers, proxy];
}

// ---- Idle connections ----

/** Connections on which nobody says anything, through a proxy that does not suffer that for long. */
async function sitIdle(browser, kind) {
  const sit = async (keepalive) => {
    const echo = await startEcho("127.0.0.1:0", keepalive);
    const few = descriptors(echo);
    const [toEcho, toChat] = await Promise.all([echo, await startChat("127.0.0.1:0", keepalive)].map((server) =>
      Proxy.start(kind, directory, host(server), { timeout: SHORT })));
    const sockets = [await open(toEcho.url("ws")), await open(toEcho.url("wss"))];
    const codes = [];
    for (const socket of sockets) socket.on("close", (code) => codes.push(code)).on("error", () => {});
    return { echo, few, sockets, codes, page: await openWindow(browser, toChat.url("https")), since: Date.now() };
  };
  return { kept: await sit(KEEPALIVE), cut: await sit(NEVER) };
}

async function checkIdle(kind, { kept, cut }) {
  await check(`${kind}: with the keepalive, what is idle for three times the proxy's timeout stays`, async () => {
    await eventually("enough time passes", () => Date.now() - kept.since > 3 * SHORT * 1000, 3 * SHORT * 1000 + 1000);
    assert.deepEqual(kept.codes, []);
    for (const socket of kept.sockets) await echoes(socket, "still here");
    assert.deepEqual(await closes(kept.page), []);
    await settle(kept.page);
  });

  await check(`${kind}: without it the proxy cuts the connection, and the server notices`, async () => {
    await eventually("the connections are cut", () => cut.codes.length === cut.sockets.length, 3 * SHORT * 1000);
    assert.deepEqual(cut.codes, [1006, 1006]);
    await released(cut.echo, cut.few);
    assert.equal(cut.echo.output.match(/ended: code 1006, reason "", not clean/g)?.length, cut.sockets.length);
    await cut.page.waitForFunction(() => window.seen.closes.length);
    assert.deepEqual((await closes(cut.page))[0], { code: 1006, wasClean: false });
  });
}

// ---- The configurations ----

/** What the page's request for a connection is answered with if a line is missing. */
async function whatTheLinesAreFor(chat) {
  for (const [line, expected] of [
    ["proxy_http_version", "400 not a well-formed HTTP/1.1 head"],
    ["proxy_set_header Upgrade", "400 no Upgrade header"],
    ["proxy_set_header Connection", "400 unacceptable Connection header"],
    ["proxy_set_header Host", "403 pages of this origin may not connect"],
  ]) {
    await check(`nginx: without "${line}" the answer is "${expected}"`, async () => {
      const edit = (text) => {
        const lines = text.split("\n");
        const others = lines.filter((candidate) => !candidate.trim().startsWith(line));
        assert.equal(others.length, lines.length - 1);
        return others.join("\n");
      };
      const proxy = await Proxy.start("nginx", directory, host(chat), { edit });
      assert.equal(await answer(...chatSocket(proxy, "wss")), expected);
      await proxy.stop();
    });
  }
}

await drive(run, { ...process.env, HOME: join(directory, "home") });
