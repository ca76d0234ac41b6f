// Drives Chromium over HTTP/2: the chat and echoes, behind the example "gateway" and behind HAProxy. Its WebSockets are streams of
// the HTTP/2 connection that the page came over (RFC 8441), as Chromium's own log of the network shows.
//
//   node http2.mjs DIRECTORY_OF_AUTHORITY TARGET_RELEASE [SCREENSHOT_DIR]
//
// ./authority makes the directory. PLAYWRIGHT_DIR and CHROMIUM: see harness.mjs.
//
// Prints a line for each check, then "N passed, N failed". The exit code is 1 if a check failed.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Proxy, eventually, freePort } from "../proxies/proxy.mjs";
import {
  TIMEOUT, check, complaints, connectionId, drive, listed, load, openWindow, rename, say, settle, startServer, stop, times,
  within,
} from "./harness.mjs";

const [directory, programs, screenshots] = process.argv.slice(2);
if (!programs) {
  console.error("usage: node http2.mjs DIRECTORY_OF_AUTHORITY TARGET_RELEASE [SCREENSHOT_DIR]");
  process.exit(2);
}
if (screenshots) mkdirSync(screenshots, { recursive: true });
const NET_LOG = join(directory, "net.json");

const SOCKETS = 100; // HAProxy takes no more streams at a time
const SLOW = 2; // of them; three would take all the room that Chromium has for what is not read on one HTTP/2 connection
const ROUND_TRIPS = 20; // on each of the others
const PIECE = 64 << 10; // bytes of a message to a slow one, random, so that they do not compress
/**
 * The most pieces that are sent on a slow one. 256 MiB is more than all buffers on the way hold. HAProxy 2.6 must not be full:
 * then it reads nothing more of the whole connection. 7 MiB is more than the window of a stream, 6 MiB, and little enough for
 * the server to read all of it.
 */
const MOST = { gateway: 4096, haproxy: 112 };

// ---- What is between browser and server ----

/** Each starts before a server, given as host and port. */
const FRONTS = {
  gateway: async (server) => {
    const options = ["--cert", join(directory, "server.crt"), "--key", join(directory, "server.key"), "--to", server];
    const gateway = await startServer(join(programs, "gateway"), "127.0.0.1:0", ...options);
    return { host: `localhost:${new URL(gateway.url).port}`, stop: () => stop(gateway) };
  },
  haproxy: async (server) => {
    const proxy = await Proxy.start("haproxy", directory, server);
    return { host: new URL(proxy.url("https")).host, stop: () => proxy.stop() };
  },
};

const hostOf = (server) => new URL(server.url).host;

// ---- The test ----

const expected = []; // by host: how often pages were loaded and which WebSockets there were, for the check of the log

async function run(browser) {
  for (const kind of Object.keys(FRONTS)) {
    const named = (name, body) => check(`${kind}: ${name}`, body);
    await chat(browser, kind, named);
    await closing(browser, kind, named);
    await hundred(browser, kind, named);
  }
  await check("no exception in any page", () => {
    assert.deepEqual(complaints.filter((text) => text.startsWith("exception")), []);
  });
  await browser.close(); // completes the log
  await check("each WebSocket was a stream of the HTTP/2 connection of its page", () => {
    const connections = http2Connections();
    for (const { kind, host, pages, path, sockets } of expected) {
      const ours = connections.filter((requests) => requests.some((request) => request[":authority"] === host));
      assert.equal(ours.length, pages, `${kind}: ${ours.length} connections of HTTP/2 for ${pages} pages`);
      for (const requests of ours) {
        assert.deepEqual(
          [requests[0][":method"], requests[0][":path"]], ["GET", "/"], `${kind}: the connection begins with the page`);
        const opened = requests.filter((request) => request[":protocol"] === "websocket");
        assert.ok(opened.every((request) => request[":method"] === "CONNECT" && request[":path"].startsWith(path)));
        assert.ok(opened.length >= sockets, `${kind}: ${opened.length} WebSockets`);
      }
    }
  });
}

/** The connections of HTTP/2 in Chromium's log: the header fields of each request. */
function http2Connections() {
  const { constants, events } = JSON.parse(readFileSync(NET_LOG, "utf8"));
  const sent = constants.logEventTypes.HTTP2_SESSION_SEND_HEADERS;
  const connections = new Map();
  for (const { type, source, params } of events) {
    if (type !== sent) continue;
    const fields = params.headers.map((line) => /^(:?[^:]+): (.*)$/.exec(line).slice(1));
    connections.set(source.id, [...connections.get(source.id) ?? [], Object.fromEntries(fields)]);
  }
  return [...connections.values()];
}

