"""Measures main-text extraction on trafilatura's evaluation pages: F1, precision, recall, time.

    python benchmarks/extraction.py PAGES [--limit N] [--json FILE]

PAGES is the folder `tests` of trafilatura's repository, with `evaldata.json` and the pages in
`cache` and `eval`; nothing of it is shipped or learned from. Every page has strings that its main
text must hold and strings that it must not: counts over all pages give precision, recall and F1.
The time is CPU time of one process, the pages read before. The rows `agreement` compare what we
read as title, author, date and licence with what trafilatura reads.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trafilatura
from record import versions, write_record

from mowa.corpus._extract import extract

_PACKAGES = ("mowa", "resiliparse", "trafilatura", "numpy", "lxml")
_LOSS = 0.005  # of F1 that the exact mode may have against trafilatura's fast one
_FIELDS = {"title": "title", "author": "author", "date": "date", "licence": "license"}

Extractor = Callable[[bytes], str]


def _ours(mode: Any) -> Extractor:
    return lambda raw: extract(raw, extraction=mode).text


def _peer(**options: Any) -> Extractor:
    return lambda raw: (
        trafilatura.extract(raw, include_comments=False, deduplicate=False, **options) or ""
    )


_MODES: dict[str, Extractor] = {
    "fast": _ours("fast"),
    "learned": _ours("learned"),
    "exact": _ours("exact"),
    "trafilatura fast": _peer(fast=True),
    "trafilatura standard": _peer(),
}


def pages(folder: Path, limit: int | None) -> list[tuple[bytes, list[str], list[str]]]:
    """Each page with what its main text holds and what it does not."""
    wanted = json.loads((folder / "evaldata.json").read_text("utf-8"))
    found = []
    for address in sorted(wanted)[:limit]:
        item = wanted[address]
        path = next(
            path for part in ("cache", "eval") if (path := folder / part / item["file"]).is_file()
        )
        found.append((path.read_bytes(), item["with"], item["without"]))
    return found


def measure(
    items: list[tuple[bytes, list[str], list[str]]], extractor: Extractor
) -> dict[str, float]:
    """Precision, recall and F1 over all strings, and milliseconds of CPU a page."""
    for raw, _, _ in items[:5]:
        extractor(raw)
    start = time.process_time()
    texts = [extractor(raw) for raw, _, _ in items]
    spent = time.process_time() - start
    right = wrong = missed = 0
    for text, (_, wanted, unwanted) in zip(texts, items, strict=True):
        plain = _plain(text)
        here = sum(_plain(part) in plain for part in wanted)
        right += here
        missed += len(wanted) - here
        wrong += sum(_plain(part) in plain for part in unwanted)
    return {
        "F1": 2 * right / (2 * right + wrong + missed),
        "precision": right / (right + wrong),
        "recall": right / (right + missed),
        "ms a page": 1e3 * spent / len(items),
    }


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def agreement(items: list[tuple[bytes, list[str], list[str]]]) -> list[dict[str, Any]]:
    """How often we read of a page's head what trafilatura does, where both read something."""
    counts = {field: [0, 0, 0, 0] for field in _FIELDS}
    for raw, _, _ in items:
        ours, theirs = extract(raw), trafilatura.extract_metadata(raw)
        for field, name in _FIELDS.items():
            mine = getattr(ours, field)
            other = getattr(theirs, name, None) if theirs is not None else None
            if field == "licence" and other is not None:
                other = other.replace(" ", "-")
            pair = (_plain(mine or "").lower(), _plain(other or "").lower())
            both = all(pair)
            same = both and (pair[0] == pair[1] or (field == "licence" and pair[1] in pair[0]))
            counts[field][0] += same
            counts[field][1] += both
            counts[field][2] += bool(pair[0]) and not both
            counts[field][3] += bool(pair[1]) and not both
    rows = []
    for field, (same, both, only, other) in counts.items():
        rows.append(_row(f"{field}: agreement where both say one", "%", 100 * same / max(1, both)))
        rows.append(_row(f"{field}: pages where we alone say one", "pages", only))
        rows.append(_row(f"{field}: pages where trafilatura alone does", "pages", other))
    return rows


def _row(what: str, unit: str, ours: float) -> dict[str, Any]:
    empty = dict.fromkeys(("peer", "peer_value", "ratio", "target"))
    return {"what": what, "unit": unit, "ours": round(ours, 4), **empty}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pages", type=Path, help="the folder tests of trafilatura")
    parser.add_argument("--limit", type=int, help="only the first pages")
    parser.add_argument("--json", type=Path, help="write the results there too")
    arguments = parser.parse_args()
    items = pages(arguments.pages, arguments.limit)
    found = {name: measure(items, extractor) for name, extractor in _MODES.items()}
    installed = versions(_PACKAGES)
    print(" ".join(f"{name} {version}" for name, version in installed.items()), len(items), "pages")
    rows = []
    peer = found["trafilatura fast"]
    for name, values in found.items():
        print(f"{name:22}", *(f"{unit} {value:.3f}" for unit, value in values.items()))
        for unit, value in values.items():
            row = _row(f"{name}: {unit}", "ms" if unit == "ms a page" else "share", value)
            row |= {"peer": "trafilatura fast", "peer_value": round(peer[unit], 4)}
            row["ratio"] = round(value / peer[unit], 3)
            if (name, unit) == ("exact", "F1"):
                row["target"] = round(peer["F1"] - _LOSS, 4)
            rows.append(row)
    for row in (agreed := agreement(items)):
        print(f"{row['what']:50} {row['ours']:8.1f} {row['unit']}")
    if arguments.json:
        write_record(arguments.json, installed, rows + agreed)


if __name__ == "__main__":
    main()
