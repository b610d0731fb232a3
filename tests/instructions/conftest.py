"""Files of rows in a folder, and the step `dialogues` run over them."""

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from mowa.execution import Context, Ledger
from mowa.instructions import DialoguesConfig, _import, read_dialogues
from mowa.languages import LanguagePack
from mowa.workspace import Artifact, Inputs

SOURCE = {
    "name": "rozmowy",
    "holder": "Ktoś",
    "licence": "CC-BY-4.0",
    "legal_basis": "open_licence",
    "agreement": None,
    "release": "open",
    "attribution": "",
    "language": "pol",
    "collected_at": "2026-01-31",
}
PACK = LanguagePack(
    code="pol", code1="pl", name="Polish", letters="ą", stop_words=("i",), thresholds={}
)


@dataclass
class World:
    """A folder of sources, and what the step makes of them."""

    root: Path
    workers: int = 1

    def file(self, path, content):
        target = self.root / "data" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, bytes) else content.encode()
        if path.endswith(".gz"):
            raw = gzip.compress(raw, mtime=0)
        if path.endswith(".zst"):
            raw = zstandard.compress(raw)
        target.write_bytes(raw)
        return target

    def jsonl(self, path, rows):
        return self.file(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def context(self, step, *, workers=None):
        return Context(
            language=PACK,
            data=self.root / "data",
            sources=self.root / "sources",
            workers=workers or self.workers,
            ledger=Ledger(self.root / f"{step}.ledger"),
        )

    def inventory(self, step="pliki", folder="zbior", **source):
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
        out = self.root / "made" / step
        out.mkdir(parents=True, exist_ok=True)
        record = {"source": {**SOURCE, **source}, "files": files}
        (out / "inventory.json").write_text(json.dumps(record), "utf-8")
        return artifact("inventory", step, out, runtime={"path": folder})

    def dialogues(self, *inventories, step="dialogi", **config):
        out = self.root / "made" / step
        out.mkdir(parents=True, exist_ok=True)
        config.setdefault("origin", "human")
        inputs = Inputs(inventories or (self.inventory(),))
        metrics = _import.run(DialoguesConfig(**config), inputs, out, self.context(step))
        return Made(out, metrics)


@dataclass
class Made:
    """What the step wrote."""

    path: Path
    metrics: dict

    @property
    def taken(self):
        return list(read_dialogues(self.path))

    @property
    def rejected(self):
        return pq.read_table(self.path / "rejected.parquet").to_pylist()

    @property
    def reasons(self):
        return [(row["row"], row["reason"]) for row in self.rejected]

    @property
    def statistics(self):
        return json.loads((self.path / "statistics.json").read_text("utf-8"))


def artifact(kind, step, out, *, runtime=None, metrics=None):
    return Artifact(
        path=out,
        kind=kind,
        name=f"proba/{step}",
        version="dev",
        fingerprint=hashlib.blake2b(step.encode(), digest_size=16).hexdigest(),
        revision=1,
        config={},
        runtime=runtime or {},
        inputs=(),
        code={},
        created="",
        seconds=0.0,
        files=(),
        metrics=metrics or {},
    )


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)
