// nginx and HAProxy as programs of the test: started in the foreground with the configurations beside this file, stopped
// by their process IDs.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { TIMEOUT, start, stop } from "../browser/harness.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

/** What is not the business of a site: nginx as one process that needs no directory but the test's. */
const NGINX = (directory, name) => `
  daemon off;
  master_process off;
  pid ${directory}/${name}.pid;
  events {}
  http {
    access_log off;
    ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((part) => `${part}_temp_path ${directory}/${part};`).join("\n")}
    include ${directory}/${name}.conf;
  }`;

const KINDS = {
  nginx: {
    file: "nginx.conf",
    run: (directory, name) => {
      writeFileSync(join(directory, `${name}.main`), NGINX(directory, name));
      return start("nginx", ["-p", directory, "-e", "stderr", "-c", join(directory, `${name}.main`)]);
    },
  },
  haproxy: {
    file: "haproxy.cfg",
    run: (directory, name) => start("haproxy", ["-db", "-f", join(directory, `${name}.conf`)]),
  },
};

let count = 0;

export class Proxy {
  /**
   * Starts nginx or HAProxy before a server, given as host and port, and resolves when it listens. `edit` makes another
   * configuration of the one beside this file.
   */
  static async start(kind, directory, server, { timeout = 60, edit = (text) => text } = {}) {
    count += 1;
    const proxy = Object.assign(new Proxy(), { kind, directory, name: `${kind}-${count}` });
    [proxy.plain, proxy.tls] = [await freePort(), await freePort()];
    const values = {
      PLAIN: `127.0.0.1:${proxy.plain}`,
      TLS: `127.0.0.1:${proxy.tls}`,
      SERVER: server,
      CERTIFICATE: join(directory, "server.crt"),
      KEY: join(directory, "server.key"),
      CERTIFICATE_AND_KEY: join(directory, "server.pem"),
      TIMEOUT: `${timeout}s`,
    };
    const text = edit(readFileSync(join(here, KINDS[kind].file), "utf8")).replace(/^\s*#.*\n/gm, "");
    const filled = text.replace(/\$\{(\w+)\}/g, (_, value) => {
      assert.ok(value in values, `nobody knows what ${value} is`);
      return values[value];
    });
    writeFileSync(join(directory, `${proxy.name}.conf`), filled);
    await proxy.start();
    return proxy;
  }

  /** Starts it again, as it was. */
  async start() {
    this.program = KINDS[this.kind].run(this.directory, this.name);
    const gone = this.program.gone.then(() => "gone");
    for (const port of [this.plain, this.tls]) {
      await eventually(`${this.name} listens`, async () => {
        const outcome = await Promise.race([listens(port), gone]);
        assert.notEqual(outcome, "gone", `${this.name} ended: ${this.program.errors}`);
        return outcome;
      });
    }
  }

  stop(signal = "SIGTERM") {
    return stop(this.program, signal);
  }

  /** A URL of this proxy; with TLS by the name that the certificate is for. */
  url(scheme, path = "/") {
    const isSecure = ["wss", "https"].includes(scheme);
    return `${scheme}://${isSecure ? `localhost:${this.tls}` : `127.0.0.1:${this.plain}`}${path}`;
  }
}

/** Tries until there is an answer. */
export async function eventually(what, attempt, patience = TIMEOUT) {
  for (const deadline = Date.now() + patience; ;) {
    const answer = await attempt();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `too slow: ${what}`);
    await new Promise((done) => { setTimeout(done, 20); });
  }
}

const listens = (port) => new Promise((done) => {
  const socket = connect(port, "127.0.0.1");
  socket.once("connect", () => { socket.destroy(); done(true); }).once("error", () => done(false));
});

/** A port that will be free again after a restart: not of those that the system gives to connections. */
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const outcome = await new Promise((done) => {
      server.once("error", () => done(false)).listen(port, "127.0.0.1", () => done(true));
    });
    if (!outcome) continue;
    await new Promise((done) => { server.close(done); });
    return port;
  }
}
