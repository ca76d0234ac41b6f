// Reads lines as `src/compressed/lines.rs` prints them, and prints what `ws` makes of each: as a client, or with "send" the same
// messages as its server compresses them.
const path = require('path'), readline = require('readline'), root = path.dirname(require.resolve('ws'));
const [PMD, extension, Receiver, Sender] = ['permessage-deflate', 'extension', 'receiver', 'sender'].map((name) => require(path.join(root, 'lib', name)));
const constants = require(path.join(root, 'lib/constants'));
const HEX = 'hex', decoder = new TextDecoder('utf-8', { fatal: true });

function agreed(isServer, takeover, bits, maxPayload) {
  const flags = takeover === '1' ? '' : '; server_no_context_takeover; client_no_context_takeover';
  const response = `permessage-deflate${flags}; server_max_window_bits=${bits}; client_max_window_bits=${bits}`;
  const pmd = new PMD({ isServer, maxPayload, threshold: 0 });
  pmd.accept(extension.parse(response)[PMD.extensionName]);
  return pmd;
}

function shown(data) {
  try {
    const text = decoder.decode(data);
    if (data.length <= 20) return `"${text}"`;
  } catch {}
  let hash = 0x811c9dc5;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${data.length} bytes ${(hash >>> 0).toString(16).padStart(8, '0')}`;
}

function receive([takeover, bits, limit, wire]) {
  return new Promise((resolve) => {
    const pmd = agreed(false, takeover, bits, Number(limit)), messages = [];
    const receiver = new Receiver({ extensions: { [PMD.extensionName]: pmd }, maxPayload: Number(limit) });
    receiver.on('message', (data, isBinary) => messages.push([data, isBinary]));
    receiver.on('error', (error) => resolve([messages, error[constants.kStatusCode]]));
    receiver.on('conclude', () => resolve([messages]));
    receiver.on('finish', () => resolve([messages]));
    receiver.end(Buffer.from(wire, HEX));
  });
}

function send([takeover, bits, limit], messages) {
  return new Promise((resolve) => {
    const chunks = [], socket = { cork() {}, uncork() {}, write(chunk, done) { chunks.push(chunk); if (done) done(); } };
    const sender = new Sender(socket, { [PMD.extensionName]: agreed(true, takeover, bits) });
    let left = messages.length;
    for (const [data, binary] of messages) {
      sender.send(data, { binary, compress: true, fin: true, mask: false }, () => { if (--left === 0) resolve(Buffer.concat(chunks)); });
    }
  });
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const words = line.split(' '), [messages, code] = await receive(words);
    if (process.argv[2] === 'send') {
      console.log([...words.slice(0, 3), (await send(words, messages)).toString(HEX)].join(' '));
      continue;
    }
    const parts = messages.map(([data]) => shown(data));
    if (code) parts.push(`fails, ${code}`);
    console.log(parts.join(', then ') || 'nothing');
  }
})();
