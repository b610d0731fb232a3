"""A command in a terminal of its own: what it shows, and what is typed into it."""

import codecs
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 120  # seconds that a busy machine may take
_HEARD = 20  # seconds in which Ctrl-C is heard

# The terminal must be the process's own, or Ctrl-C would be a character like others; and where the
# tests run in the background, it would be ignored.
_MOWA = """
import fcntl, signal, termios
signal.signal(signal.SIGINT, signal.default_int_handler)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from mowa.cli import main
main()
"""


class Terminal:
    def __init__(self, process, handle):
        self.process, self._handle = process, handle
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._seen = 0

    def type(self, text):
        os.write(self._handle, text.encode())

    def enter(self, text):
        self.type(f"{text}\r")

    def end_input(self):
        """Press Ctrl-D once readline listens: before that the terminal itself would swallow it."""
        until = time.monotonic() + PATIENCE
        while termios.tcgetattr(self._handle)[3] & termios.ICANON:
            assert time.monotonic() < until, f"nothing is asked: {self.shown!r}"
            time.sleep(0.01)
        self.type("\x04")

    def interrupt(self):
        """Press Ctrl-C once the command sleeps: readline shows its prompt before it listens."""
        stat, asleep = Path(f"/proc/{self.process.pid}/stat"), 0
        until = time.monotonic() + PATIENCE
        while asleep < 10 and time.monotonic() < until and self.process.poll() is None:
            state = stat.read_text().rpartition(")")[2].split()[0]
            asleep = asleep + 1 if state == "S" else 0
            time.sleep(0.01)
        if self.process.poll() is None:
            self.type("\x03")

    def interrupt_until(self, pattern):
        """Press Ctrl-C until `pattern` is shown; one that comes before readline listens is lost."""
        for _ in range(PATIENCE // _HEARD):
            self.interrupt()
            with suppress(TimeoutError):
                return self.wait_for(pattern, _HEARD)
        raise AssertionError(f"{pattern!r} did not come: {self.shown!r}")

    def interrupt_until_ended(self):
        """Press Ctrl-C until the command ends; what it ended with."""
        for _ in range(PATIENCE // _HEARD):
            self.interrupt()
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(_HEARD)
        raise AssertionError(f"it does not end: {self.shown!r}")

    def wait_for(self, pattern, patience=PATIENCE):
        """Until what is shown since the last call has `pattern` in it."""
        until = time.monotonic() + patience
        while not (found := re.search(pattern, self.shown[self._seen :])):
            if not select.select([self._handle], [], [], max(until - time.monotonic(), 0))[0]:
                raise TimeoutError(f"{pattern!r} did not come: {self.shown!r}")
            try:
                data = os.read(self._handle, 4096)
            except OSError:  # the command has ended
                data = b""
            if not data:
                raise AssertionError(f"it ended before {pattern!r}: {self.shown!r}")
            self.shown += self._decoder.decode(data)
        self._seen += found.end()
        return found

    def ended(self):
        """What the command ended with."""
        return self.process.wait(PATIENCE)


@contextmanager
def terminal(*arguments, cwd, **environment):
    """`mowa` with `arguments` in a terminal."""
    ours, its = pty.openpty()
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COV", "LC_"))}
    env |= {"LANG": "C.UTF-8", "TERM": "dumb", "PYTHONUTF8": "1", "COLUMNS": "200"} | environment
    process = subprocess.Popen(
        [sys.executable, "-c", _MOWA, *map(str, arguments)],
        stdin=its, stdout=its, stderr=its, cwd=cwd, env=env, start_new_session=True,
    )  # fmt: skip
    os.close(its)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
