"""The peer websocat, as far as a command line takes part. One process for each command; WEBSOCAT is the program."""

import os
import re
import subprocess
import tempfile

from scenario import answer_lines, data, expect

# More than any message: each piece that it reads becomes one.
BUFFER = str(17 << 20)
# One message each way, without a Close frame when the input ends.
ONCE = ("--one-message", "--no-close", "--no-line")


def websocat(url, *options, sent=b""):
    """What it printed, and its log."""
    with tempfile.TemporaryFile() as file:
        file.write(sent)
        file.seek(0)
        command = [os.environ["WEBSOCAT"], "-v", "--buffer-size", BUFFER, *options, url]
        done = subprocess.run(command, stdin=file, capture_output=True, timeout=10)
    return done.stdout, done.stderr.decode()


def until(pattern, url, *options):
    """Runs it until the log has the pattern, and then kills it."""
    command = [os.environ["WEBSOCAT"], "-v", *options, url]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        return next(filter(None, (re.search(pattern, line) for line in process.stderr)))
    except StopIteration:
        raise Exception(f"no {pattern} in the log") from None
    finally:
        process.kill()
        process.communicate()


def client(command, url, *words):
    match command:
        case "echo" if words[1] != "0":
            kind, length = words[0], int(words[1])
            message = data(kind, length)
            sent = message.encode() if kind == "text" else message
            received, _ = websocat(url, *ONCE, f"--{kind}", "--text-prefix=T", "--binary-prefix=B", sent=sent)
            expect(received, kind[0].upper().encode() + sent)
            return ""
        case "message":
            return websocat(url, *ONCE)[0].decode()
        case "ping":
            # With a payload of its own.
            until("^RTT", url, "--ping-interval=1", "--print-ping-rtts")
            return ""
        case "close":
            _, log = websocat(url, "--close-status-code", words[0], "--close-reason", " ".join(words[1:]))
            # The log does not have the code of the answer.
            return f"{words[0]} {'clean' if 'Received WebSocket close message' in log else 'not clean'}"
        case "drop":
            until("Connected to ws", url)
            return ""
        case "open":
            return until(r"status code \((\d+)", url)[1]
        case "version":
            return until(r"status code \((\d+)", url, "--websocket-version", *words)[1]
    raise Exception("n/a")


answer_lines(client)
