"""Chromium without a window, driven through a pipe: opens pages, presses keys, runs scripts."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 120  # seconds that a busy machine may take
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def program():
    """The browser's program, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class BrowserError(AssertionError):
    """The page threw something, or the browser refused."""


class Chromium:
    """One browser with one tab. Its protocol: JSON messages that end with NUL, on fds 3 and 4."""

    def __init__(self, profile: Path):
        theirs, self._in = os.pipe()
        self._out, back = os.pipe()
        theirs, back = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs, back))

        def place():
            os.dup2(theirs, 3)
            os.dup2(back, 4)

        command = [program(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            command,
            preexec_fn=place,  # noqa: PLW1509 - the child only moves two descriptors
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(back)
        self._buffer, self._number, self._session, self.errors = b"", 0, None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        """Send a command, and read until its answer is there."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._in, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda said: said.get("id") == message["id"])
        if "error" in answer:
            raise BrowserError(answer["error"]["message"])
        return answer["result"]

    def open(self, page: Path | str, *, width=1280, height=900, dark=False, phone=False):
        """Open a page and wait until it has loaded and its scripts have nothing left to load."""
        self.errors.clear()
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = "dark" if dark else "light"
        self.ask(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.ask("Page.navigate", url="about:blank")
        self.ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        self.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'")
        self.settle()

    def wait_for(self, script):
        """Until an expression is true, in whichever page is there by then."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(BrowserError):  # the page was left meanwhile
                if self.run(script):
                    return
            time.sleep(0.02)
        raise BrowserError(f"this does not come true: {script}")

    def settle(self):
        """Wait until what was started by a click has been drawn."""
        self.run(
            "new Promise((done) => setTimeout(() => requestAnimationFrame("
            "() => setTimeout(done, 30)), 60))"
        )

    def run(self, script):
        """The value of an expression in the page; a promise is waited for."""
        found = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            raise BrowserError(json.dumps(found["exceptionDetails"])[:2000])
        return found["result"].get("value")

    def press(self, key, code=0):
        """One key, such as Tab or Enter, as a person presses it."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes.get(key, code),
                text=text,
            )

    def picture(self, path: Path, *, whole=True):
        """What the page looks like, as PNG."""
        data = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        """End the browser."""
        self._session = None
        try:
            self.ask("Browser.close")
            self.process.wait(PATIENCE)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self._in)
        os.close(self._out)

    def _until(self, wanted):
        while True:
            while b"\0" not in self._buffer:
                if not select.select([self._out], [], [], PATIENCE)[0]:
                    self.process.kill()
                    raise BrowserError("the browser says nothing any more")
                piece = os.read(self._out, 1 << 20)
                if not piece:
                    raise BrowserError("the browser ended")
                self._buffer += piece
            message, _, self._buffer = self._buffer.partition(b"\0")
            said = json.loads(message)
            if said.get("method") == "Runtime.exceptionThrown":
                self.errors.append(said["params"]["exceptionDetails"])
            if (
                said.get("method") == "Log.entryAdded"
                and said["params"]["entry"]["level"] == "error"
            ):
                self.errors.append(said["params"]["entry"])
            if wanted(said):
                return said
