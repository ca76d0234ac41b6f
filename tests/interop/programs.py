"""The programs of both ends: started, spoken to line by line with a deadline, and ended."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import threading
import time

# Nothing takes this long unless it is broken; a browser starts slowly.
START, ANSWER, END = 60, 20, 5
# A server says how a connection ended at once.
REPORT = 8


class Program:
    running = set()

    def __init__(self, argv, env=None):
        self.argv, self.env = [str(word) for word in argv], {**os.environ, **(env or {})}
        self.start()

    def start(self):
        # A session of its own, so that the programs that it starts end with it.
        self.process = subprocess.Popen(
            self.argv,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        Program.running.add(self)
        self.lines = queue.Queue()
        threading.Thread(target=self.listen, args=(self.process, self.lines), daemon=True).start()

    @staticmethod
    def listen(process, lines):
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def line(self, seconds):
        """The next line, or None at the end of the program or of the time."""
        try:
            return self.lines.get(timeout=max(seconds, 0))
        except queue.Empty:
            return None

    def wait_for(self, pattern, seconds):
        """The next line in which the pattern is found, or None."""
        deadline = time.monotonic() + seconds
        while (line := self.line(deadline - time.monotonic())) is not None:
            if found := re.search(pattern, line):
                return found
        return None

    def stop(self):
        """Lets it end by itself, at the end of its input; then ends it."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        for end in (signal.SIGTERM, signal.SIGKILL):
            try:
                self.process.wait(END)
                break
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, end)
        self.process.wait()
        Program.running.discard(self)

    @staticmethod
    def stop_all():
        for program in list(Program.running):
            program.stop()


class Server(Program):
    address = r"wss?://[^/]*"

    def start(self):
        super().start()
        self.wait_for_address()

    def wait_for_address(self):
        found = self.wait_for(self.address, START)
        if not found:
            raise SystemExit(f"{self.argv}: no address in {START} s")
        self.url = found[0]

    def stop(self):
        """A server waits for connections, not for the end of its input."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        super().stop()

    def ended(self, text):
        """Whether it says, from here on, that a connection ended so."""
        return self.wait_for("ended: .*" + re.escape(text), REPORT) is not None

    def forget(self):
        """What it has said is about earlier connections."""
        while self.line(0) is not None:
            pass


class Service(Server):
    """A server that speaks a protocol of its own. Its start takes seconds, in which others can be tried."""

    address = r"ws://\S+"
    start = Program.start


class Client(Program):
    ready = False

    def ask(self, line):
        if self.process.poll() is not None:
            self.start()
            self.ready = False
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line.rstrip() + "\n")
            self.process.stdin.flush()
        # The first answer comes once the program is up.
        answer = self.line(ANSWER if self.ready else ANSWER + START)
        self.ready = True
        if answer is None:
            self.stop()
            return "failed no answer"
        return answer
