// What the peers written in JavaScript have in common. It imports nothing: gjs has no modules of Node, and the functions
// end in a page of the browser as well, where each stands alone.

export const PING = "interop";
export const CLOSE_CODE = 4001;
export const CLOSE_REASON = "bis später";

/** Why `standard` fails if there was no connection. */
export const NOT_CONNECTED = "not connected";

/** The message that a kind and a length stand for: a string or a Uint8Array. */
export function data(kind, length) {
  if (kind === "text") return "aé世🌍".repeat(length / 10) + "x".repeat(length % 10);
  return Uint8Array.from({ length }, (_, index) => index % 251);
}

/** Throws unless the answer is the message. */
export function expect(answer, message) {
  const same = typeof answer === "string" || typeof message === "string"
    ? answer === message
    : answer.length === message.length && answer.every((byte, index) => byte === message[index]);
  const name = (message) => `${typeof message} of ${message.length}`;
  if (!same) throw new Error(`${name(answer)}, not the ${name(message)} that was sent`);
}

/** The subprotocols of `subprotocols URL A,B`, perhaps none. */
export function names(words) {
  return words.length ? words[0].split(",") : [];
}

/** The options of ws for words such as "s,c10": parameters of permessage-deflate. */
export function parameters(words) {
  const given = {};
  for (const word of words.replaceAll("-", "").split(",").filter(Boolean)) {
    const [end, bits] = [word[0] === "s" ? "server" : "client", word.slice(1)];
    if (bits) given[`${end}MaxWindowBits`] = Number(bits);
    else given[`${end}NoContextTakeover`] = true;
  }
  return given;
}

/** Carries out a line with `WebSocket` as browsers have it. */
export async function standard(command, url, words) {
  if (command === "deflate" && words[2] !== "-") throw new Error("n/a");
  const socket = new WebSocket(url, command === "subprotocols" ? names(words) : []);
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
    case "echo":
    case "deflate": {
      const message = data(words[0], Number(words[1]));
      for (let times = command === "deflate" ? 3 : 1; times > 0; times--) {
        socket.send(message);
        expect(await next(), message);
      }
      if (command === "deflate") detail = socket.extensions;
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

/** The line that answers a line. */
export async function answerLine(client, line) {
  const [command, url, ...words] = line.trimEnd().split(" ");
  const answer = await client(command, url, words).then(
    (detail) => `ok ${detail ?? ""}`,
    (error) => `failed ${error.message.replaceAll("\n", " ")}`,
  );
  return answer.trimEnd();
}
