const MAX_NAME = 40;       // code points; with the maxlength of the input, frames stay below 16 KiB
const MAX_ROWS = 500;      // messages kept in the page
const MAX_DELAY = 30_000;  // longest pause between two attempts, ms
const STABLE = 5_000;      // a connection that lasted this long resets the back-off, ms
const GROUP = 5 * 60_000;  // messages of one author within this time share a heading, ms
const ROOMS = 10_000;      // interval at which the list of rooms is fetched, ms

const $ = (id) => document.getElementById(id);
const log = $("log");
const input = $("input");
const narrow = matchMedia("(max-width: 700px)");
const room = new URLSearchParams(location.search).get("room") || "lobby";

let socket = null;         // at most one at any time
let failed = false;        // the socket reported an error
let openedAt = 0;
let attempts = 0;          // connections lost or failed since the last stable one
let retryAt = 0;           // time of the next attempt, 0 for none
let nick = loadNick();
let lastSent = "";
let atEnd = true;          // the log is scrolled to its end

/** Base64 of the UTF-8 bytes of a text. `btoa` alone takes characters up to U+00FF only. */
function encode(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The text in a base64 string: UTF-8, or Latin-1 from pages that use `btoa` alone. */
function decode(base64) {
  let latin1 = "(a message that cannot be decoded)";
  try {
    latin1 = atob(base64);
    const bytes = Uint8Array.from(latin1, (char) => char.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return latin1;
  }
}

/** A name that can be sent: valid Unicode, composed, no control characters, not too long. The server refuses some of them. */
function cleanName(raw) {
  const text = new TextDecoder().decode(new TextEncoder().encode(raw)).normalize("NFC");
  return [...text.replace(/\p{Cc}/gu, "").trim()].slice(0, MAX_NAME).join("").trim();
}

function loadNick() {
  let stored = "";
  try {
    stored = cleanName(localStorage.getItem("chat-name") ?? "");
  } catch { /* storage is blocked */ }
  const [random] = crypto.getRandomValues(new Uint16Array(1));
  return stored || "guest-" + random.toString(16).padStart(4, "0");
}

/** An element with a class and a text. The text is never read as HTML. */
function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Gives an element the colour of a name. It is the same in every window. */
function tint(target, author) {
  let hash = 0;
  for (const char of author) hash = (hash * 31 + char.codePointAt(0)) >>> 0;
  target.style.setProperty("--hue", (hash * 137) % 360);
}

// Connection

function connect() {
  if (socket) return;
  retryAt = 0;
  failed = false;
  setState("connecting", "connecting…");
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  // Of the page's own address only the room: not the rest of its query, not its fragment.
  const query = room === "lobby" ? "" : "?room=" + encodeURIComponent(room);
  socket = new WebSocket(scheme + "//" + location.host + "/chat" + query);
  socket.onopen = onOpen;
  socket.onmessage = onMessage;
  socket.onerror = () => { failed = true; };
  socket.onclose = onClose;
}

function onOpen() {
  openedAt = Date.now();
  setState("connected", "connected");
  hint("");
  sendNick();
}

/** Plans the next attempt: within a second at first, later with exponential back-off and jitter. */
function onClose(event) {
  socket = null;
  if (openedAt && Date.now() - openedAt >= STABLE) attempts = 0;
  openedAt = 0;
  const most = Math.min(MAX_DELAY, 1000 * 2 ** attempts);
  const delay = attempts ? most * (0.5 + Math.random() / 2) : most * Math.random();
  attempts += 1;
  retryAt = Date.now() + delay;
  if (failed) setState("error", "error: no connection to the server");
  else setState("disconnected", "disconnected" + closeDetail(event));
  tick();
}

/** The close code and what it means, if it means anything to the reader. */
function closeDetail({ code, reason }) {
  const known = {
    1001: "server is going away", 1008: "refused", 1009: "message too big", 1011: "server error",
    1012: "server restarts", 1013: "try again later",
  };
  const words = reason || known[code];
  return code === 1005 || code === 1006 ? "" : ` (${words ? `${code}, ${words}` : code})`;
}

/** Shows the countdown to the next attempt, and makes the attempt. */
function tick() {
  if (!retryAt) return;
  const left = retryAt - Date.now();
  $("countdown").textContent = `retrying in ${Math.max(1, Math.ceil(left / 1000))} s`;
  if (left <= 0) connect();
}

function setState(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
  $("countdown").textContent = "";
  $("reconnect").hidden = !retryAt;
  $("form").classList.toggle("offline", state !== "connected");
  if (state !== "connected") showUsers([]);
}

function transmit(value) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(value));
  return true;
}

