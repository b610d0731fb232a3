"""A web server on the loopback that answers as told, and remembers what it was asked."""

import dataclasses
import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mowa.collect.fetching import Limits

QUICK = Limits(connect=20, read=20, stall_seconds=10, stall_bytes=500, retries=2, backoff=0.01)
"""Little between retries; patience that a busy machine needs."""

IMPATIENT = dataclasses.replace(QUICK, read=2, stall_seconds=0.3)
"""For servers that say next to nothing: bounds that a test can wait for."""


class Web:
    """Paths and what they answer: bytes, or a function of the request's handler."""

    def __init__(self):
        self.answers = {}
        self.requests = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                web.requests.append((self.path, dict(self.headers)))
                path = self.path if self.path in web.answers else self.path.partition("?")[0]
                answer = web.answers.get(path)
                if answer is None:
                    send(self, b"nothing here", status=404)
                elif callable(answer):
                    answer(self)
                else:
                    serve(self, answer)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # a client that goes away is what some tests do
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def asked(self, path):
        """Headers of the requests for a path."""
        return [headers for asked, headers in self.requests if asked == path]

    def paths(self):
        return [path for path, _ in self.requests if path != "/robots.txt"]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def web_server():
    web = Web()
    try:
        yield web
    finally:
        web.close()


def in_turn(*answers):
    """The first answer to the first request, and so on; the last for all that follow."""
    left = list(answers)

    def answer(handler):
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return answer


def etag(data):
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def send(handler, body, *, status=200, headers=(), length=True):
    handler.send_response(status)
    for key, value in dict(headers).items():
        handler.send_header(key, value)
    if length and "Content-Length" not in dict(headers):
        handler.send_header("Content-Length", str(len(body)))
    if not length:
        handler.close_connection = True
        handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)


def serve(handler, data, *, headers=()):
    """As a static file server does: ETag, 304, Range with If-Range, 416."""
    mark = etag(data)
    common = {"ETag": mark, "Accept-Ranges": "bytes", **dict(headers)}
    if handler.headers.get("If-None-Match") == mark:
        handler.send_response(304)
        handler.end_headers()
        return
    wanted = handler.headers.get("Range")
    if wanted and handler.headers.get("If-Range", mark) == mark:
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        if start >= len(data):
            send(handler, b"", status=416, headers={"Content-Range": f"bytes */{len(data)}"})
            return
        span = f"bytes {start}-{len(data) - 1}/{len(data)}"
        send(handler, data[start:], status=206, headers={**common, "Content-Range": span})
        return
    send(handler, data, headers=common)


def breaks_off(data, after, times=1):
    """Serves like a file, but the first transfers stop after so many bytes."""
    left = [times]

    def answer(handler):
        if left[0]:
            left[0] -= 1
            start = 0
            if handler.headers.get("Range"):
                start = int(handler.headers["Range"].removeprefix("bytes=").partition("-")[0])
                handler.send_response(206)
                handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                handler.send_response(200)
            handler.send_header("ETag", etag(data))
            handler.send_header("Content-Length", str(len(data) - start))
            handler.end_headers()
            handler.wfile.write(data[start : start + after])
            handler.close_connection = True
        else:
            serve(handler, data)

    return answer
