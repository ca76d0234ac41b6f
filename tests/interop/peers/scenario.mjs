// What the peers written in JavaScript have in common. The functions that end in a page of the browser as well stand alone.

import { createInterface } from "node:readline";

export const PING = "interop";
export const CLOSE_CODE = 4001;
export const CLOSE_REASON = "bis später";

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

/** Answers each line of the standard input with one of its own. */
export async function answerLines(client) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, url, ...words] = line.split(" ");
    const answer = await client(command, url, words).then(
      (detail) => `ok ${detail ?? ""}`,
      (error) => `failed ${error.message.replaceAll("\n", " ")}`,
    );
    console.log(answer.trimEnd());
  }
}
