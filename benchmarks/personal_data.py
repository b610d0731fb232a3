"""Personal data: false alarms a million words of real texts, recall and speed against datatrove.

    python benchmarks/personal_data.py [--data FOLDER] [--peer-python PYTHON] [--show COLLECTION]

FOLDER holds the unpacked archives of real texts. The peer is datatrove's `PIIFormatter` (e-mail and
public IP addresses), in an environment of its own, which the script makes without `--peer-python`.
`--show` prints every hit with what stands around it, for a person to look at: nothing of that
belongs into a file.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/corpus/personal"))
from made import HOSTILE, hard_negatives, made  # the tests' sentences, on the path above

from mowa.corpus.personal import KINDS, find, spans_of
from mowa.languages import load
from mowa.sample._compose import compose

_PEER = """
import json, sys, time
from datatrove.pipeline.formatters import PIIFormatter
formatter = PIIFormatter()
texts = json.load(sys.stdin)
formatter.format(texts[0])
start = time.process_time()
changed = [formatter.format(text) != text for text in texts]
json.dump({"seconds": time.process_time() - start, "changed": changed}, sys.stdout)
"""
_COLLECTIONS = {
    "acts": "text/ustawy-dziennik-ustaw",
    "judgments": "text/saos-common-courts-html",
    "codes": "text/kodeksy-json",
    "exams": "eval/egzaminy-prawnicze",
    "novels": "text/eltec-pol",
    "wikipedia": "text/poquad-wikipedia",
}


def texts_of(folder: Path) -> list[str]:
    """The texts of one collection, as far as their files go: markup and keys taken off."""
    texts: list[str] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == "SOURCE.txt" or "metadata" in path.name:
            continue
        if path.suffix == ".json":
            texts += _strings(json.loads(path.read_text()))
        elif path.suffix == ".jsonl":
            lines = path.read_text().splitlines()
            texts += [" ".join(_strings(json.loads(line))) for line in lines if line.strip()]
        elif path.suffix == ".sql":
            for record in path.read_text().split("INSERT INTO")[1:]:
                body = record[record.find("<") :]
                texts.append(html.unescape(re.sub(r"<[^>]*>|\\[nrt]", " ", body)))
        elif path.suffix == ".xml":
            body = path.read_text().partition("</teiHeader>")[2]
            texts.append(html.unescape(re.sub(r"<[^>]*>", " ", body)))
        elif path.suffix == ".txt":
            texts.append(path.read_text(errors="replace"))
    return texts


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() if key != "id" for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


def false_alarms(data: Path, show: str | None) -> None:
    rule = load("pol").personal_data_density
    print("hits a million words (hits), and the density that one in 1,000 texts reaches")
    for name, folder in _COLLECTIONS.items():
        texts = texts_of(data / folder)
        frame = find(pl.Series(texts))
        words = sum(len(text.split()) for text in texts)
        counts = {kind: int(frame[kind].sum()) for kind in KINDS if frame[kind].sum()}
        rates = ", ".join(
            f"{kind} {count / words * 1e6:.1f} ({count})" for kind, count in counts.items()
        )
        enough = frame.filter(pl.col("personal") >= 5)
        dumps = enough.filter(
            (pl.col("personal") >= rule.findings) & (pl.col("density") >= rule.density)
        )
        print(
            f"{name}: {len(texts)} texts, {words:,} words: {rates or 'none'}; "
            f"99.9 % {frame['density'].quantile(0.999):.2f}; "
            f"5 hits and more: {enough.height} texts, at most {enough['density'].max() or 0:.2f} "
            f"and {enough['personal'].max() or 0} hits; as dumps would go {dumps.height}"
        )
        if show == name:
            for text, spans in zip(texts, frame["spans"].to_list(), strict=True):
                for span in spans:
                    around = text[max(0, span["start"] - 60) : span["end"] + 30]
                    print(f"  {span['kind']}: {' '.join(around.split())}")


def speed(repeats: int = 3) -> list[str]:
    documents = compose("notes", 1500, seed=3, seen=set())
    whole = "\n\n".join("\n\n".join(document.paragraphs) for document in documents)
    texts = [whole[at : at + 3000] for at in range(0, len(whole) - 3000, 3000)]
    series = pl.Series(texts)
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        frame = find(series)
        best = min(best, time.process_time() - start)
    print(f"made texts: {len(texts)} of 3,000 characters: {len(texts) / best:,.0f} a CPU second")
    print(f"  hits in them: {frame['total'].sum()}")
    return texts


def hostile(short: int = 5_000, times: int = 20) -> None:
    """Of texts of one piece over and over: how much longer 20 times the text takes."""

    def seconds(unit: str, size: int) -> float:
        text = (unit * size)[:size]
        start = time.process_time()
        spans_of(text)
        return time.process_time() - start

    # Below a millisecond it is the clock that is measured.
    slow = {
        unit: seconds(unit, times * short) / max(min(seconds(unit, short) for _ in range(3)), 0.001)
        for unit in HOSTILE
    }
    worst = sorted(slow, key=lambda unit: -slow[unit])[:3]
    told = ", ".join(f"{unit!r} {slow[unit]:.0f}" for unit in worst)
    print(f"hostile text, {times} times the length: the most {told} times the CPU seconds")


def peer(python: str | None, long_texts: list[str]) -> None:
    rows = [row for row in made(5, 15_000) if row[0] in ("email", "ip")]
    positive = [sentence for _, sentence, _ in rows]
    negative = hard_negatives(6, 1000)
    texts = [*positive, *negative, *long_texts]
    with tempfile.TemporaryDirectory() as folder:
        if python is None:
            venv.create(folder, with_pip=True)
            python = f"{folder}/bin/python"
            subprocess.run(
                [python, "-m", "pip", "-q", "install", "datatrove[processing]", "regex"], check=True
            )
        ran = subprocess.run(
            [python, "-c", _PEER],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
        )
    theirs = json.loads(ran.stdout)
    start = time.process_time()
    frame = find(pl.Series(texts))
    seconds = time.process_time() - start
    ours = frame.select((pl.col("email") + pl.col("ip")) > 0).to_series().to_list()
    for name, changed, took in (
        ("ours", ours, seconds),
        ("datatrove", theirs["changed"], theirs["seconds"]),
    ):
        hit = Counter(kind for (kind, *_), found in zip(rows, changed, strict=False) if found)
        of = Counter(kind for kind, *_ in rows)
        false = sum(changed[len(positive) : len(positive) + len(negative)])
        recalls = ", ".join(f"{kind} {hit[kind] / of[kind]:.3f}" for kind in of)
        print(f"{name}: recall {recalls}; false {false} in 1,000 hard negatives; {took:.2f} CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("MOWA_DATA"))
    parser.add_argument("--peer-python")
    parser.add_argument("--show", choices=_COLLECTIONS)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, polars {pl.__version__}, one core is what counts")
    if options.data:
        false_alarms(options.data, options.show)
    hostile()
    peer(options.peer_python, speed())


if __name__ == "__main__":
    main()
