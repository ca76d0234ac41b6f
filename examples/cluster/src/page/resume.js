// What the page does more where several servers are one chat. This stands in front of the script of the page, in one
// module with it, and uses its names. A connection that is lost is resumed behind the last message that was seen, and
// messages that no server has confirmed are sent again: each has a key, under which the servers say it once.

const MOST_UNCONFIRMED = 16;  // with the name, less than a server takes at once
const SOON = 500;             // a message that is confirmed within this time was never shown as unconfirmed, ms

const unconfirmed = new Map();  // key → { message, row, wasSent }, in the order in which they were typed
const sent = new Set();         // their keys, of those that went out on this connection
let lastSeen = "";              // the ID of the newest message, "" before the first connection
let earlier = 0;                // so many messages that follow are from before this connection
let resumed = false;            // they follow what was seen last
let isLevel = false;            // they are all there: what is not confirmed now was not said before

/** A socket that goes on where the one before it ended. The page uses it like any other. */
const WebSocket = class extends globalThis.WebSocket {
  constructor(url) {
    super(lastSeen ? `${url}${url.includes("?") ? "&" : "?"}after=${encodeURIComponent(lastSeen)}` : url);
    isLevel = false;
  }

  send(text) {
    const message = JSON.parse(text);
    if (!("Message" in message)) return super.send(text);
    const isCrowded = unconfirmed.size >= MOST_UNCONFIRMED;
    const kept = keep(message);
    if (isCrowded) refused({ Key: kept.Key, Why: "too many of your messages wait" });
    else if (isLevel) sendAgain((text) => super.send(text)); // otherwise it goes out behind those before it
  }

  set onmessage(handler) {
    super.onmessage = (event) => receive(event, handler, (text) => super.send(text));
  }
};

/** Gives a message a key, and remembers it until it is confirmed. */
function keep(message) {
  const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
  const row = element("div", "row local", `Not confirmed yet: ${decode(message.Message)}`);
  const kept = { message: { ...message, Key: key }, row, wasSent: false };
  unconfirmed.set(key, kept);
  setTimeout(() => { if (unconfirmed.has(key)) $("unconfirmed").append(row); }, SOON);
  return kept.message;
}

/** Forgets a message whose outcome is known. */
function settle(key) {
  const kept = unconfirmed.get(key);
  unconfirmed.delete(key);
  sent.delete(key);
  kept?.row.remove();
  return kept;
}

function receive(event, handler, send) {
  let message;
  try {
    message = JSON.parse(event.data) ?? {};
  } catch {
    return;
  }
  if (message.Type === "Said") settle(message.Key);
  else if (message.Type === "Refused") refused(message);
  else if (message.Type === "Link") $("countdown").textContent = message.Away ?? "";
  else handler(event);
  if (message.Type === "Status") begin(message);
  else if (message.Type === "Chat" && message.Id) said(message);
  else return;
  if (earlier > 0 || isLevel) return;
  isLevel = true;
  sendAgain(send);
}

/** Sends what did not go out on this connection, in the order in which it was typed. */
function sendAgain(send) {
  for (const [key, kept] of unconfirmed) {
    if (!sent.has(key)) send(JSON.stringify(kept.message));
    sent.add(key);
    kept.wasSent = true;
  }
}

function begin({ Earlier = 0, Resumed = false, Last }) {
  const isGap = lastSeen && !Resumed;
  earlier = Earlier;
  resumed = Resumed;
  lastSeen = Last ?? "";
  sent.clear();
  if (!isGap) return;
  append(element("div", "row local", "Messages may be missing here: the servers no longer have them."));
  for (const [key, { message, wasSent }] of unconfirmed) {
    if (!wasSent) continue;
    settle(key);
    append(element("div", "row local", `Nobody knows whether this was sent: ${decode(message.Message)}`));
  }
}

function said({ Id, Key }) {
  lastSeen = Id;
  settle(Key);
  if (earlier === 0) return;
  earlier -= 1;
  if (resumed) log.lastElementChild.querySelector("time")?.prepend(element("span", "earlier", "earlier · "));
}

function refused({ Key, Why }) {
  const kept = settle(Key);
  if (!kept) return;
  const text = decode(kept.message.Message);
  append(element("div", "row local", `Not sent, because ${Why}: ${text}`));
  if (!input.value) input.value = text;
}

/** What is typed while there is no connection is sent on the next one. */
function onTyped(event) {
  const text = event.target === $("form") ? input.value : "";
  const isMessage = text.trim() && !text.startsWith("/");
  if (!isMessage || socket?.readyState === WebSocket.OPEN || unconfirmed.size >= MOST_UNCONFIRMED) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  keep({ Message: encode(text), Author: nick });
  input.value = "";
}

document.addEventListener("submit", onTyped, { capture: true });
document.getElementById("room-log").append(Object.assign(document.createElement("div"), { id: "unconfirmed" }));

