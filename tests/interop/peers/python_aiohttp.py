"""The peer aiohttp, from PyPI: its client."""

import aiohttp
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from scenario import PING, answer_lines, data, expect, names


async def client(command, url, *words):
    options = {
        "subprotocols": {"protocols": names(words)},
        "deflate": {"compress": 15},
        "version": {"headers": {"Sec-WebSocket-Version": "".join(words)}},
        # Its own handling of control frames would keep the Pong from us.
        "ping": {"autoping": False},
    }
    async with ClientSession() as session:
        try:
            ws = await session.ws_connect(url, max_msg_size=0, **options.get(command, {}))
        except WSServerHandshakeError as refused:
            return refused.status
        if command in ("open", "version"):
            raise Exception("connected")
        return await converse(ws, command, *words)


async def converse(ws: ClientWebSocketResponse, command, *words):
    detail = ""
    match command:
        case "echo" | "deflate":
            if words[2:] not in ((), ("-",)):
                raise Exception("n/a")
            message = data(words[0], int(words[1]))
            for _ in range(3 if command == "deflate" else 1):
                await (ws.send_str if words[0] == "text" else ws.send_bytes)(message)
                expect((await ws.receive()).data, message)
            if command == "deflate" and ws.compress:
                detail = "permessage-deflate"
        case "ping":
            await ws.ping(PING.encode())
            expect(await ws.receive(), aiohttp.WSMessage(WSMsgType.PONG, PING.encode(), ""))
        case "message":
            detail = (await ws.receive()).data
        case "subprotocols":
            detail = ws.protocol or ""
        case "close":
            clean = await ws.close(code=int(words[0]), message=" ".join(words[1:]).encode())
            return f"{ws.close_code} {'clean' if clean else 'not clean'}"
        case "closed":
            await ws.send_str("exit")
            end = await ws.receive()
            return f"{ws.close_code} {end.extra or ''}"
        case "drop":
            ws._response.connection.transport.abort()
            return ""
        case _:
            raise Exception("n/a")
    await ws.close()
    return detail


answer_lines(client)
