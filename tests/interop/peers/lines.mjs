// Answers each line of the standard input with one of its own, in Node.

import { createInterface } from "node:readline";

import { answerLine } from "./scenario.mjs";

export async function answerLines(client) {
  for await (const line of createInterface({ input: process.stdin })) console.log(await answerLine(client, line));
}
