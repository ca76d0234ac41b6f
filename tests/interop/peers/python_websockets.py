"""The peer websockets, from PyPI, with threads."""

import os
import socket
import ssl
import sys
from pathlib import Path

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.sync.client import connect
from websockets.sync.server import serve

from scenario import CLOSE_CODE, CLOSE_REASON, PING, answer_lines, data, expect, names, parameters


def thirds(message):
    third = len(message) // 3
    return [message[:third], message[third : 2 * third], message[2 * third :]]


def end(ws):
    """Reads to the end, and says how it was."""
    try:
        while True:
            ws.recv()
    except ConnectionClosed:
        return ws.close_code, ws.close_reason or ""


def client(command, url, *words):
    if command == "open":
        try:
            with connect(url):
                raise Exception("connected")
        except InvalidStatus as refused:
            return refused.response.status_code
    subprotocols = names(words) if command == "subprotocols" else None
    # It offers the extension by default.
    chosen = parameters(words[2]) if command == "deflate" else {}
    extensions = [ClientPerMessageDeflateFactory(**chosen)] if chosen else None
    with connect(url, subprotocols=subprotocols, extensions=extensions, max_size=None) as ws:
        return converse(ws, command, *words)


def converse(ws, command, *words):
    match command:
        case "echo" | "fragments" | "deflate":
            message = data(words[0], int(words[1]))
            for _ in range(3 if command == "deflate" else 1):
                ws.send(thirds(message) if command == "fragments" else message)
                expect(ws.recv(), message)
            return ws.response.headers.get("Sec-WebSocket-Extensions", "") if command == "deflate" else ""
        case "ping":
            ws.ping(PING).wait()
            return ""
        case "message":
            return ws.recv()
        case "subprotocols":
            return ws.subprotocol or ""
        case "close":
            ws.close(int(words[0]), " ".join(words[1:]))
            return f"{ws.close_code} clean"
        case "closed":
            ws.send("exit")
            return "{} {}".format(*end(ws))
        case "drop":
            ws.socket.shutdown(socket.SHUT_RDWR)
            return ""
    raise Exception("n/a")


def handler(ws):
    path = ws.request.path
    try:
        if path == "/ping":
            ws.ping(PING).wait()
            ws.send(f"pong {PING}")
        while True:
            message = ws.recv()
            match path:
                case "/fragments":
                    ws.send(thirds(message))
                case "/close":
                    ws.close(CLOSE_CODE, CLOSE_REASON)
                case "/drop":
                    ws.socket.shutdown(socket.SHUT_RDWR)
                case _:
                    ws.send(message)
    except ConnectionClosed:
        print(f'ended: code {ws.close_code}, reason "{ws.close_reason or ""}"', flush=True)


if sys.argv[1:2] == ["server"]:
    chosen = parameters("".join(sys.argv[2:]))
    directory, context = os.environ.get("TLS"), None
    if directory:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(Path(directory, "certificate.pem"), Path(directory, "key.pem"))
    server = serve(
        handler,
        "127.0.0.1",
        0,
        max_size=None,
        ssl=context,
        extensions=[ServerPerMessageDeflateFactory(**chosen)] if chosen else None,
        process_request=lambda ws, request: ws.respond(403, "no\n") if request.path == "/reject" else None,
        select_subprotocol=lambda ws, offers: next((name for name in offers if name == "echo"), None),
    )
    scheme = "wss" if context else "ws"
    print("listening: {}://{}:{}/".format(scheme, *server.socket.getsockname()), flush=True)
    server.serve_forever()
else:
    answer_lines(client)
