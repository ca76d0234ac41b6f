"""What is tried between a client and a server, cell by cell."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Step:
    """One line to a client, and what is to come of it."""

    command: str
    path: str = "/echo"
    rest: str = ""
    answer: str = "ok"
    # How the server says that the connection ended.
    ended: str = ""


@dataclass(frozen=True)
class Cell:
    name: str
    # Our client against a peer's server; nothing where it has no part in it.
    our_client: tuple[Step, ...]
    # A peer's client against our server.
    our_server: tuple[Step, ...]


def both(name, *steps):
    return Cell(name, steps, steps)


def echo(name, length, *kinds):
    return both(name, *(Step("echo", rest=f"{kind} {length}") for kind in kinds or ("text", "binary")))


# A length whose thirds end inside of characters.
PARTS = ("text 307", "binary 307")

CELLS = [
    echo("text", 300, "text"),
    echo("binary", 300, "binary"),
    echo("empty messages", 0),
    echo("125 bytes", 125),
    echo("126 bytes", 126),
    echo("65,535 bytes", 65_535),
    echo("65,536 bytes", 65_536),
    echo("16 MiB", 16 << 20),
    Cell(
        "fragments from us",
        tuple(Step("fragments", rest=parts) for parts in PARTS),
        tuple(Step("echo", "/fragments", parts) for parts in PARTS),
    ),
    Cell(
        "fragments from the peer",
        tuple(Step("fragmented", "/fragments", parts) for parts in PARTS),
        tuple(Step("fragments", rest=parts) for parts in PARTS),
    ),
    Cell("Ping from us", (Step("ping"),), (Step("message", "/ping", answer="ok pong interop"),)),
    Cell("Ping from the peer", (Step("message", "/ping", answer="ok pong interop"),), (Step("ping"),)),
    both("a subprotocol in common", Step("subprotocols", rest="chat,echo", answer="ok echo")),
    both("no subprotocol in common", Step("subprotocols", rest="chat")),
    Cell("the same subprotocol twice", (), (Step("subprotocols", rest="echo,echo", answer="ok echo"),)),
    Cell("an empty list of subprotocols", (), (Step("subprotocols"),)),
    Cell("`permessage-deflate`, declined", (), (Step("deflate", rest="text 3000 -"), Step("deflate", rest="binary 3000 -"))),
    both(
        "closed by the client",
        Step("close", rest="4002 tschüß, 世界", answer="ok 4002 clean", ended='code 4002, reason "tschüß, 世界"'),
    ),
    both("closed by the server", Step("closed", "/close", answer="ok 4001 bis später", ended="code 4001,")),
    Cell(
        "cut off by the peer",
        (Step("closed", "/drop", answer="ok 1006"),),
        (Step("drop", ended='code 1006, reason ""'),),
    ),
    both("rejected with 403", Step("open", "/reject", answer="ok 403")),
    Cell("version 8 rejected with 426", (), (Step("version", rest="8", answer="ok 426"),)),
]

# Parameters of permessage-deflate, as the programs take them: "s" and "c" for server_no_context_takeover and
# client_no_context_takeover, with a number for server_max_window_bits and client_max_window_bits.
PARAMETERS = {
    "its defaults only": "-",
    "`server_no_context_takeover`": "s",
    "`client_no_context_takeover`": "c",
    "`server_max_window_bits=9`": "s9",
    "`server_max_window_bits=15`": "s15",
    "`client_max_window_bits=9`": "c9",
    "`client_max_window_bits=15`": "c15",
    "all four, with 10 bits": "s,c,s10,c10",
}

# How this crate is configured: the settings of `ours`, and what they are.
SETTINGS = {
    "default": "`Deflate::default()`",
    "takeover": "takeover in both directions",
    "feed": "`Deflate::feed()`",
    "small": "windows of 9 bits",
}
# For our client alone.
NAME_ONLY = {"name": "`offers_name_only`"}

# Three messages of each kind in one connection, so that a window is taken over.
COMPRESSED = ("text 3000", "binary 70000")


def compressed(name, parameters):
    """A cell of the tables with compression: both ends agree on it, and messages are what they were."""
    return both(name, *(Step("deflate", rest=f"{kind} {parameters}", answer="ok permessage-deflate") for kind in COMPRESSED))


OFFER_CELLS = [compressed(name, parameters) for name, parameters in PARAMETERS.items()]
SETTINGS_CELLS = [compressed(name, settings) for settings, name in (SETTINGS | NAME_ONLY).items()]

# For servers that speak protocols of their own.
SERVICE_CELLS = [
    Cell("its greeting", (Step("greet"),), ()),
    Cell("a text of 300 bytes", (Step("exchange", rest="text 300"),), ()),
    Cell("a text of 100,000 bytes", (Step("exchange", rest="text 100000"),), ()),
    Cell("300 bytes", (Step("exchange", rest="binary 300"),), ()),
    Cell("100,000 bytes", (Step("exchange", rest="binary 100000"),), ()),
    Cell("Ping from us", (Step("ping"),), ()),
    Cell("closed by the client", (Step("close", answer="ok 1000 clean"),), ()),
    Cell("closed by the server", (Step("leave", answer="ok clean"),), ()),
]


def of_service(name, cell):
    """The steps. Our program has to know the protocol, and the URL has a path of its own."""
    return tuple(replace(step, path="", rest=f"{name} {step.rest}") for step in cell.our_client)


def echoed(cell, server):
    """The steps, as far as a server that only echoes has a part in them, and can be seen to have."""
    if server.exit and cell.name == "closed by the server":
        code, _, _ = server.exit.partition(" ")
        return (Step("closed", answer=f"ok {server.exit}", ended=f"code {code},"),)
    if any(step.path != "/echo" for step in cell.our_server):
        return ()
    if server.tells_end:
        return cell.our_server
    return tuple(replace(step, ended="") for step in cell.our_server if step.command != "drop")
