"""The outcome as tables, and what of it was not expected."""

import tomllib
from pathlib import Path

from cells import CELLS

HERE = Path(__file__).parent
DOCUMENT = HERE.parent.parent / "docs" / "interop.md"

INTRODUCTION = """# Interoperability

Clients and servers of this crate against those of others, cell by cell. `tests/interop/run --write` writes this page. The
gate, `.ci/run`, makes the same tables and fails if a cell differs from this page.

[`tests/interop/`](../tests/interop) says what each cell tries. Contents are compared byte by byte. "Us" is this crate; "the
peer" is the program at the head of the column. This crate is also there as a peer, for comparison. The examples only echo,
and `embed` does not report how a connection ended, so their tables have fewer rows. All peers run with their defaults.
websockets, ws, undici and chromium offer `permessage-deflate` by default, and our side declines it. In the tables named
*compressing* our side has the settings that are named there, and the peer offers or asks for the parameters that are named
there. In these tables three messages of each kind come back in one connection. In the tables named *over TLS* both ends
speak `wss://`, with a CA that the run makes. There tungstenite uses rustls, and Chromium is told the server's key. The last
table has servers that speak protocols of their own: our client exchanges messages of these protocols with them.
"""

START = "## Our client"
UNUSABLE = "not tried: built without `ws://`"


class Report:
    def __init__(self):
        self.expected = tomllib.loads((HERE / "expected.toml").read_text())["expected"]
        self.noted = []
        self.tables = []
        self.surprises = []

    def table(self, title, side, columns, cells=CELLS):
        """`columns`: by the name of the peer, the outcome of each cell; None where there is nothing to try."""
        rows = [["", *columns]]
        for cell in cells:
            outcomes = {peer: column.get(cell.name) for peer, column in columns.items()}
            if any(outcomes.values()):
                shown = [self.show(title, peer, side, cell.name, outcome) for peer, outcome in outcomes.items()]
                rows.append([cell.name, *shown])
        self.tables.append(f"## {title}\n\n{align(rows)}")

    def show(self, title, peer, side, cell, outcome):
        if outcome is None:
            return "–"
        for entry in self.expected:
            same = (entry["peer"], entry["side"]) == (peer, side) and title in entry.get("tables", [title])
            if same and cell in entry["cells"]:
                break
        else:
            if outcome != "ok":
                self.surprises.append(f"{title}, {peer}, {cell}: {outcome}")
            return "ok" if outcome == "ok" else "FAILED"
        if outcome == "ok":
            self.surprises.append(f"{title}, {peer}, {cell}: passes, which expected.toml does not expect")
            return "ok"
        if entry["answer"] not in outcome:
            self.surprises.append(f"{title}, {peer}, {cell}: {outcome}, where expected.toml has {entry['answer']!r}")
            return "FAILED"
        if entry not in self.noted:
            self.noted.append(entry)
        number = 1 + self.noted.index(entry)
        return f"{'n/a' if entry['answer'] == 'n/a' else 'no'} ({number})"

    def text(self, peers):
        """The document."""
        rows = [[name, peer.version, " and ".join(peer.sides) or UNUSABLE] for name, peer in peers.items()]
        parts = [INTRODUCTION, align([["peer", "version", "as"], *rows]), *self.tables]
        notes = [f"{number}. {entry['peer']}: {entry['why']}\n" for number, entry in enumerate(self.noted, 1)]
        return "\n".join(parts) + "\n## What does not work, or cannot be tried\n\n" + "".join(notes)

    def write(self, text):
        DOCUMENT.write_text(text)

    def check(self, text, peers):
        """Versions differ from machine to machine, outcomes do not; but a curl with ws:// has a column of its own."""
        kept = DOCUMENT.read_text()
        same = kept.partition(START)[2] == text.partition(START)[2]
        if not same and (UNUSABLE in kept) == (not peers["curl"].sides):
            self.surprises.append("docs/interop.md says otherwise: tests/interop/run --write")


def align(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    line = lambda cells: "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |\n"
    head, *body = rows
    return line(head) + line(["-" * width for width in widths]) + "".join(map(line, body))
