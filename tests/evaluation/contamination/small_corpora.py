"""Corpora of a few texts, as a recipe would make them."""

import json
from pathlib import Path

import polars as pl

from mowa.execution import Context, Ledger
from mowa.languages import load


def write_corpus(folder, shards):
    """A corpus of `shards`: name -> texts, or (text, decision, split); ids are shard and row."""
    for name, texts in shards.items():
        rows = [one if isinstance(one, tuple) else (one, "keep", "train") for one in texts]
        ids = [f"{name}-{row}".encode().hex().ljust(32, "0") for row in range(len(rows))]
        documents = pl.DataFrame({"doc_id": ids, "text": [text for text, *_ in rows]})
        decisions = pl.DataFrame(
            {
                "doc_id": ids,
                "decision": [decision for _, decision, _ in rows],
                "split": [split for *_, split in rows],
            }
        )
        for kind, frame in (("documents", documents), ("decisions", decisions)):
            path = folder / kind / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(path)
    manifest = {"shards": [{"name": name, "documents": len(shards[name])} for name in shards]}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def context_in(folder, workers=1):
    return Context(
        language=load("pol"),
        data=folder,
        sources=folder,
        workers=workers,
        ledger=Ledger(folder / "ledger.jsonl"),
    )


def document_id(row, shard="a-00000-000"):
    return f"{shard}-{row}".encode().hex().ljust(32, "0")


def bytes_under(folder: Path):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