async function chat(browser, kind, named) {
  const bind = `127.0.0.1:${await freePort()}`;
  const start = () => startServer(join(programs, "chat"), bind);
  let server = await start();
  const front = await FRONTS[kind](hostOf(server));
  expected.push({ kind, host: front.host, pages: 3, path: "/chat", sockets: 1 });
  const url = `https://${front.host}/`;

  const pages = [];
  await named("two windows of the chat, with names, see each other's messages exactly once", async () => {
    for (const name of ["Ada", "Ben"]) {
      const page = await openWindow(browser, url);
      pages.push(page);
      assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol), "h2");
      await rename(page, name);
    }
    for (const page of pages) await listed(page, ["Ada", "Ben"]);
    await say(pages[0], `Hello over HTTP/2, through ${kind}.`);
    await say(pages[1], "Grüß dich. Received and understood.");
    await settle(pages[0], pages[1]);
    for (const page of pages) {
      assert.equal(await times(page, `Hello over HTTP/2, through ${kind}.`), 1);
      assert.equal(await times(page, "Grüß dich. Received and understood."), 1);
    }
  });
  if (screenshots) await pages[0].screenshot({ path: join(screenshots, `http2-${kind}.png`) });

  await named("a window that is closed leaves the lists", async () => {
    const third = await openWindow(browser, url);
    await rename(third, "Cleo");
    for (const page of pages) await listed(page, ["Ada", "Ben", "Cleo"]);
    await third.context().close();
    for (const page of pages) await listed(page, ["Ada", "Ben"]);
  });

  await named("the server's SIGTERM reaches the windows as 1001, and they come back", async () => {
    for (const page of pages) await page.evaluate(() => { window.seen.closes = []; });
    assert.equal(await stop(server, "SIGTERM"), 0);
    for (const page of pages) {
      await page.waitForFunction(() => window.seen.closes.length);
      assert.deepEqual((await page.evaluate(() => window.seen.closes))[0], { code: 1001, wasClean: true });
    }
    server = await start();
    for (const page of pages) {
      page.setDefaultTimeout(4 * TIMEOUT); // the back-off of a page
      await connectionId(page);
      page.setDefaultTimeout(TIMEOUT);
    }
    await listed(pages[0], ["Ada", "Ben"]);
    await settle(pages[0], pages[1]);
  });

  for (const page of pages) await page.context().close();
  await stop(server);
  await front.stop();
}

/** Opens a WebSocket in a page, sends, closes if told to, and says how it ended. */
const endOf = (page, url, { message, code, reason }) => within(page.evaluate(([address, text, ...close]) => new Promise((done) => {
  const socket = new WebSocket(address);
  socket.onopen = () => { if (text) socket.send(text); else socket.close(...close); };
  socket.onclose = ({ code, reason, wasClean }) => done({ code, reason, wasClean });
}), [url, message, code, reason]), "the end of a WebSocket");

async function closing(browser, kind, named) {
  const echo = await startServer(join(programs, "examples", "echo"), "127.0.0.1:0");
  // The same with a server of another library, because no example chooses a code of its own.
  const other = new (load("ws").WebSocketServer)({ host: "127.0.0.1", port: 0 });
  await once(other, "listening");
  other.on("connection", (socket) => socket.on("message", (text) => {
    if (String(text) === "end") socket.close(4002, "the server's");
  }));
  const fronts = [await FRONTS[kind](hostOf(echo)), await FRONTS[kind](`127.0.0.1:${other.address().port}`)];
  // Neither serves a page: the answer to the browser is an error, with the origin all the same.
  const page = await browser.newPage();

  await named("the page's code 4001 and its reason reach the server", async () => {
    await page.goto(`https://${fronts[0].host}/`);
    const end = await endOf(page, `wss://${fronts[0].host}/`, { code: 4001, reason: `off, by ${kind}` });
    assert.deepEqual([end.code, end.wasClean], [4001, true]);
    await eventually("the server says how it ended", () => echo.output.includes(`ended: code 4001, reason "off, by ${kind}", clean`));
  });

  await named("the server's codes 1000 and 4002 and their reasons reach the page", async () => {
    const end = await endOf(page, `wss://${fronts[0].host}/`, { message: "exit" });
    assert.deepEqual(end, { code: 1000, reason: "goodbye", wasClean: true });
    await page.goto(`https://${fronts[1].host}/`);
    const ended = await endOf(page, `wss://${fronts[1].host}/`, { message: "end" });
    assert.deepEqual(ended, { code: 4002, reason: "the server's", wasClean: true });
  });

  await page.context().close();
  for (const front of fronts) await front.stop();
  await stop(echo);
  other.close();
}

