import json
import sys
from pathlib import Path

import pytest

from mowa.collect.fetching import FetchOptions, fetch
from mowa.rights import Source

sys.path.insert(0, str(Path(__file__).parent))
from fetch_web import QUICK, web_server


class Quiet:
    """Keeps what was said."""

    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)

    def task(self, label, *, total, done=0):
        from contextlib import nullcontext

        self.lines.append(f"{label}: {done} of {total}")
        return nullcontext(lambda _: None)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def web():
    with web_server() as server:
        yield server


@pytest.fixture
def quiet():
    return Quiet()


@pytest.fixture
def source(web):
    def make(**plan):
        return Source.model_validate(
            {
                "name": "proba",
                "title": "Próba",
                "holder": "nikt",
                "licence": "CC0-1.0",
                "legal_basis": "open_licence",
                "release": "open",
                "collected_at": "2026-11-01",
                "collected_how": "z serwera w teście",
                "fetch": {"base": web.url, "delay": 0, **plan},
            }
        )

    return make


@pytest.fixture
def get(source, tmp_path, quiet):
    """Fetches into tmp_path/"data": files by default, or what `plan` says."""

    def run(*files, limit=None, max_bytes=None, limits=QUICK, values=None, own_values=None, **plan):
        """`values` are what a person sets, `own_values` those of the source."""
        if own_values:
            plan["values"] = own_values
        if files:
            entries = [{"url": file} if isinstance(file, str) else file for file in files]
            plan = {"kind": "files", "files": entries, **plan}
        options = FetchOptions(
            "tester@example.org",
            limit=limit,
            max_bytes=max_bytes,
            limits=limits,
            values=values or {},
        )
        return fetch(source(**plan), tmp_path / "data", options, progress=quiet)

    return run


@pytest.fixture
def into(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def ledger(into):
    def read():
        return [json.loads(line) for line in (into / "fetched.jsonl").read_text().splitlines()]

    return read
