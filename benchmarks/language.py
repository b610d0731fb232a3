"""Language identification beside py3langid: accuracy on sources never learnt from, and speed.

`python benchmarks/language.py DATA [--packages DIR] [--json FILE]`
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import polars as pl

sys.path[:0] = [str(Path(__file__).parent.parent / "scripts")]
from language_sources import held_out  # noqa: E402  # scripts are no package

from mowa.corpus._language import (  # noqa: E402
    KNOWN,
    PROTECTED,
    _identifier,
    languages,
    protected_score,
)

Guess = Callable[[pl.Series], list[str]]


def main() -> None:
    """Read the held-out sources, ask every identifier, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [row for row in held_out(options.data, options.packages) if len(row[2]) >= 50]
    texts = pl.Series([text for _, _, text in rows])
    joined = " ".join(texts.sample(fraction=1.0, shuffle=True, seed=1).to_list())
    thousands = pl.Series([joined[at : at + 1000] for at in range(0, 2_000_000, 1000)])
    result = {}
    for name, guess in (("mowa", _ours), ("py3langid", _theirs)):
        start = time.process_time()
        guess(thousands)
        speed = len(thousands) / (time.process_time() - start)
        result[name] = {"texts_a_second": round(speed)} | _accuracy(rows, guess(texts))
    polish = [code == "pol" for _, code, _ in rows]
    score = protected_score(texts, 2000)["protected_confidence"]
    wanted = [code in PROTECTED for _, code, _ in rows]
    result["protected"] = {
        str(limit): {
            "polish_caught": round((score.filter(pl.Series(polish)) > limit).mean() or 0, 5),
            "protected_caught": round((score.filter(pl.Series(wanted)) > limit).mean() or 0, 4),
        }
        for limit in (0.3, 0.5, 0.7, 0.8, 0.9)
    }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def _ours(texts: pl.Series) -> list[str]:
    return languages(texts, 2000)["language"].to_list()


def _theirs(texts: pl.Series) -> list[str]:
    return [_identifier().identify(text[:2000])[0] for text in texts]


def _accuracy(rows: list[tuple[str, str, str]], guesses: list[str]) -> dict[str, object]:
    told: dict[str, Counter[bool]] = defaultdict(Counter)
    pairs: Counter[tuple[str, str]] = Counter()
    for (source, code, _), guess in zip(rows, guesses, strict=True):
        true, found = (name if name in KNOWN else "other" for name in (code, guess))
        told[f"{code} {source}"][true == found] += 1
        pairs[true, found] += 1
    scores = {}
    for code in sorted({true for true, _ in pairs} & KNOWN):
        right = pairs[code, code]
        of = sum(n for (true, _), n in pairs.items() if true == code)
        called = sum(n for (_, found), n in pairs.items() if found == code)
        scores[code] = {
            "precision": round(right / max(called, 1), 4),
            "recall": round(right / of, 4),
            "f1": round(2 * right / max(of + called, 1), 4),
        }
    return {
        "macro_f1": round(sum(score["f1"] for score in scores.values()) / len(scores), 4),
        "languages": scores,
        "accuracy": {key: round(n[True] / n.total(), 4) for key, n in sorted(told.items())},
    }


if __name__ == "__main__":
    main()
