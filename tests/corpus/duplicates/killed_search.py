"""Search copies or repeated lines, and be killed with SIGKILL at the n-th file operation.

Usage: killed_search.py ROOT copies|lines WORKERS N. Prints how many operations there were, of this
process; with several workers those of the ledger. `search_in` does the same without being killed.
"""

import os
import signal
import sys
from pathlib import Path

import polars as pl
from duplicate_texts import context_in, planted, search

from mowa.corpus.duplicates import (
    BoilerplateOptions,
    DuplicateOptions,
    find_repeated_lines,
    host_lines,
    write_lines,
)

COPIES = DuplicateOptions(buckets=8)
LINES = BoilerplateOptions(documents=5, share=0.5, buckets=8)


def search_in(root: Path, kind: str, workers: int):
    """Metrics of the search; what it wrote lies under `root`."""
    documents = planted(7)[:60]
    if kind == "copies":
        frames = [documents[at::3] for at in range(3)]
        return search(root, frames, COPIES, workers=workers)[0]
    names = [f"{number:05}" for number in range(3)]
    for number, name in enumerate(names):
        text = pl.Series(
            [f"Menu\n{text}\nStopka {number}" for text in documents[number::3]["text"]]
        )
        host = pl.Series([f"{row % 4}.pl" for row in range(len(text))])
        if not (root / "work" / "lines" / f"{name}.parquet").exists():
            lines = host_lines(pl.DataFrame({"text": text, "host": host}))
            write_lines(root / "work", name, [lines], LINES)
    return find_repeated_lines(names, root, context_in(root, workers=workers), LINES, "work")


def written(root: Path, kind: str) -> dict[str, bytes]:
    """What the search is for, by name, without what it leaves on its way."""
    folder = root / ("signals" if kind == "copies" else "work/repeated")
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def _counted(left: list[int]):
    def around(real):
        def call(*args, **kwargs):
            for step in (None, real):
                result = step(*args, **kwargs) if step else None
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    return around


if __name__ == "__main__":
    remaining = [int(sys.argv[4])]
    wrapped = _counted(remaining)
    # Every call after which the folder looks different, before it and after it.
    for owner, name in (
        (os, "fsync"), (os, "truncate"), (os, "replace"), (os, "rename"),
        (Path, "replace"), (Path, "rename"), (Path, "mkdir"), (Path, "unlink"),
    ):  # fmt: skip
        setattr(owner, name, wrapped(getattr(owner, name)))
    search_in(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    print(-remaining[0])
