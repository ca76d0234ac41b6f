// Drives the chat example in Chromium windows.
//
//   node chat.mjs PATH_TO_CHAT_BINARY [SCREENSHOT_DIR]
//
// PLAYWRIGHT_DIR and CHROMIUM: see harness.mjs.
//
// Prints a line for each check, then "N passed, N failed". The exit code is 1 if a check failed.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import {
  TIMEOUT, check, complaints, connectionId, drive, listed, messages, openWindow, passing, rename, say, sees, settle,
  startServer, state, stop, times, within,
} from "./harness.mjs";

const [binary, screenshots] = process.argv.slice(2);
if (!binary) {
  console.error("usage: node chat.mjs PATH_TO_CHAT_BINARY [SCREENSHOT_DIR]");
  process.exit(2);
}
if (screenshots) mkdirSync(screenshots, { recursive: true });

const HOSTILE = `<img src=x onerror="window.pwned=1">`;
const TUTORIAL = "/csp/user/Chat.Server.cls";
const PHONE = { width: 390, height: 844 };

/** Closes the page's connection with code 4000. The page itself never does that. */
const dropConnection = (page) => page.evaluate(() => {
  window.seen.sockets.findLast((socket) => new URL(socket.url).pathname === "/chat").close(4000);
});

/** Makes the page fetch the list of rooms, as it does when it is shown again. */
const refresh = (page) => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));

/** Resolves when the list of rooms is exactly this: names and numbers of members. */
async function roomsListed(page, expected) {
  await page.waitForFunction((wanted) => {
    const rooms = [...document.querySelectorAll("#rooms a")].map((link) =>
      ["bdi", ".size"].map((part) => link.querySelector(part).textContent));
    if (JSON.stringify(rooms) === wanted) return true;
    document.dispatchEvent(new Event("visibilitychange"));
    return false;
  }, JSON.stringify(expected), { polling: 200 });
}

async function fitsPhone(page) {
  const { clipped, wide, visible } = await page.evaluate(() => {
    const box = document.getElementById("input").getBoundingClientRect();
    const log = document.getElementById("log");
    const parts = [log, ...document.querySelectorAll("#status, #send, #me, #log .text, #log .author, #invite *, #people *")];
    return {
      clipped: parts.filter((part) => part.getBoundingClientRect().right > innerWidth).length + Number(log.scrollWidth > log.clientWidth),
      wide: document.documentElement.scrollWidth - innerWidth,
      visible: box.width > 100 && box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth,
    };
  });
  assert.equal(clipped, 0, "something is cut off at the side");
  assert.ok(wide <= 0, `${wide} pixels too wide`);
  assert.ok(visible, "the input is not in view");
}

// ---- The test ----