function sendNick() {
  $("name").textContent = nick;
  transmit({ User: nick });
}

function onMessage({ data }) {
  let message;
  try {
    message = JSON.parse(data) ?? {};
  } catch {
    return;
  }
  if (message.Type === "Status") welcome(message);
  else if (message.Type === "Chat") showChat(message);
  else if (message.Type === "userlist") {
    if (message.Refused) renamed(message);
    showUsers(message.Users);
  }
}

/** The server has refused our name and has given us another one. */
function renamed({ Name, Refused }) {
  try {
    localStorage.removeItem("chat-name");
  } catch { /* storage is blocked */ }
  nick = String(Name);
  $("name").textContent = nick;
  const row = element("div", "row local", `${Refused} You are now `);
  row.append(element("bdi", "", nick));
  append(row);
}

/** Handles the first message of a connection. The room's history follows, so the log is cleared. */
function welcome({ WSID, Resumed }) {
  $("status").textContent = "connected ";
  $("status").append(element("code", "", String(WSID)));
  if (!Resumed) log.replaceChildren();
  scrollToEnd();
  refreshRooms();
}

// Log and users

function showChat({ Author, Message, Sent }) {
  const author = String(Author ?? "");
  const sent = new Date(String(Sent).replace(" ", "T") + "Z");
  const previous = log.lastElementChild?.dataset;
  const row = element("div", author === "system" ? "row system" : "row");
  row.classList.toggle("own", author === nick);
  row.classList.toggle("more", previous?.author === author && sent - previous.sent < GROUP);
  Object.assign(row.dataset, { author, sent: sent.getTime(), initial: [...author][0] ?? "?" });
  tint(row, author);
  // The text cannot turn the direction of anything else.
  const text = element("div", "text");
  text.dir = "auto";
  text.append(element("bdi", "", decode(Message)));
  row.append(element("bdi", "author", author), clock(sent), text);
  append(row);
}

/** Local hours and minutes, with the full date in the title. */
function clock(date) {
  const time = element("time", "");
  if (Number.isNaN(date.getTime())) return time;
  time.textContent = date.toTimeString().slice(0, 5);
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString([], { dateStyle: "full", timeStyle: "long" });
  return time;
}

function append(row) {
  log.append(row);
  while (log.childElementCount > MAX_ROWS) log.firstElementChild.remove();
  log.firstElementChild.classList.remove("more");
  if (atEnd) scrollToEnd();
  else $("newer").hidden = false;
}

function scrollToEnd() {
  atEnd = true;
  $("newer").hidden = true;
  log.scrollTop = log.scrollHeight;
}

function onScroll() {
  atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
  if (atEnd) $("newer").hidden = true;
}

/** Shows the list of users. Names need not be unique: only the first that equals our own is marked. */
function showUsers(users) {
  const names = Array.isArray(users) ? users.map((entry) => String(entry?.User ?? "")) : [];
  const own = names.indexOf(nick);
  const items = names.map((user, index) => {
    const item = element("li", "");
    tint(item, user);
    item.append(element("bdi", "user", user));
    if (index === own) item.append(element("span", "you", "you"));
    return item;
  });
  $("users").replaceChildren(...items);
  $("count").textContent = names.length || "";
  $("invite").hidden = names.length !== 1;
  const size = document.querySelector("#rooms [aria-current] .size");
  if (size) size.textContent = names.length || "";
}

// Rooms

/** The address of a room. */
function roomUrl(room) {
  const url = new URL("/", location.href);
  if (room !== "lobby") url.searchParams.set("room", room);
  return url.href;
}

/** Fetches the list of rooms that have members, and shows it. On an error the list stays. */
async function refreshRooms() {
  if (document.hidden || socket?.readyState !== WebSocket.OPEN) return;
  try {
    const response = await fetch("/rooms");
    if (response.ok) showRooms((await response.json()).Rooms);
  } catch { /* the connection shows whether the server is there */ }
}

