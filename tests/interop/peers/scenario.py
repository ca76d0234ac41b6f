"""What the peers written in Python have in common."""

import asyncio
import inspect
import sys
from itertools import cycle, islice

PING, CLOSE_CODE, CLOSE_REASON = "interop", 4001, "bis später"


def data(kind, length):
    """The message that a kind and a length stand for."""
    if kind == "text":
        return "aé世🌍" * (length // 10) + "x" * (length % 10)
    return bytes(islice(cycle(range(251)), length))


def expect(answer, message):
    def name(message):
        return f"{type(message).__name__} of {len(message)}"

    if answer != message:
        raise Exception(f"{name(answer)}, not the {name(message)} that was sent")


def names(words):
    """The subprotocols of `subprotocols URL A,B`, perhaps none."""
    return words[0].split(",") if words else []


def parameters(words):
    """The parameters of permessage-deflate that words such as "s,c10" stand for, by their names."""
    ends = {"s": "server", "c": "client"}
    given = {}
    for word in filter(None, words.replace("-", "").split(",")):
        bits = word[1:]
        given[f"{ends[word[0]]}_{'max_window_bits' if bits else 'no_context_takeover'}"] = int(bits) if bits else True
    return given


def answer_lines(client):
    """Answers each line of the standard input with one of its own. The client may be a coroutine."""
    for line in sys.stdin:
        try:
            detail = client(*line.split())
            answer = f"ok {asyncio.run(detail) if inspect.isawaitable(detail) else detail}"
        except Exception as error:
            answer = f"failed {error or type(error).__name__}".replace("\n", " ")
        print(answer.strip(), flush=True)
