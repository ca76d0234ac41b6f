"""The peer curl, as far as a command line takes part: it opens, answers Pings, and prints the messages that arrive.

CURL is the one to run. Where it was built without ws:// it is no peer.
"""

import os
import subprocess

from scenario import answer_lines


def open_connection(url, *headers):
    """The process, which is to be killed, the status of the answer, and its headers by name."""
    curl = [os.environ["CURL"], "--no-progress-meter", "--no-buffer", "--verbose", "--max-time", "20"]
    for header in headers:
        curl += ["--header", header]
    process = subprocess.Popen([*curl, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    received = []
    for line in process.stderr:
        if line.startswith(b"< "):
            received.append(line[2:].decode().strip())
            if received[-1] == "":
                break
    fields = dict(line.split(": ", 1) for line in received[1:-1])
    return process, received[0].split()[1] if received else "no answer", fields


def client(command, url, *words):
    if command not in ("open", "version", "message", "subprotocols", "drop"):
        raise Exception("n/a")
    headers = {"version": "Sec-WebSocket-Version", "subprotocols": "Sec-WebSocket-Protocol"}
    # A header with ";" in place of ":" is sent without a value.
    extra = [f"{headers[command]}: {words[0]}" if words else f"{headers[command]};"] if command in headers else []
    process, status, fields = open_connection(url, *extra)
    try:
        if command in ("open", "version"):
            return status
        if status != "101":
            raise Exception(status)
        if command == "message":
            return os.read(process.stdout.fileno(), 65_536).decode()
        return fields.get("Sec-WebSocket-Protocol", "")
    finally:
        process.kill()
        process.wait()


answer_lines(client)