async function run(browser) {
  let server = await startServer(binary, "127.0.0.1:0");
  const { url } = server;
  let alice;
  let bob;

  await check("the page has a content security policy and loads nothing from elsewhere", async () => {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /^text\/html; ?charset=utf-8$/i);
    const policy = response.headers.get("content-security-policy");
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
      assert.ok(policy?.split("; ").includes(part), `${part} is not in ${policy}`);
    }
    assert.doesNotMatch(await response.text(), /(src|href)="(https?:)?\/\//);
  });

  await check("two windows connect and show different connection IDs", async () => {
    alice = await openWindow(browser, url);
    bob = await openWindow(browser, url);
    assert.notEqual(await connectionId(alice), await connectionId(bob));
  });

  await check("a join updates the list of users", async () => {
    const guests = [await alice.textContent("#name"), await bob.textContent("#name")];
    for (const guest of guests) assert.match(guest, /^guest-[0-9a-f]{4}$/);
    await listed(alice, guests);
    await listed(bob, guests);
    assert.equal(await alice.locator("#users li:has(.you) .user").textContent(), guests[0]);
    assert.equal(await bob.locator("#users li:has(.you) .user").textContent(), guests[1]);
  });

  await check("a message reaches both windows, its author's included, exactly once", async () => {
    await say(alice, "Hello from the first window");
    await say(bob, "And from the second");
    await settle(alice, bob);
    for (const page of [alice, bob]) {
      assert.equal(await times(page, "Hello from the first window"), 1);
      assert.equal(await times(page, "And from the second"), 1);
    }
  });

  await check("a message shows its time, with the full date in the title", async () => {
    const time = bob.locator("#log time").first();
    assert.match(await time.textContent(), /^\d\d:\d\d$/);
    assert.ok((await time.getAttribute("title")).length > 10);
    const age = Date.now() - Date.parse(await time.getAttribute("datetime"));
    assert.ok(age > -5_000 && age < 120_000, `sent ${age} ms ago`);
  });

  await check("/nick changes the name in both lists and is not broadcast", async () => {
    await rename(alice, "Alice");
    await rename(bob, "Bob");
    await listed(alice, ["Alice", "Bob"]);
    await listed(bob, ["Alice", "Bob"]);
    await say(alice, "Now with a name");
    await settle(alice, bob);
    assert.deepEqual((await messages(bob)).find((message) => message[1] === "Now with a name"), ["Alice", "Now with a name"]);
    for (const page of [alice, bob]) {
      assert.ok(!(await messages(page)).some(([, text]) => /\/nick|^Alice$|^Bob$/.test(text)));
    }
  });

  await check("a reload of the page keeps the name", async () => {
    await bob.reload();
    await state(bob, "connected");
    await listed(alice, ["Alice", "Bob"]);
    await listed(bob, ["Alice", "Bob"]);
  });

  await check("an unknown command shows a hint and is not sent", async () => {
    await say(alice, "/dance wildly");
    await alice.waitForFunction(() => document.getElementById("hint").textContent.includes("/dance"));
    await settle(alice, bob);
    assert.ok(!(await messages(bob)).some((message) => message[1].includes("dance")));
  });

  await check("arrow up recalls the last message, and the input keeps the focus", async () => {
    await say(alice, "Say that again");
    await alice.keyboard.press("ArrowUp");
    assert.equal(await alice.inputValue("#input"), "Say that again");
    await alice.fill("#input", "");
    await alice.click("#send");
    assert.equal(await alice.evaluate(() => document.activeElement.id), "input");
  });

  await check("HTML in a message is shown as text", async () => {
    await say(alice, HOSTILE);
    await settle(alice, bob);
    for (const page of [alice, bob]) {
      assert.equal(await times(page, HOSTILE), 1);
      assert.equal(await page.locator("#log img, #users img").count(), 0);
      assert.equal(await page.evaluate(() => typeof window.pwned), "undefined");
    }
  });

  await check("HTML in a name is shown as text", async () => {
    await rename(alice, HOSTILE);
    await listed(alice, [HOSTILE, "Bob"]);
    await listed(bob, [HOSTILE, "Bob"]);
    await say(alice, "What a name");
    await settle(alice, bob);
    for (const page of [alice, bob]) {
      assert.ok((await messages(page)).some(([author, text]) => author === HOSTILE && text === "What a name"));
      assert.equal(await page.locator("#log img, #users img").count(), 0);
      assert.equal(await page.evaluate(() => typeof window.pwned), "undefined");
    }
    await rename(alice, "Alice");
    await listed(bob, ["Alice", "Bob"]);
  });

  const texts = {
    "Japanese": "こんにちは、世界。雨が降っています。",
    "emoji, with zero-width joiners": "👩‍👩‍👧‍👦 👩🏽‍🚀 🏳️‍🌈 🇯🇵 😀",
    "right-to-left": "שלום עולם, مرحبا بالعالم (42)",
    "quotes, backslashes and entities": `"a\\b" 'c' &amp; \u2028 \u{10ffff} %41 \\u0041`,
  };
  for (const [name, text] of Object.entries(texts)) {
    await check(`${name}: arrives unchanged`, async () => {
      await say(alice, text);
      await sees(bob, text);
      await sees(alice, text);
      assert.equal(await times(bob, text), 1);
    });
  }

  await check("the longest text of the widest characters arrives", async () => {
    const text = "語".repeat(4000);
    await say(bob, text);
    await sees(alice, text);
  });

  await check("a name in another script arrives unchanged", async () => {
    await rename(bob, "日本 👩‍🚀");
    await listed(alice, ["Alice", "日本 👩‍🚀"]);
    await rename(bob, "Bob");
    await listed(alice, ["Alice", "Bob"]);
  });

  await check("a window that joins later gets the history, and the lists are updated when it leaves", async () => {
    const before = await messages(alice);
    const carol = await openWindow(browser, url);
    passing.add(carol);
    await rename(carol, "Carol");
    await listed(alice, ["Alice", "Bob", "Carol"]);
    await sees(carol, before.at(-1)[1]);
    for (const message of before) {
      assert.ok((await messages(carol)).some((other) => other[1] === message[1]), `missing: ${message}`);
    }
    await carol.context().close();
    await listed(alice, ["Alice", "Bob"]);
    await listed(bob, ["Alice", "Bob"]);
  });

  await check("messages do not reach other rooms", async () => {
    const other = await openWindow(browser, `${url}?room=other`);
    passing.add(other);
    assert.equal(await other.textContent("#room"), "other");
    await rename(other, "Olga");
    await listed(other, ["Olga"]);
    await say(other, "Only in the other room");
    await sees(other, "Only in the other room");
    await say(alice, "Only in the first room");
    await settle(alice, bob);
    await settle(other);
    assert.equal(await times(other, "Only in the first room"), 0);
    assert.equal(await times(other, "Hello from the first window"), 0);
    assert.equal(await times(bob, "Only in the other room"), 0);
    await listed(bob, ["Alice", "Bob"]);
    await other.context().close();
  });

  await check("an empty room shows its link, until somebody joins", async () => {
    const address = `${url}?room=a+garden+%26+more`;
    const first = await openWindow(browser, address);
    passing.add(first);
    await first.locator("#invite").waitFor({ state: "visible" });
    assert.equal(await first.textContent("#room"), "a garden & more");
    assert.equal(await first.textContent("#invite-room"), "a garden & more");
    assert.equal(await first.textContent("#link"), address);
    assert.equal(await first.getAttribute("#link", "href"), address);
    assert.match(await first.textContent("#local"), new RegExp(`--bind 0\\.0\\.0\\.0:${new URL(url).port}\\b`));
    const second = await openWindow(browser, await first.textContent("#link"));
    passing.add(second);
    await first.locator("#invite").waitFor({ state: "hidden" });
    assert.equal(await second.locator("#invite").isVisible(), false);
    assert.equal(await alice.locator("#invite").isVisible(), false);
    await second.context().close();
    await first.locator("#invite").waitFor({ state: "visible" });
    await first.context().close();
  });

  await check("the page connects to its host and its room alone, although its address has more", async () => {
    for (const [address, socket] of [["?room=a%20b&x=1#room=c", "chat?room=a%20b"], ["?x=1#/?y", "chat"], ["?room=#", "chat"]]) {
      const page = await openWindow(browser, url + address);
      passing.add(page);
      await state(page, "connected");
      const sockets = await page.evaluate(() => window.seen.sockets.map((socket) => socket.url));
      assert.deepEqual(sockets, [url.replace("http:", "ws:") + socket]);
      await page.context().close();
    }
  });

  await check("a name that the server refuses is explained", async () => {
    const page = await openWindow(browser, `${url}?room=names`);
    passing.add(page);
    for (const [name, reason] of [["s\u200bystem", "invisible characters"], ["\u017fystem", "reserved"], ["a\u202eb", "direction of text"]]) {
      await page.fill("#input", `/nick ${name}`);
      await page.press("#input", "Enter");
      await page.waitForFunction((reason) => document.querySelector("#log .row.local:last-child")?.textContent.includes(reason), reason);
      await page.waitForFunction(() => /^guest-/.test(document.getElementById("name").textContent));
      await listed(page, [await page.textContent("#name")]);
    }
    await page.context().close();
  });

  await check("the button copies the link to the room", async () => {
    const page = await openWindow(browser, `${url}?room=copied`, { permissions: ["clipboard-read", "clipboard-write"] });
    passing.add(page);
    await page.click("#copy");
    await page.waitForFunction(() => document.getElementById("copy").textContent === "Copied");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${url}?room=copied`);
    await page.context().close();
  });

  await check("the rooms are listed with their members, and a link and a form lead to them", async () => {
    const garden = await openWindow(browser, `${url}?room=${encodeURIComponent(HOSTILE)}`);
    passing.add(garden);
    await roomsListed(garden, [[HOSTILE, "1"], ["lobby", "2"]]);
    assert.equal(await garden.textContent("#rooms [aria-current] bdi"), HOSTILE);
    assert.equal(await garden.locator("#rooms img").count(), 0);
    await refresh(alice);
    await roomsListed(alice, [[HOSTILE, "1"], ["lobby", "2"]]);
    await garden.fill("#new-room", " attic ");
    await garden.press("#new-room", "Enter");
    await garden.waitForURL(`${url}?room=attic`);
    await roomsListed(garden, [["attic", "1"], ["lobby", "2"]]);
    await garden.click("#rooms a:not([aria-current])");
    await garden.waitForURL(url);
    await roomsListed(garden, [["lobby", "3"]]);
    await garden.context().close();
    await roomsListed(alice, [["lobby", "2"]]);
  });

  await check("the tutorial's page works: its path, Status with WSID, Latin-1 by btoa", async () => {
    const result = await bob.evaluate(([path, limit]) => new Promise((done, fail) => {
      const socket = new WebSocket(`ws://${location.host}${path}`);
      const got = {};
      setTimeout(() => fail(new Error(`got only ${JSON.stringify(got)}`)), limit);
      socket.onmessage = (event) => {
        const message = JSON.parse(event.data);
        if (message.Type === "Status") {
          got.status = message;
          socket.send(JSON.stringify({ User: "tut" }));
          socket.send(JSON.stringify({ Message: btoa("hi"), Author: "tut" }));
          socket.send(JSON.stringify({ Message: btoa("caf\u00e9 Latin-1"), Author: "tut" }));
        }
        if (message.Type === "Chat" && message.Author === "tut" && !got.chat) got.chat = message;
        if (message.Type === "userlist") got.users = message.Users;
        if (got.status && got.chat && got.users?.some((entry) => entry.User === "tut")) {
          done(got);
          setTimeout(() => socket.close(), 100);
        }
      };
    }), [TUTORIAL, TIMEOUT]);
    assert.ok(String(result.status.WSID).length > 0);
    assert.equal(typeof result.status.Message, "string");
    assert.equal(result.chat.Message, "aGk=");
    assert.match(result.chat.Sent, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    await sees(alice, "hi");
    assert.ok((await messages(alice)).some(([author, text]) => author === "tut" && text === "hi"));
    await sees(alice, "café Latin-1");
    await listed(alice, ["Alice", "Bob"]);
  });

  await check("after a reconnect no message is shown twice, and there is one socket at a time", async () => {
    const before = await connectionId(bob);
    const count = (await messages(alice)).length;
    await bob.evaluate(() => { window.seen.most = 0; });
    await dropConnection(bob);
    await bob.waitForFunction((id) => {
      const now = document.querySelector("#status[data-state=connected] code")?.textContent;
      return now && now !== id;
    }, before);
    await settle(alice, bob);
    assert.equal(await times(bob, "Hello from the first window"), 1);
    assert.equal((await messages(bob)).length, count + 1);
    assert.equal(await bob.evaluate(() => window.seen.most), 1);
  });

  await check("the button and the online event reconnect at once", async () => {
    const attempts = [
      () => bob.click("#reconnect"),
      () => bob.evaluate(() => dispatchEvent(new Event("online"))),
    ];
    for (const attempt of attempts) {
      // The clock stands still, so the page does not retry by itself.
      await bob.evaluate(() => {
        const now = Date.now();
        window.realNow ??= Date.now;
        Date.now = () => now;
      });
      await dropConnection(bob);
      await state(bob, "disconnected");
      assert.match(await bob.textContent("#status"), /4000/);
      assert.match(await bob.textContent("#countdown"), /^retrying in \d+ s$/);
      await attempt();
      await connectionId(bob);
      await bob.evaluate(() => { Date.now = window.realNow; });
      await listed(bob, ["Alice", "Bob"]);
    }
    assert.equal(await bob.evaluate(() => window.seen.most), 1);
  });

  await check("on a phone nothing is cut off, the input is in view, and the list of users and rooms folds", async () => {
    const phone = await openWindow(browser, url, { viewport: PHONE, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
    passing.add(phone);
    await say(phone, "W".repeat(300));
    await rename(phone, "M".repeat(40));
    await listed(phone, ["Alice", "Bob", "M".repeat(40)]);
    await say(phone, "from a very long name");
    await settle(phone);
    await fitsPhone(phone);
    for (const part of ["#users", "#rooms"]) assert.equal(await phone.locator(part).isVisible(), false);
    await phone.tap("#summary");
    for (const part of ["#users", "#rooms", "#new-room"]) assert.equal(await phone.locator(part).isVisible(), true);
    await fitsPhone(phone);
    await phone.context().close();
  });

  await check("on a phone the hint and the invitation are there", async () => {
    const phone = await openWindow(browser, `${url}?room=${"r".repeat(100)}`, { viewport: PHONE, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
    passing.add(phone);
    await phone.locator("#invite").waitFor({ state: "visible" });
    assert.equal(await phone.locator("#link").isVisible(), true);
    assert.equal(await phone.textContent("#me kbd"), "/nick NAME");
    assert.equal(await phone.locator("#me kbd").first().isVisible(), true);
    await fitsPhone(phone);
    await phone.tap("#summary");
    await fitsPhone(phone);
    if (screenshots) await phone.screenshot({ path: join(screenshots, "chat-empty-phone.png") });
    await phone.context().close();
  });

  await pageAlone(browser, url);
  if (screenshots) await check("the screenshots are taken", () => takeScreenshots(browser, url));

  await check("no violation of the policy and no error on a console", async () => {
    for (const page of [alice, bob]) assert.deepEqual(await page.evaluate(() => window.seen.violations), []);
    assert.deepEqual(complaints, []);
  });

  await check("SIGINT closes with 1001, and both windows show disconnected", async () => {
    for (const page of [alice, bob]) await page.evaluate(() => { window.seen.states = []; window.seen.closes = []; });
    server.child.kill("SIGINT");
    for (const page of [alice, bob]) {
      await page.waitForFunction(() => window.seen.states.includes("disconnected"));
      assert.deepEqual(await page.evaluate(() => window.seen.closes[0]), { code: 1001, wasClean: true });
    }
    await within(server.gone, "the server exits");
  });

  await check("without a server the page shows an error and a countdown, and keeps the draft", async () => {
    await alice.waitForFunction(() => window.seen.states.includes("error"));
    await alice.waitForFunction(() => /^retrying in \d+ s$/.test(document.getElementById("countdown").textContent));
    assert.equal(await alice.locator("#reconnect").isVisible(), true);
    await say(alice, "A draft from the dark");
    await alice.waitForFunction(() => document.getElementById("hint").textContent.startsWith("Not connected"));
    assert.equal(await alice.inputValue("#input"), "A draft from the dark");
    await listed(alice, []);
  });

  await check("after a restart on the same port both windows reconnect by themselves", async () => {
    server = await startServer(binary, new URL(url).host);
    assert.equal(server.url, url);
    for (const page of [alice, bob]) {
      page.setDefaultTimeout(4 * TIMEOUT); // the back-off may have reached its 30 s
      await connectionId(page);
    }
    await listed(alice, ["Alice", "Bob"]);
    assert.equal(await alice.inputValue("#input"), "A draft from the dark");
    await alice.press("#input", "Enter");
    await sees(bob, "A draft from the dark");
    await settle(bob, alice);
    assert.equal(await times(alice, "A draft from the dark"), 1);
    for (const page of [alice, bob]) {
      assert.equal(await page.evaluate(() => window.seen.most), 1);
    }
  });

  await stop(server).catch(() => {});
}

/** Checks of the page alone: this test plays the server of its socket. */
async function pageAlone(browser, url) {
  let send;
  const base64 = (text) => Buffer.from(text).toString("base64");
  const chat = (author, text) =>
    send({ Type: "Chat", Author: author, Message: base64(text), Sent: "2024-02-29 12:34:56" });
  const page = await openWindow(browser, url, {
    timezoneId: "Asia/Tokyo",
    prepare: (opened) => opened.routeWebSocket(/\/chat$/, (route) => {
      send = (value) => route.send(typeof value === "string" ? value : JSON.stringify(value));
      route.onMessage(() => {});
      send({ Type: "Status", Message: base64("Welcome"), WSID: "test-1" });
    }),
  });

  await check("messages by system look different, and times are local", async () => {
    chat("system", "The room closes at noon");
    await sees(page, "The room closes at noon");
    assert.equal(await page.locator("#log .row.system").count(), 1);
    assert.equal(await page.locator("#log .row.system time").textContent(), "21:34");
  });

  await check("texts and names that turn the direction stay in their place", async () => {
    chat("\u202eecilA", "\u202eecrof ni");
    await sees(page, "\u202eecrof ni");
    for (const part of [".text > bdi", ".author"]) {
      const style = await page.locator(`#log .row:last-child ${part}`).evaluate((bdi) => getComputedStyle(bdi).unicodeBidi);
      assert.equal(style, "isolate", part);
    }
  });

  await check("messages in another format are ignored", async () => {
    for (const odd of ["", "no JSON", "null", "7", "[]", "{}", `{"Type":"Chat"}`, `{"Type":"userlist"}`,
      `{"Type":"userlist","Users":[null,{}]}`, `{"Type":"Chat","Author":7,"Message":"%%%","Sent":"yesterday"}`]) send(odd);
    chat("Zoë", "Still here");
    await sees(page, "Still here");
    await sees(page, "(a message that cannot be decoded)");
  });

  await check("the log scrolls only if it is at its end, and keeps at most 500 messages", async () => {
    for (let index = 0; index < 520; index += 1) chat("Zoë", `Line ${index}`);
    await sees(page, "Line 519");
    assert.equal(await page.locator("#log > *").count(), 500);
    const fromEnd = () => page.evaluate(() => {
      const log = document.getElementById("log");
      return Math.round(log.scrollHeight - log.scrollTop - log.clientHeight);
    });
    assert.ok(await fromEnd() < 5);
    await page.evaluate(() => { document.getElementById("log").scrollTop -= 900; });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    chat("Zoë", "News");
    await sees(page, "News");
    assert.ok(await fromEnd() > 800);
    await page.click("#newer");
    assert.ok(await fromEnd() < 5);
    assert.equal(await page.locator("#newer").isVisible(), false);
  });

  await page.context().close();
}

async function takeScreenshots(browser, url) {
  const room = `${url}?room=weekend-walk`;
  const talk = [
    ["Mara", "Morning! Who is in for the lake loop on Saturday?"],
    ["Tomás", "Me. Which train, the 8:12?"],
    ["Mara", "The 8:12, yes. It's 14 km with about 500 m of climbing, so we should be back by five."],
    ["Mara", "I have a spare pair of poles if anybody needs them."],
    ["Tomás", "Poles would be great, my left knee remembers the last walk a little too well."],
    ["Tomás", "What does the forecast say?"],
    ["Mara", "Dry until four, then maybe showers. I'd pack a jacket all the same."],
    ["Tomás", "Jacket, sandwiches, and the good thermos. See you on platform 3!"],
  ];
  const windows = { Mara: await openWindow(browser, room) };
  await windows.Mara.locator("#invite").waitFor({ state: "visible" });
  await windows.Mara.screenshot({ path: join(screenshots, "chat-empty.png") });
  windows.Tomás = await openWindow(browser, room);
  for (const [name, page] of Object.entries(windows)) await rename(page, name);
  for (const page of Object.values(windows)) await listed(page, Object.keys(windows));
  for (const [name, text] of talk) {
    await say(windows[name], text);
    for (const page of Object.values(windows)) await sees(page, text);
  }
  await windows.Mara.reload();
  await connectionId(windows.Mara);
  await sees(windows.Mara, talk.at(-1)[1]);
  await listed(windows.Mara, ["Mara", "Tomás"]);
  await windows.Mara.screenshot({ path: join(screenshots, "chat.png") });

  // The second user again, on a phone and in the dark.
  const storageState = await windows.Tomás.context().storageState();
  await windows.Tomás.context().close();
  const phone = await openWindow(browser, room, {
    viewport: PHONE, isMobile: true, hasTouch: true, deviceScaleFactor: 2, colorScheme: "dark", storageState,
  });
  await sees(phone, talk.at(-1)[1]);
  await listed(phone, ["Mara", "Tomás"]);
  await phone.screenshot({ path: join(screenshots, "chat-phone.png") });
  await phone.context().close();
  await windows.Mara.context().close();
}

await drive(run);
