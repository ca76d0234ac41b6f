"""Reads lines as `src/compressed/lines.rs` prints them, and prints what `websockets` makes of each: as a client, or with "send" the
same messages as its server compresses them."""

import sys

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import CloseCode, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol


def protocol(side, takeover, bits, limit):
    no_takeover, bits = takeover == "0", int(bits)
    ends = Protocol(side, max_size=int(limit))
    ends.extensions = [PerMessageDeflate(no_takeover, no_takeover, bits, bits)]
    return ends


def shown(data):
    try:
        text = data.decode()
        if len(data) <= 20:
            return f'"{text}"'
    except UnicodeDecodeError:
        pass
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{len(data)} bytes {value:08x}"


def receive(takeover, bits, limit, wire):
    client, messages, parts = protocol(CLIENT, takeover, bits, limit), [], []
    client.receive_data(bytes.fromhex(wire))
    for frame in client.events_received():
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            is_text, parts = frame.opcode is Opcode.TEXT, []
        elif frame.opcode is not Opcode.CONT:
            continue
        parts.append(bytes(frame.data))
        if frame.fin:
            data = b"".join(parts)
            # As its connections do it.
            try:
                if is_text:
                    data.decode()
            except UnicodeDecodeError:
                client.fail(CloseCode.INVALID_DATA)
                break
            messages.append((is_text, data))
    return messages, client.close_sent and int(client.close_sent.code)


def send(takeover, bits, limit, messages):
    server = protocol(SERVER, takeover, bits, limit)
    for is_text, data in messages:
        (server.send_text if is_text else server.send_binary)(data)
    return b"".join(server.data_to_send()).hex()


for line in sys.stdin:
    words = line.split()
    messages, code = receive(*words)
    if sys.argv[1:] == ["send"]:
        print(*words[:3], send(*words[:3], messages))
        continue
    shows = [shown(data) for _, data in messages]
    if code:
        shows.append(f"fails, {code}")
    print(", then ".join(shows) or "nothing")
