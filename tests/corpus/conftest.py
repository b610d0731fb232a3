"""Artifacts made by hand, as the recipe would make them."""

import gzip
import hashlib
import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mowa.corpus import CorpusConfig, DocumentsConfig, SignalsConfig
from mowa.corpus import _decide as decide_step
from mowa.corpus import _documents as documents_step
from mowa.corpus import _signals as signals_step
from mowa.execution import Context, Ledger
from mowa.languages import LanguagePack, Threshold
from mowa.workspace import Inputs
from tests.made_artifacts import artifact

PACK = LanguagePack(
    code="pol",
    code1="pl",
    name="Polish",
    letters="ąćęłńóśźż",
    stop_words=("i", "w", "na", "się", "nie", "do", "z", "że", "to", "jest"),
    protected=("szl", "csb"),
    thresholds={
        "characters": Threshold(minimum=40, origin="tests"),
        "duplicate_line_share": Threshold(maximum=0.5, origin="tests"),
    },
)

SOURCE = {
    "name": "klasyka",
    "title": "Klasyka",
    "licence": "CC-BY-SA-4.0",
    "legal_basis": "open_licence",
    "agreement": None,
    "release": "open",
    "language": None,
    "collected_at": "2026-01-31",
}


@dataclass
class World:
    """A folder of sources, and the artifacts that steps make of them."""

    root: Path
    workers: int = 1
    pack: LanguagePack = PACK
    made: dict[str, Path] = field(default_factory=dict)

    def context(self, name):
        return Context(
            language=self.pack,
            data=self.root / "data",
            sources=self.root / "sources",
            workers=self.workers,
            ledger=Ledger(self.root / f"{name}.ledger"),
        )

    def file(self, path, content):
        target = self.root / "data" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())

    def jsonl(self, path, records):
        self.file(path, "".join(json.dumps(record) + "\n" for record in records))

    def warc(self, path, pages):
        """Pages as (record id, url, HTML bytes) or (…, status); a request record before each."""
        raw = b""
        for record_id, url, html, *status in pages:
            raw += _member("request", f"{record_id}-q", url, b"GET / HTTP/1.1\r\n\r\n")
            head = f"HTTP/1.1 {status[0] if status else 200} OK\r\nContent-Type: text/html\r\n\r\n"
            raw += _member("response", record_id, url, head.encode() + html)
        self.file(path, raw)

    def inventory(self, step="teksty", folder="teksty", **source):
        root = self.root / "data" / folder
        files = [
            {
                "path": path.relative_to(root).as_posix(),
                "bytes": path.stat().st_size,
                "blake2b": hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest(),
            }
            for path in sorted(root.rglob("*"))
            if path.is_file()
        ]
        out = self._out(step)
        record = {"source": {**SOURCE, **source}, "files": files}
        (out / "inventory.json").write_text(json.dumps(record), "utf-8")
        return self._artifact("inventory", step, out, runtime={"path": folder})

    def documents(self, inventories, step="documents", **config):
        out = self._out(step)
        metrics = documents_step.run(
            DocumentsConfig(**config), Inputs(tuple(inventories)), out, self.context(step)
        )
        return self._artifact("documents", step, out, metrics=metrics)

    def signals(self, documents, step="signals", **config):
        out = self._out(step)
        metrics = signals_step.run(
            SignalsConfig(**config), Inputs(tuple(documents)), out, self.context(step)
        )
        return self._artifact("signals", step, out, metrics=metrics)

    def corpus(self, documents, signals, step="corpus", **config):
        # Texts of these tests differ in a word; what near copies become has tests of its own.
        config.setdefault("near_duplicates", False)
        out = self._out(step)
        inputs = Inputs((*documents, signals))
        metrics = decide_step.run(CorpusConfig(**config), inputs, out, self.context(step))
        return self._artifact("corpus", step, out, metrics=metrics)

    def whole(self, inventories, step="corpus", **config):
        """Documents, signals and corpus of the inventories."""
        documents = self.documents(inventories)
        return self.corpus([documents], self.signals([documents]), step=step, **config)

    def _out(self, step):
        out = self.root / "made" / step
        out.mkdir(parents=True, exist_ok=True)
        return out

    def _artifact(self, kind, step, out, *, runtime=None, metrics=None):
        fingerprint = hashlib.blake2b(step.encode(), digest_size=16).hexdigest()
        made = artifact(out, kind, name=f"proba/{step}", fingerprint=fingerprint, metrics=metrics)
        return replace(made, runtime=runtime or {})


def _member(kind, record_id, url, block):
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{record_id}>\r\n"
        f"WARC-Target-URI: {url}\r\nWARC-Date: 2026-01-31T12:00:00Z\r\n"
        f"Content-Type: application/http; msgtype={kind}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + block + b"\r\n\r\n", mtime=0)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def another_world(tmp_path):
    """A second world with the same sources, for comparing what two runs make."""

    def copy(first, **changes):
        root = tmp_path / f"inny-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(first.root / "data", root / "data")
        return World(root, **changes)

    return copy
