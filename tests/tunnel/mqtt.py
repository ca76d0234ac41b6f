"""Publishes messages with paho-mqtt and receives them again: `mqtt.py TRANSPORT HOST:PORT LONGEST`."""

import queue
import random
import sys

from paho.mqtt import client as mqtt

transport, address, longest = sys.argv[1:]
host, port = address.split(":")
# Lengths on both sides of those that a message of WebSocket, a read and a header hold.
lengths = [0, 1, 110, 125, 126, 16_000, 16_383, 16_384, 65_535, 65_536, 1 << 20]
messages = [random.Random(length).randbytes(length) for length in lengths if length <= int(longest)]
happened = queue.Queue()


def expect(what):
    got = happened.get(timeout=20)
    assert got == what, f"{got[:50]}, not {what[:50]}"


client = mqtt.Client(transport=transport)
client.on_connect = lambda client, data, flags, code: client.subscribe("tunnel", qos=2)
client.on_subscribe = lambda *_: happened.put("subscribed")
client.on_disconnect = lambda client, data, code: happened.put(f"disconnected, {code}")
client.on_message = lambda client, data, message: happened.put(message.payload)
client.connect(host, int(port))
client.loop_start()
expect("subscribed")
for quality in range(3):
    for payload in messages:
        client.publish("tunnel", payload, qos=quality)
    for payload in messages:
        expect(payload)
client.disconnect()
expect("disconnected, 0")
client.loop_stop()
print(f"mqtt, {transport}: {3 * len(messages)} messages of up to {len(messages[-1])} bytes")
