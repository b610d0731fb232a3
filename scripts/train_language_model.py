# ruff: noqa: INP001  # scripts are no package
"""Teach the model of `mowa.corpus`'s language signal: `train_language_model.py DATA PACKAGES OUT`.

DATA is the folder of unpacked archives, PACKAGES a folder into which the Debian packages that
`docs/languages.md` names were unpacked by `dpkg -x`. One thread and a fixed seed: the same texts
give the same model.
"""

from __future__ import annotations

import base64
import random
import sys
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import floret
import polars as pl
from language_sources import learnt

from mowa.corpus._language import KNOWN, NOISE, letters
from mowa.corpus._language_model import LONGEST_WORD, LanguageModel, rounded, write_model

SEED = 20_261
# Characters of each source that are taken at most, so that one kind of text does not speak for a
# language, and a source of few texts is not drowned.
_OF_A_SOURCE = 900_000
_OF_POLISH = 6_000_000
_OF_OTHERS = 200_000
# Slavic languages that the model does not name, and would else take for one that it does.
_NEIGHBOURS = frozenset({"bul", "hbs", "mkd", "slv", "srp"})
_OF_NEIGHBOURS = 600_000
_OF_SILESIAN = 2_100_000  # all that there is
# How often a source of a protected variety is cut anew: they are small beside Polish ones, and
# Silesian is the nearest to it.
_PROTECTED = {
    ("szl", "mozilla"): 10, ("szl", "wikipedia"): 3, ("csb", "wikipedia"): 3,
    ("hsb", "mozilla"): 2, ("dsb", "mozilla"): 2,
}  # fmt: skip
_WITHOUT_MARKS = 0.25
# Silesian letters that a Polish keyboard lacks, and what is typed in their place.
_ON_POLISH_KEYS = str.maketrans("ãōŏôõ", "aoooo")


def main(data: Path, packages: Path, out: Path) -> None:
    """Read the sources, cut them into pieces of 3 to 40 words, teach, and write the small model."""
    rng = random.Random(SEED)
    lines = [f"__label__{code} {line}" for code, line in pieces(data, packages, rng)]
    rng.shuffle(lines)
    write_model(taught(lines), out)
    print(f"{len(lines):,} pieces, {out.stat().st_size:,} bytes")


def taught(lines: list[str]) -> LanguageModel:
    """A model of lines that begin with their label."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lines.txt"
        file.write_text("\n".join(lines) + "\n")
        model = floret.train_supervised(
            str(file), dim=16, minn=2, maxn=5, bucket=1 << 17, minCount=1 << 30, epoch=5, lr=0.5,
            loss="softmax", thread=1, seed=SEED, verbose=0,
        )  # fmt: skip
    return converted(model.f)


def converted(model: Any) -> LanguageModel:
    """The model of floret as ours."""
    told = model.getArgs()
    labels = [label.removeprefix("__label__") for label in model.getLabels("strict")[0]]
    sizes = (told.minn, told.maxn)
    return rounded(labels, sizes, model.getInputMatrix(), model.getOutputMatrix())


def pieces(data: Path, packages: Path, rng: random.Random) -> Iterator[tuple[str, str]]:
    """(language, normalised piece) of every source, capped, and of noise."""
    texts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source, code, text in learnt(data, packages):
        texts[code, source].append(text)
    for (code, source), found in sorted(texts.items()):
        rng.shuffle(found)
        most = _most(code)
        normal = letters(pl.Series(found)).to_list()
        for _ in range(_PROTECTED.get((code, source), 1)):
            taken = 0
            for line in _cut(normal, rng):
                if taken > most:
                    break
                taken += len(line)
                yield code, line
                if code in ("pol", "ces", "slk", "lit") and rng.random() < _WITHOUT_MARKS:
                    yield code, _bare(line)
                if code == "szl" and rng.random() < _WITHOUT_MARKS:
                    yield code, line.translate(_ON_POLISH_KEYS)
    for _ in range(4_000):
        yield NOISE, letters(pl.Series([_noise(rng)])).item()


def _most(code: str) -> int:
    if code == "pol":
        return _OF_POLISH
    if code == "szl":
        return _OF_SILESIAN
    if code in _NEIGHBOURS:
        return _OF_NEIGHBOURS
    return _OF_A_SOURCE if code in KNOWN else _OF_OTHERS


def _cut(texts: list[str], rng: random.Random) -> Iterator[str]:
    words = [word[:LONGEST_WORD] for text in texts for word in text.split()]
    start = 0
    while start < len(words):
        length = rng.choice((3, 6, 10, 16, 25, 40))
        yield " ".join(words[start : start + length])
        start += length


def _bare(text: str) -> str:
    """Letters without their marks, as people type where the keyboard lacks them."""
    plain = unicodedata.normalize("NFD", text.replace("ł", "l"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


_CODE = [
    "if", "else", "for", "while", "return", "int", "def", "self", "none", "true", "false", "var",
    "function", "const", "let", "this", "null", "print", "import", "from", "class", "static",
    "void", "char", "struct", "size", "len", "str", "get", "set", "add", "div", "px", "rgba",
    "margin", "padding", "width", "height", "data", "id", "src", "href", "http", "www", "com",
    "html", "css", "js", "fn", "args", "key", "value", "node", "list", "map", "index",
]  # fmt: skip


def _noise(rng: random.Random) -> str:
    kind, size = rng.randrange(4), rng.randint(5, 40)
    if kind == 0:
        return base64.b64encode(rng.randbytes(size * 5)).decode()
    if kind == 1:
        alphabet = "abcdefghijklmnopqrstuvwxyz"
        return " ".join("".join(rng.choices(alphabet, k=rng.randint(2, 12))) for _ in range(size))
    if kind == 2:
        marks = "(){}[];=.,_"
        return "".join(rng.choice(_CODE) + rng.choice(marks) for _ in range(size))
    # UTF-8 read as Windows-1252, twice: mojibake in which no words are left.
    letters_ = "ąćęłńóśźżабвгдежзийклмнопрстуфхцчшщыьэюя"
    wrong = "".join(rng.choices(letters_ + "  ", k=size * 3))
    return wrong.encode().decode("latin-1").encode().decode("latin-1")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
