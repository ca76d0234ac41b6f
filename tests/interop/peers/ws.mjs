// The peer ws, from npm. MODULES is the directory that it is installed in.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createRequire } from "node:module";
import { join } from "node:path";

import { answerLines } from "./lines.mjs";
import { CLOSE_CODE, CLOSE_REASON, PING, data, expect, names, parameters } from "./scenario.mjs";

const WebSocket = createRequire(join(process.env.MODULES, "ws.mjs"))("ws");

/** Resolves with the next message: a string or a Buffer. */
const next = async (socket) => {
  const [message, isBinary] = await once(socket, "message");
  return isBinary ? message : message.toString();
};

function sendFragments(socket, message) {
  const binary = typeof message !== "string";
  const bytes = Buffer.from(message);
  const third = Math.floor(bytes.length / 3);
  socket.send(bytes.subarray(0, third), { binary, fin: false });
  socket.send(bytes.subarray(third, 2 * third), { binary, fin: false });
  socket.send(bytes.subarray(2 * third), { binary, fin: true });
}

async function ping(socket) {
  socket.ping(PING);
  const [payload] = await once(socket, "pong");
  expect(payload.toString(), PING);
}

/** Resolves with the code and the reason once the connection has ended. */
const end = (socket) => new Promise((done) => {
  socket.on("error", () => {});
  socket.on("close", (code, reason) => done({ code, reason: reason.toString() }));
});

/** Resolves with the status that the server refuses with. */
const refused = (socket) => new Promise((done, fail) => {
  socket.on("open", () => fail(new Error("connected")));
  socket.on("error", fail);
  socket.on("unexpected-response", (request, response) => {
    request.destroy();
    done(response.statusCode);
  });
});

async function client(command, url, words) {
  if (command === "open") return refused(new WebSocket(url));
  if (command === "version") return refused(new WebSocket(url, { protocolVersion: Number(words[0]) }));
  // It offers the extension by default.
  const options = command === "deflate" && words[2] !== "-" ? { perMessageDeflate: parameters(words[2]) } : {};
  const socket = new WebSocket(url, command === "subprotocols" ? names(words) : [], options);
  const first = command === "message" ? next(socket) : undefined;
  await once(socket, "open");
  const ended = end(socket);
  let detail = "";
  switch (command) {
    case "echo":
    case "deflate":
    case "fragments": {
      const message = data(words[0], Number(words[1]));
      for (let times = command === "deflate" ? 3 : 1; times > 0; times--) {
        if (command === "fragments") sendFragments(socket, message);
        else socket.send(message);
        expect(await next(socket), message);
      }
      if (command === "deflate") detail = socket.extensions;
      break;
    }
    case "ping":
      await ping(socket);
      break;
    case "message":
      detail = await first;
      break;
    case "subprotocols":
      detail = socket.protocol;
      break;
    case "close":
      socket.close(Number(words[0]), words.slice(1).join(" "));
      return `${(await ended).code} clean`;
    case "closed": {
      socket.send("exit");
      const { code, reason } = await ended;
      return `${code} ${reason}`;
    }
    case "drop":
      socket.terminate();
      return "";
    default:
      throw new Error("n/a");
  }
  socket.close(1000);
  await ended;
  return detail;
}

async function serve(socket, path) {
  socket.on("message", (message, isBinary) => {
    if (path === "/close") socket.close(CLOSE_CODE, CLOSE_REASON);
    else if (path === "/drop") socket.terminate();
    else if (path === "/fragments") sendFragments(socket, isBinary ? message : message.toString());
    else socket.send(message, { binary: isBinary });
  });
  end(socket).then(({ code, reason }) => console.log(`ended: code ${code}, reason "${reason}"`));
  if (path === "/ping") {
    await ping(socket);
    socket.send(`pong ${PING}`);
  }
}

if (process.argv[2] === "server") {
  const read = (name) => readFileSync(join(process.env.TLS, name));
  const http = process.env.TLS
    ? createTlsServer({ cert: read("certificate.pem"), key: read("key.pem") })
    : createServer();
  const server = new WebSocket.Server({
    server: http,
    perMessageDeflate: process.argv[3] ? { threshold: 0, ...parameters(process.argv[3]) } : false,
    verifyClient: ({ req }, decide) => decide(req.url !== "/reject", 403),
    handleProtocols: (offers) => [...offers].find((name) => name === "echo") ?? false,
  });
  server.on("connection", (socket, request) => serve(socket, request.url));
  http.listen(0, "127.0.0.1", () => {
    console.log(`listening: ${process.env.TLS ? "wss" : "ws"}://127.0.0.1:${http.address().port}/`);
  });
} else {
  await answerLines(client);
}
