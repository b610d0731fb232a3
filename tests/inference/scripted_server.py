"""An endpoint on loopback that answers as a script says, with every fault that real ones have."""

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """What is sent: a body in pieces, of which the last may be missing."""

    status: int = 200
    body: bytes | str | dict | list = b""
    headers: dict = field(default_factory=dict)
    kind: str = "application/json"
    breaks_off: bool = False
    until: threading.Event | None = None
    then: threading.Event | None = None  # what a stream waits for before it ends


def completion(text, finish="stop", usage=(7, 3), **more):
    choice = {"index": 0, "text": text, "finish_reason": finish, **more}
    return Reply(body={"choices": [choice], "usage": usage_of(usage)})


def turn(text, finish="stop", usage=(7, 3)):
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return Reply(body={"choices": [choice], "usage": usage_of(usage)})


def usage_of(counts):
    return counts and {"prompt_tokens": counts[0], "completion_tokens": counts[1]}


def stream(parts, *, finish="stop", usage=(7, 3), done=True, breaks_off=False):
    """Chat events: one a part, then the end, then the usage."""
    sent = [{"choices": [{"delta": {"content": part}, "finish_reason": None}]} for part in parts]
    if finish:
        sent.append({"choices": [{"delta": {}, "finish_reason": finish}]})
    if usage:
        sent.append({"choices": [], "usage": usage_of(usage)})
    body = ": still here\n\n" + "".join(
        f"data: {json.dumps(item, ensure_ascii=False)}\n\n" for item in sent
    )
    return Reply(
        body=body + ("data: [DONE]\n\n" if done else ""),
        kind="text/event-stream",
        breaks_off=breaks_off,
    )


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.asked = []
        self.most_at_once = self.at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            server.asked.append((self.path, body, dict(self.headers), time.monotonic()))
            number = len(server.asked)
        try:
            reply = server.script(self.path, body, number)
            if reply.until is not None:
                reply.until.wait(10)
            self._send(reply)
        finally:
            with server.lock:
                server.at_once -= 1

    def _send(self, reply):
        data = reply.body
        if isinstance(data, dict | list):
            data = json.dumps(data)
        if isinstance(data, str):
            data = data.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.kind == "text/event-stream":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(data), 11):  # cut without regard to lines or characters
                part = data[at : at + 11]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
            if reply.then is not None:
                reply.then.wait(60)
            if not reply.breaks_off:
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(data) + 9 * reply.breaks_off))
            self.end_headers()
            self.wfile.write(data)
        self.close_connection = self.close_connection or reply.breaks_off

    def log_message(self, *_):
        pass


@contextmanager
def serving(script):
    """A server that calls ``script(path, body, number)`` for a `Reply`."""
    server = Server(script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
