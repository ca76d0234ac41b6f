// The server socket.io, from npm: `socket_io.mjs HOST PORT`. It sends each event "echo" back, and ends the
// connection after "leave". MODULES is the directory that it is installed in.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

const { Server } = createRequire(join(process.env.MODULES, "socket_io.mjs"))("socket.io");
const [host, port] = process.argv.slice(2);

const http = createServer();
const server = new Server(http);
server.on("connection", (socket) => {
  socket.on("echo", (data) => socket.emit("echo", data));
  socket.on("leave", () => socket.disconnect(true));
});
http.listen(Number(port), host);
