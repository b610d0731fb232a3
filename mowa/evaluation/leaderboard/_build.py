"""Building the site: results in, a folder that opens from disk out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from mowa.errors import UsageError
from mowa.evaluation.leaderboard._board import Board, lay_out
from mowa.evaluation.leaderboard._config import ITEMS
from mowa.evaluation.leaderboard._files import data_files, table, table_csv
from mowa.evaluation.leaderboard._items import read_items
from mowa.evaluation.leaderboard._judge import judge
from mowa.evaluation.leaderboard._pages import Site, assets
from mowa.evaluation.leaderboard._read import read
from mowa.workspace import disk_error

_TABLE = "table.json"


@dataclass(frozen=True)
class Built:
    """What was built: counts, and the page to open."""

    models: int
    tasks: int
    scores: int
    bytes: int
    index: Path
    site: Site


def build(
    results: Sequence[Path], out: Path, *, title: str | None = None, items: int = ITEMS
) -> Built:
    """Write the site of `results` to `out`, whole or not at all; an older site there is replaced.

    The same results give the same bytes, in whatever order they are named.

    Args:
        results: Folders that `mowa eval` wrote, or scores artifacts.
        out: The folder of the site.
        title: The site's title in place of each language's own.
        items: Items of each task that can be looked at; 0 for none.

    Raises:
        UsageError: Where there are no results, where they are of another version, or where `out`
            holds something else.
        DataError: Where a result cannot be read.
    """
    _refuse_other_folder(out)
    board = lay_out(read(results))
    found = {column.slug: read_items(board, column) for column in board.columns}
    judge(board, found)
    with_data = frozenset(slug for slug, one in found.items() if one.ids and items)
    site = Site(board, title, with_data)
    size = _write(
        out,
        chain(
            site.pages().items(),
            assets().items(),
            data_files(site, found, shown=items),
            [(_TABLE, _table(board)), ("table.csv", table_csv(board))],
        ),
    )
    index = out / "index.html"
    return Built(len(board.rows), len(board.tasks), len(board.cells), size, index, site)


def _table(board: Board) -> str:
    return json.dumps(table(board), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _refuse_other_folder(out: Path) -> None:
    if out.exists() and not (out / _TABLE).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            "this folder holds something else than a leaderboard",
            where=str(out),
            fix="choose a new folder with --out",
        )


def _write(out: Path, files: Iterable[tuple[str, str | bytes]]) -> int:
    """Write aside, then put it in place; returns the bytes written."""
    partial = out.with_name(f".{out.name}.partial")
    size = 0
    try:
        shutil.rmtree(partial, ignore_errors=True)
        for name, content in files:
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else content.encode()
            path.write_bytes(data)
            size += len(data)
        if out.exists():
            shutil.rmtree(out)
        partial.replace(out)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise disk_error(error, out) from error
    return size
