"""The same bytes whatever the workers, and after a kill."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest

from mowa.corpus import _documents, _signals
from mowa.execution import Ledger

GOLDEN = "47050f6c1771e7eb"
POLISH = "Nad rzeką stoi dom, w którym mieszka stary rybak, a obok rośnie wierzba numer {}."
LIGHT = textwrap.dedent(
    """
    import sys
    import mowa.corpus
    heavy = {"polars", "pyarrow", "torch", "numpy", "py3langid", "resiliparse"} & set(sys.modules)
    sys.exit(", ".join(sorted(heavy)) or 0)
    """
)


@pytest.fixture
def sources(world):
    for folder in "abc":
        rows = [{"id": f"{folder}{n}", "text": POLISH.format(n % 30)} for n in range(25)]
        world.jsonl(f"{folder}/{folder}.jsonl", rows)
    pages = [
        (f"p{n}", f"https://a.pl/{n}", f"<title>{n}</title><p>{POLISH.format(n)}".encode())
        for n in range(40, 60)
    ]
    world.warc("c/c.warc.gz", pages)
    return world


def build(world):
    inventories = [world.inventory(name, name) for name in "abc"]
    documents = [world.documents([item], step=f"doc-{item.name[-1]}") for item in inventories[:1]]
    documents.append(world.documents(inventories[1:], step="doc-rest"))
    signals = world.signals(documents)
    return world.corpus(documents, signals, held_out=0.2)


def digests(root):
    return {
        path.relative_to(root).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in sorted((root / "made").rglob("*"))
        if path.is_file()
    }


def test_one_worker_and_three_write_the_same_bytes(sources, another_world, monkeypatch):
    monkeypatch.setattr(_documents, "_UNIT_BYTES", 2500)
    other = another_world(sources, workers=3)
    build(sources)
    build(other)
    ours = digests(sources.root)
    assert len([name for name in ours if name.startswith("made/doc-rest/documents")]) == 3
    assert ours == digests(other.root)


def test_a_build_that_stopped_anywhere_goes_on_to_the_same_bytes(
    sources, another_world, monkeypatch
):
    monkeypatch.setattr(_documents, "_UNIT_BYTES", 2500)
    other = another_world(sources)
    build(sources)
    honest = Ledger.add
    stops = 0
    allowed = 0

    def stop_after(ledger, key, result, out):
        nonlocal allowed
        if allowed == 0:
            raise KeyboardInterrupt
        allowed -= 1
        honest(ledger, key, result, out)

    monkeypatch.setattr(Ledger, "add", stop_after)
    while True:
        allowed = 1
        try:
            build(other)
        except KeyboardInterrupt:
            stops += 1
        else:
            break
    assert stops > 10
    assert digests(other.root) == digests(sources.root)


def test_a_unit_that_is_finished_is_not_done_again(sources, monkeypatch):
    documents = sources.documents([sources.inventory("a", "a")])

    def never(work, out):
        raise AssertionError(work)

    monkeypatch.setattr(_documents, "read_unit", never)
    assert sources.documents([sources.inventory("a", "a")]).metrics == documents.metrics
    sources.signals([documents])
    monkeypatch.setattr(_signals, "measure_shard", never)
    sources.signals([documents])


def test_the_bytes_of_a_fixed_input_have_not_changed(sources):
    """Where this fails, raise the step's revision and put the new digest here."""
    corpus = build(sources)
    state = hashlib.blake2b(digest_size=8)
    for path in sorted(corpus.path.rglob("*.parquet")):
        # What the rows hold: the bytes of Parquet change with pyarrow's version.
        rows = pl.read_parquet(path).to_dicts()
        state.update(json.dumps([path.name, rows], sort_keys=True).encode())
    state.update((corpus.path / "manifest.json").read_bytes())
    assert corpus.metrics["documents"] == 95
    assert corpus.metrics["decisions"]["keep"]["documents"] == 45
    assert state.hexdigest() == GOLDEN


def test_a_kill_in_the_middle_loses_nothing(sources, another_world):
    other = another_world(sources)
    build(sources)
    script = textwrap.dedent(
        f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from conftest import World
        from mowa.execution import Ledger
        from test_corpus_bytes import build
        honest = Ledger.add
        def add(ledger, key, result, out):
            if key.startswith("duplicates/verify"):
                os.kill(os.getpid(), signal.SIGKILL)
            honest(ledger, key, result, out)
        Ledger.add = add
        build(World(Path({str(other.root)!r})))
        """
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    build(other)
    assert digests(other.root) == digests(sources.root)


def test_importing_the_room_is_light():
    found = subprocess.run(
        [sys.executable, "-c", LIGHT], check=False, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
