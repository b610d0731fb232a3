"""Do our signals decide as datatrove's filters do? Same thresholds, the same Polish texts.

    python benchmarks/filter_agreement.py FOLDER [--texts 4000] [--json FILE]

FOLDER holds real texts (`*.txt`, and paragraphs of PoQuAD's JSON where there are some), which are
cut into pieces of up to 3,000 characters. About as many are spoilt, in ways that bring them near
the thresholds: lines and phrases repeated, lines cut short, punctuation taken out, words drawn out
of place, bullets, ellipses, notices. For each filter as many are then drawn of those that
datatrove keeps as of those that it rejects. The peer runs in an environment of its own, made in
`--environment` (a temporary folder unless it is given), and sees its defaults, but for a list of
Polish stop words and the language.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from record import versions, write_record

from mowa.corpus import CorpusConfig
from mowa.corpus._edits import edited, edits_of
from mowa.corpus._normalise import normalised
from mowa.corpus._policy import policy
from mowa.corpus.quality import c4, fineweb, gopher
from mowa.languages import load

_PEER = ("datatrove==0.10.1", "spacy>=3.8,<3.9", "nltk", "regex")
_TARGET = 0.97
_CHARACTERS = 3000

_SCRIPT = """
import json, sys, time
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter)
given = json.load(open(sys.argv[1], encoding="utf-8"))
filters = {
    "gopher_repetition": GopherRepetitionFilter(language="pol"),
    "gopher_quality": GopherQualityFilter(language="pol", stop_words=given["stop_words"]),
    "c4": C4QualityFilter(language="pol"),
    "fineweb": FineWebQualityFilter(language="pol"),
}
out = {"seconds": {}, "decisions": {}, "edited": []}
for name, one in filters.items():
    one.filter(Document(text="Ala ma kota.", id="0"))
    begin = time.process_time()
    decisions = []
    for number, text in enumerate(given["texts"]):
        document = Document(text=text, id=str(number))
        result = one.filter(document)
        decisions.append(True if result is True else result[1])
        if name == "c4":
            out["edited"].append(document.text if result is True else None)
    out["seconds"][name] = time.process_time() - begin
    out["decisions"][name] = decisions
