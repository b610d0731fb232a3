"""The labelling page: a server for one person on this machine, and nobody else."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from mowa.corpus.labels._session import Session

_LARGEST_BODY = 2_048
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FILES = {
    "": ("page.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
}


class Answer(BaseModel):
    """What the page sends: the document it shows, and the class that was chosen."""

    model_config = ConfigDict(extra="forbid", strict=True)

    doc_id: str = Field(max_length=200)
    label: str | None = Field(None, max_length=200)


def application(session: Session, token: str, port: int) -> FastAPI:
    """The page under ``/TOKEN/`` and what it asks for.

    Everything else is 404, and so is another token; a request for another host (a page elsewhere
    whose name was pointed at this machine) or from another origin is 403.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    @app.middleware("http")
    async def guard(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
        refused = _refusal(request, hosts, token)
        response = Response(status_code=refused) if refused else await follow(request)
        response.headers.update(_HEADERS)
        return response

    routes = APIRouter(prefix=f"/{token}")

    # One event loop and no await inside: two requests never change the session at once.
    @routes.get("/state")
    async def state() -> dict[str, Any]:
        return session.state()

    @routes.post("/label")
    async def label(answer: Answer) -> dict[str, Any]:
        if answer.label is None or not session.label(answer.doc_id, answer.label):
            raise HTTPException(409)
        return session.state()

    @routes.post("/skip")
    async def skip(answer: Answer) -> dict[str, Any]:
        if not session.skip(answer.doc_id):
            raise HTTPException(409)
        return session.state()

    @routes.post("/undo")
    async def undo() -> dict[str, Any]:
        taken = session.undo()
        return {**session.state(), "undone": taken}

    @routes.get("/{name:path}")
    async def file(name: str) -> Response:
        if name not in _FILES:
            raise HTTPException(404)
        path, kind = _FILES[name]
        return Response(
            resources.files("mowa.corpus.labels").joinpath(path).read_bytes(), media_type=kind
        )

    app.include_router(routes)
    return app


def serve(session: Session, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page on 127.0.0.1 until the process is interrupted.

    Args:
        session: Whose labels.
        port: 0 takes a free one.
        ready: Called with the page's address once the port is open.
    """
    import uvicorn

    token = secrets.token_urlsafe(24)
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("127.0.0.1", port))
        opened.listen(16)
        taken = opened.getsockname()[1]
        config = uvicorn.Config(
            application(session, token, taken),
            log_level="warning",
            access_log=False,
            server_header=False,
        )
        ready(f"http://127.0.0.1:{taken}/{token}/")
        uvicorn.Server(config).run(sockets=[opened])


def _refusal(request: Request, hosts: set[str], token: str) -> int | None:
    origin = request.headers.get("origin")
    if request.headers.get("host") not in hosts:
        return 403
    if origin is not None and origin.removeprefix("http://") not in hosts:
        return 403
    first = request.url.path.split("/")[1]
    if not secrets.compare_digest(first.encode(), token.encode()):
        return 404
    return _body_refusal(request) if request.method == "POST" else None


def _body_refusal(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit():
        return 411
    if len(length) > 6 or int(length) > _LARGEST_BODY:
        return 413
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return 415
    return None
