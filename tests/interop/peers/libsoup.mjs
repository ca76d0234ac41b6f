// The peer libsoup 3, in Debian's gjs.

import Gio from "gi://Gio";
import GLib from "gi://GLib";
import Soup from "gi://Soup?version=3.0";

import { answerLine, data, expect, names } from "./scenario.mjs";

Gio._promisify(Soup.Session.prototype, "websocket_connect_async", "websocket_connect_finish");
Gio._promisify(Gio.DataInputStream.prototype, "read_line_async", "read_line_finish_utf8");

const once = (object, signal) => new Promise((done) => {
  const id = object.connect(signal, (_, ...values) => {
    object.disconnect(id);
    done(values);
  });
});

/** A string or a Uint8Array. */
async function next(socket) {
  const [kind, bytes] = await once(socket, "message");
  return kind === Soup.WebsocketDataType.TEXT ? new TextDecoder().decode(bytes.get_data() ?? []) : bytes.get_data() ?? [];
}

/** No Close frame: 0 in this API. */
const code = (socket) => socket.get_close_code() || 1006;

// What only waiting promises refer to is garbage for gjs, connection and all.
let session, socket;

async function client(command, url, words) {
  if (["fragments", "ping", "version"].includes(command)) throw new Error("n/a");
  if (command === "deflate" && words[2] !== "-") throw new Error("n/a");
  session = new Soup.Session();
  if (command === "deflate") session.add_feature_by_type(Soup.WebsocketExtensionManager);
  const message = Soup.Message.new("GET", url);
  const offers = command === "subprotocols" ? names(words) : null;
  try {
    socket = await session.websocket_connect_async(message, null, offers, GLib.PRIORITY_DEFAULT, null);
  } catch (error) {
    if (command === "open") return message.status_code;
    throw error;
  }
  if (command === "open") throw new Error("connected");
  socket.max_incoming_payload_size = 0;
  const closed = once(socket, "closed");
  let detail = "";
  switch (command) {
    case "echo":
    case "deflate": {
      const sent = data(words[0], Number(words[1]));
      for (let times = command === "deflate" ? 3 : 1; times > 0; times--) {
        const answer = next(socket);
        if (words[0] === "text") socket.send_text(sent);
        else socket.send_binary(sent);
        expect(await answer, sent);
      }
      // It has one extension.
      if (command === "deflate" && socket.get_extensions().length) detail = "permessage-deflate";
      break;
    }
    case "message":
      detail = await next(socket);
      break;
    case "subprotocols":
      detail = socket.get_protocol() ?? "";
      break;
    case "close":
      socket.close(Number(words[0]), words.slice(1).join(" "));
      await closed;
      return `${code(socket)} clean`;
    case "closed":
      socket.send_text("exit");
      await closed;
      return `${code(socket)} ${socket.get_close_data() ?? ""}`;
    case "drop":
      socket.get_io_stream().close(null);
      return "";
  }
  socket.close(1000, null);
  await closed;
  return detail;
}

const lines = new Gio.DataInputStream({ base_stream: new Gio.UnixInputStream({ fd: 0 }) });
const loop = new GLib.MainLoop(null, false);

async function answerLines() {
  for (;;) {
    const [line] = await lines.read_line_async(GLib.PRIORITY_DEFAULT, null);
    if (line === null) break;
    print(await answerLine(client, line));
  }
}

answerLines().finally(() => loop.quit());
loop.run();