json.dump(out, open(sys.argv[2], "w", encoding="utf-8"))
"""


def main() -> None:
    """Compare, print a table, and write it as JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1, help="which pieces, and how they are spoilt")
    parser.add_argument("--environment", type=Path)
    parser.add_argument("--examples", type=int, default=0, help="disagreements to show of each")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    given = real_texts(options.folder, options.texts // 2, options.seed)
    if not given:
        parser.error(f"there are no texts in {options.folder}")
    # A text repeated would count twice in the agreement.
    first = (options.seed - 1) * options.texts
    spoilt = [spoil(text, random.Random(first + at)) for at, text in enumerate(given)]
    texts = pl.DataFrame({"text": [*given, *spoilt]}).select(normalised(pl.col("text")))["text"]
    texts = texts.filter(texts.str.len_chars() > 0).unique(maintain_order=True)
    stop_words = load("pol").stop_words
    peer = peers_decisions(texts.to_list(), stop_words, options.environment)
    seconds, ours = our_decisions(texts, stop_words)
    rows = []
    print(f"{texts.len():,} texts, {texts.str.len_chars().mean():,.0f} characters on average")
    print(f"{'filter':<20}{'balanced':>9}{'kept':>7}{'agreement':>11}{'of all':>9}{'speed':>8}")
    for name, mine in ours.items():
        theirs = peer["decisions"][name]
        row = agreement(name, mine, theirs)
        row["speed"] = peer["seconds"][name] / seconds[name]
        rows.append(row)
        print(
            f"{name:<20}{row['balanced']:>9}{row['kept']:>7}{row['agreement']:>11.4f}"
            f"{row['of_all']:>9.4f}{row['speed']:>7.0f}x"
        )
        for number, reason in differing(mine, theirs)[: options.examples]:
            print(f"    peer: {reason}; we: {mine[number]}; {texts[number][:160]!r}")
    edited = edited_alike(texts, peer["edited"])
    print(f"texts whose kept text is the peer's, C4's lines cut: {edited:.4f}")
    if options.json:
        found = versions(("mowa", "polars")) | {"peer": _PEER[0]}
        write_record(options.json, found, _results(rows, edited))


def real_texts(folder: Path, count: int, seed: int = 1) -> list[str]:
    """Pieces of real texts, drawn evenly from the files."""
    pieces = []
    for path in sorted(folder.rglob("*")):
        if path.name == "SOURCE.txt":
            continue
        if path.suffix == ".txt":
            text = path.read_text("utf-8", "replace")
        elif path.suffix == ".xml":
            # A slash ends a line of verse in the XML of Wolne Lektury: markup, no text.
            text = re.sub(
                r"<[^<>]*>|/$", "", path.read_text("utf-8", "replace"), flags=re.MULTILINE
            )
        elif path.suffix == ".json" and "poquad" in str(path):
            articles = json.loads(path.read_text("utf-8"))["data"]
            text = "\n\n".join(p["context"] for one in articles for p in one["paragraphs"])
        else:
            continue
        pieces.extend(text[at : at + _CHARACTERS] for at in range(0, len(text), _CHARACTERS))
    random.Random(seed).shuffle(pieces)
    return pieces[:count]


def spoil(text: str, rng: random.Random) -> str:
    """The text with one to three faults, each at a strength drawn at random."""
    for fault in rng.sample(_FAULTS, rng.randint(1, 3)):
        text = fault(text, rng)
    return text[: 2 * _CHARACTERS]


def _lines(change: Callable[[str, random.Random], str]) -> Callable[[str, random.Random], str]:
    def fault(text: str, rng: random.Random) -> str:
        share = rng.random()
        return "\n".join(
            change(line, rng) if rng.random() < share else line for line in text.split("\n")
        )

    return fault


def _repeated_lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    again = [rng.choice(lines) for _ in range(int(len(lines) * rng.random() * 0.6))]
    return "\n".join([*lines, *again])


def _repeated_phrase(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    at, size = rng.randrange(len(words)), rng.randint(2, 12)
    phrase = words[at : at + size]
    for _ in range(int(len(words) / size * rng.random() * 0.5)):
        place = rng.randrange(len(words))
        words[place:place] = phrase
    return " ".join(words)


def _short_lines(text: str, rng: random.Random) -> str:
    words, width = text.split(), rng.randint(1, 9)
    return "\n".join(" ".join(words[at : at + width]) for at in range(0, len(words), width))


def _sentences_as_lines(text: str, rng: random.Random) -> str:
    return re.sub(r"(?<=[.?!]) +", lambda m: "\n" if rng.random() < 0.7 else m[0], text)


def _scrambled(text: str, rng: random.Random) -> str:
    share = rng.random()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789+/="
    return " ".join(
        "".join(rng.choices(letters, k=rng.randint(1, 20))) if rng.random() < share else word
        for word in text.split(" ")
    )


def _numbers(text: str, rng: random.Random) -> str:
    share = rng.random()
    return " ".join(
        str(rng.randrange(10**6)) if rng.random() < share else word for word in text.split(" ")
    )


def _no_punctuation(text: str, rng: random.Random) -> str:
    share = rng.random()
    return re.sub(r"[.,;:?!]", lambda m: "" if rng.random() < share else m[0], text)


_FAULTS: list[Callable[[str, random.Random], str]] = [
    _repeated_lines,
    _repeated_phrase,
    _short_lines,
    _sentences_as_lines,
    _scrambled,
    _numbers,
    _no_punctuation,
    lambda text, rng: text[: rng.randint(50, 900)],
    lambda text, rng: text.replace(" ", rng.choice([" # ", "... ", "… "]), rng.randint(1, 90)),
    _lines(lambda line, _: "- " + line),
    _lines(lambda line, _: "• " + line),
    _lines(lambda line, _: line + "..."),
    _lines(lambda line, _: line.rstrip(".?! ")),
    _lines(lambda line, _: line + "."),
    _lines(lambda line, rng: line + rng.choice([" JavaScript.", " Privacy policy.", " [1]."])),
    lambda text, rng: text + rng.choice(["\nLorem ipsum dolor sit.", "\nfunction () { }."]),
]


def peers_decisions(
    texts: list[str], stop_words: tuple[str, ...], environment: Path | None
) -> dict:
    """What datatrove decides, in an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        home = environment or Path(folder) / "environment"
        python = home / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", home], check=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *_PEER], check=True)
        given, found = Path(folder) / "given.json", Path(folder) / "found.json"
        given.write_text(json.dumps({"texts": texts, "stop_words": list(stop_words)}), "utf-8")
        subprocess.run([python, "-c", _SCRIPT, given, found], check=True)
        return json.loads(found.read_text("utf-8"))


def our_decisions(
    texts: pl.Series, stop_words: tuple[str, ...]
) -> tuple[dict[str, float], dict[str, list[bool]]]:
    """CPU seconds of each signal, and whether datatrove's default thresholds keep each text."""
    seconds, frames = {}, {}
    for name, measure in (
        ("gopher", lambda: gopher(texts, stop_words)),
        ("c4", lambda: c4(texts)),
        ("fineweb", lambda: fineweb(texts)),
    ):
        begin = time.process_time()
        frames[name] = measure()
        seconds[name] = time.process_time() - begin
    # One signal serves two filters, so each is charged with all of it.
    seconds |= {f"gopher_{part}": seconds["gopher"] for part in ("quality", "repetition")}
    limits = {
        "gopher_quality": ("gopher", _QUALITY),
        "gopher_repetition": ("gopher", _REPETITION),
        "c4": ("c4", _C4),
        "fineweb": ("fineweb", _FINEWEB),
    }
    return seconds, {
        name: frames[signal]
        .select(
            pl.all_horizontal(
                pl.col(column).is_between(
                    float("-inf") if low is None else low, float("inf") if high is None else high
                )
                for column, low, high in bounds
            )
        )
        .to_series()
        .to_list()
        for name, (signal, bounds) in limits.items()
    }


_QUALITY = (
    ("words", 50, 100_000),
    ("mean_word_length", 3, 10),
    ("hash_word_ratio", None, 0.1),
    ("ellipsis_word_ratio", None, 0.1),
    ("bullet_line_ratio", None, 0.9),
    ("ellipsis_line_ratio", None, 0.3),
    ("alphabetic_word_ratio", 0.8, None),
    ("stop_words", 2, None),
)
_REPETITION = (
    ("duplicate_line_ratio", None, 0.3),
    ("duplicate_paragraph_ratio", None, 0.3),
    ("duplicate_line_character_ratio", None, 0.2),
    ("duplicate_paragraph_character_ratio", None, 0.2),
    ("top_2gram_character_ratio", None, 0.2),
    ("top_3gram_character_ratio", None, 0.18),
    ("top_4gram_character_ratio", None, 0.16),
    *((f"duplicate_{n}gram_character_ratio", None, (20 - n) / 100) for n in range(5, 11)),
)
_C4 = (("sentences", 5, None), ("lorem_ipsum_lines", None, 0), ("curly_bracket_lines", None, 0))
_FINEWEB = (
    ("line_punctuation_ratio", 0.12, None),
    ("short_line_ratio", None, 0.67),
    ("duplicate_line_character_ratio", None, 0.01),
    ("newline_word_ratio", None, 0.3),
)


def agreement(name: str, mine: list[bool], theirs: list[bool | str]) -> dict:
    """The share of equal decisions, over as many texts kept as rejected, and over all."""
    equal = [ours == (other is True) for ours, other in zip(mine, theirs, strict=True)]
    kept = [same for same, other in zip(equal, theirs, strict=True) if other is True]
    rejected = [same for same, other in zip(equal, theirs, strict=True) if other is not True]
    least = min(len(kept), len(rejected))
    drawn = random.Random(2).sample(kept, least) + random.Random(3).sample(rejected, least)
    return {
        "filter": name,
        "balanced": 2 * least,
        "kept": len(kept),
        "agreement": sum(drawn) / max(1, len(drawn)),
        "of_all": sum(equal) / len(equal),
    }


def differing(mine: list[bool], theirs: list[bool | str]) -> list[tuple[int, bool | str]]:
    """Numbers of the texts that are decided otherwise, and what the peer says of them."""
    return [
        (number, other)
        for number, (ours, other) in enumerate(zip(mine, theirs, strict=True))
        if ours != (other is True)
    ]


def edited_alike(texts: pl.Series, peers: list[str | None]) -> float:
    """Of the texts that the peer's C4 keeps, the share that a corpus keeps with the same lines.

    The way of a corpus with `cut_lines = ["c4"]`: the signal as the step measures it, the edits as
    the corpus step writes them, the text as training reads it. It leaves an empty line between
    paragraphs, where the peer leaves none.
    """
    rules = policy(CorpusConfig(cut_lines=["c4"]), load("pol"))
    signal = c4(texts, paragraphs=True).select(pl.col("edits").alias("c4_edits"))
    kept = pl.Series([text is not None for text in peers])
    edits = edits_of(signal, lambda rows: texts.gather(rows).to_list(), kept, rules)["edits"]
    ours = edited(texts.alias("text").to_frame(), edits)["text"].filter(kept)
    theirs = [text for text in peers if text is not None]
    same = [mine.replace("\n\n", "\n") == text for mine, text in zip(ours, theirs, strict=True)]
    return sum(same) / max(1, len(same))


def _results(rows: list[dict], edited: float) -> list[dict]:
    results = [
        {
            "what": f"agreement of {row['filter']}, balanced over {row['balanced']} texts",
            "unit": "share",
            "ours": round(row["agreement"], 4),
            "peer": "datatrove",
            "peer_value": 1.0,
            "ratio": round(row["agreement"], 4),
            "target": _TARGET,
            "speed_ratio": round(row["speed"], 1),
        }
        for row in rows
    ]
    results.append(
        {
            "what": "texts edited by C4's rules to the same characters",
            "unit": "share",
            "ours": round(edited, 4),
            "peer": "datatrove",
            "peer_value": 1.0,
            "ratio": round(edited, 4),
            "target": _TARGET,
        }
    )
    return results


if __name__ == "__main__":
    main()