// ---- A hundred connections, some of them slow ----

async function hundred(browser, kind, named) {
  const server = await startServer(join(programs, "axum"), "127.0.0.1:0");
  const front = await FRONTS[kind](hostOf(server));
  expected.push({ kind, host: front.host, pages: 1, path: "/ws", sockets: SOCKETS });
  const page = await browser.newPage();
  await page.goto(`https://${front.host}/`);

  await named(`${SOCKETS} WebSockets of one page are open at once`, async () => {
    // The page of the example has a WebSocket of its own, `socket`.
    const open = page.evaluate(async ([count, slow]) => {
      const opened = (one) => one.readyState === WebSocket.OPEN || new Promise((done, fail) => { one.onopen = done; one.onerror = fail; });
      window.others = [socket];
      while (window.others.length < count - slow) window.others.push(new WebSocket(socket.url));
      // Only a `WebSocketStream` can be left unread.
      window.slow = Array.from({ length: slow }, () => new WebSocketStream(socket.url));
      for (const one of window.slow) Object.assign(one, await one.opened, { written: 0, isFull: false });
      await Promise.all(window.others.map(opened));
      return window.slow.length + window.others.filter((other) => other.readyState === WebSocket.OPEN).length;
    }, [SOCKETS, SLOW]);
    assert.equal(await within(open, "they are open"), SOCKETS);
  });

  const most = MOST[kind];
  const until = kind === "gateway" ? "all on the way is full" : "their windows are full";
  await named(`${SLOW} of them do not read what is echoed to them, until ${until}`, async () => {
    await page.evaluate(([length, most]) => {
      window.piece = crypto.getRandomValues(new Uint8Array(length));
      for (const one of window.slow) {
        const writer = one.writable.getWriter();
        one.flood = (async () => {
          while (one.written < most && !one.isFull) { await writer.write(window.piece); one.written += 1; }
        })();
      }
    }, [PIECE, most]);
    let before;
    await eventually("nothing more is taken", async () => {
      await new Promise((done) => { setTimeout(done, 1000); });
      const written = await page.evaluate(() => window.slow.map((one) => one.written));
      const isFull = String(written) === String(before) && written.every((count) => count > 0);
      before = written;
      return isFull;
    }, 3 * TIMEOUT);
    if (kind === "gateway") assert.ok(before.every((count) => count < most), `${before} pieces were taken, and nobody read`);
    else assert.deepEqual(before, Array(SLOW).fill(most));
  });

  await named(`each of the other ${SOCKETS - SLOW} completes ${ROUND_TRIPS} round trips meanwhile`, async () => {
    const done = page.evaluate(async (count) => {
      const written = window.slow.map((one) => one.written);
      const trip = (one, text) => new Promise((done) => {
        one.onmessage = ({ data }) => done(data === text);
        one.send(text);
      });
      const trips = window.others.map(async (one, id) => {
        let right = 0;
        for (let round = 0; round < count; round += 1) right += await trip(one, `${id}: round ${round}`);
        return right;
      });
      return { trips: await Promise.all(trips), more: window.slow.map((one, id) => one.written - written[id]) };
    }, ROUND_TRIPS);
    const { trips, more } = await within(done, "the round trips");
    assert.deepEqual(trips, Array(SOCKETS - SLOW).fill(ROUND_TRIPS));
    assert.deepEqual(more, Array(SLOW).fill(0), "the slow ones were not slow");
  });

  await named("the slow ones read at last: everything is there, and their own code comes back", async () => {
    const read = page.evaluate((most) => Promise.all(window.slow.map(async (one) => {
      one.isFull = true; // ends the flood: a write that waits is the last one
      const reader = one.readable.getReader();
      let right = 0;
      const read = async () => {
        const { value } = await reader.read();
        const words = new BigUint64Array(value);
        const wanted = new BigUint64Array(window.piece.buffer);
        if (words.length === wanted.length && words.every((word, at) => word === wanted[at])) right += 1;
      };
      for (let count = Math.min(one.written + 1, most); count; count -= 1) await read();
      await one.flood;
      one.close({ closeCode: 4001, reason: "read" });
      const { closeCode } = await one.closed;
      return { missing: one.written - right, closeCode };
    })), most);
    assert.deepEqual(await within(read, "all pieces are read", 6 * TIMEOUT), Array(SLOW).fill({ missing: 0, closeCode: 4001 }));
  });

  await page.context().close();
  await front.stop();
  await stop(server);
}

await drive(run, { ...process.env, HOME: join(directory, "home") }, [`--log-net-log=${NET_LOG}`]);