function showRooms(rooms) {
  if (!Array.isArray(rooms)) return;
  const items = rooms.map(({ Room, Users }) => {
    const link = element("a", "");
    link.href = roomUrl(Room);
    const isOurs = Room === room;
    if (isOurs) link.ariaCurrent = "page";
    // The list of users is newer than the list of rooms.
    const size = isOurs ? $("users").childElementCount || Users : Users;
    link.append(element("bdi", "", Room), element("span", "size", size));
    const item = element("li", "");
    item.append(link);
    return item;
  });
  $("rooms").replaceChildren(...items);
}

/** Opens another room. */
function onGo(event) {
  event.preventDefault();
  const wanted = $("new-room").value.trim();
  if (wanted) location.assign(roomUrl(wanted));
}

/** Copies the link to this room, or selects it where the page may not write to the clipboard. */
async function copyLink() {
  try {
    await navigator.clipboard.writeText($("link").href);
    $("copy").textContent = "Copied";
    setTimeout(() => { $("copy").textContent = "Copy"; }, 2000);
  } catch {
    getSelection().selectAllChildren($("link"));
  }
}

/** Shows the name of the room and the link to it. */
function showRoom() {
  $("room").textContent = $("invite-room").textContent = room;
  document.title = room + " · chat";
  $("link").href = $("link").textContent = roomUrl(room);
  $("local").hidden = !/^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname);
  $("port").textContent = location.port || "80";
}

// Input

function hint(text) {
  $("hint").textContent = text;
}

function onSubmit(event) {
  event.preventDefault();
  input.focus();
  const text = input.value;
  const command = /^\/(\S*)(.*)$/su.exec(text);
  if (!text.trim()) return;
  if (command ? run(command[1], command[2]) : say(text)) input.value = "";
}

/** Sends a message. While disconnected, the text stays in the input. */
function say(text) {
  const sent = transmit({ Message: encode(text), Author: nick });
  if (sent) {
    lastSent = text;
    scrollToEnd();
  }
  hint(sent ? "" : "Not connected: your message is not sent yet.");
  return sent;
}

/** Executes a command. It is never sent as a message. */
function run(command, argument) {
  const wanted = cleanName(argument);
  if (command !== "nick") hint(`Unknown command /${command}. The only command is /nick NAME.`);
  else if (!wanted) hint("Type a name behind the command: /nick NAME.");
  else if (wanted.toLowerCase() === "system") hint("That name is reserved.");
  else {
    nick = wanted;
    try {
      localStorage.setItem("chat-name", nick);
    } catch { /* storage is blocked: the name lasts as long as the page */ }
    const row = element("div", "row local", "You are now ");
    row.append(element("bdi", "", nick));
    append(row);
    sendNick();
    return true;
  }
  return false;
}

/** Arrow up in an empty input recalls the last message. */
function onKey(event) {
  if (event.key !== "ArrowUp" || input.value || !lastSent) return;
  event.preventDefault();
  input.value = lastSent;
}

/** The list of users can be folded on a small screen, and is always open on a large one. */
function onWidth() {
  $("people").open = !narrow.matches;
  $("summary").tabIndex = narrow.matches ? 0 : -1;
}

$("go").addEventListener("submit", onGo);
$("copy").addEventListener("click", copyLink);
$("form").addEventListener("submit", onSubmit);
$("newer").addEventListener("click", () => { scrollToEnd(); input.focus(); });
$("reconnect").addEventListener("click", () => { connect(); input.focus(); });
$("summary").addEventListener("click", (event) => { if (!narrow.matches) event.preventDefault(); });
input.addEventListener("keydown", onKey);
input.addEventListener("input", () => hint(""));
log.addEventListener("scroll", onScroll, { passive: true });
addEventListener("online", connect);
narrow.addEventListener("change", onWidth);
new ResizeObserver(() => { if (atEnd) scrollToEnd(); }).observe(log);
setInterval(tick, 250);
setInterval(refreshRooms, ROOMS);
document.addEventListener("visibilitychange", refreshRooms);
onWidth();
showRoom();
sendNick();
connect();
