"""Texts that are planted: other languages, spam, garbage, fragments, near copies, mojibake."""

from __future__ import annotations

import base64
import random
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from mowa.sample._facts import tables
from mowa.sample._personal import look_alike, personal

__all__ = [
    "CHANGES",
    "GARBAGE",
    "LANGUAGES",
    "MOJIBAKE",
    "VARIETIES",
    "foreign",
    "garbage",
    "look_alike_sentence",
    "mojibake",
    "near_copy",
    "personal_sentence",
    "phrases",
    "short",
    "similarity",
    "spam_list",
    "templated",
]

LANGUAGES = ("bel", "ces", "deu", "eng", "hsb", "lit", "rus", "slk", "ukr")
VARIETIES = ("csb", "szl")
GARBAGE = ("base64", "code", "digits", "letters")
CHANGES = ("few-words", "paragraph-left-out", "paragraph-added", "other-header", "reordered")
MOJIBAKE = ("utf-8-as-windows-1250", "utf-8-as-iso-8859-1", "iso-8859-2-as-windows-1250")

# ISO 8859-2 has no typographic signs; text that passed through it has these.
_PLAIN = str.maketrans({"„": '"', "”": '"', "’": "'", "–": "-", "—": "-", "…": "..."})


@cache
def _texts() -> dict[str, Any]:
    file = resources.files("mowa.sample") / "planted.toml"
    return tomllib.loads(file.read_text("utf-8"))


def phrases(name: str) -> list[Any]:
    """A list of `planted.toml`: `soft_404`, `login`, `reservation`."""
    found: list[Any] = _texts()[name]
    return found


def foreign(language: str, rng: random.Random) -> str:
    """Two paragraphs in a language or variety (ISO 639-3) that is not Polish."""
    texts = _texts()["varieties" if language in VARIETIES else "foreign"]
    sentences = rng.sample(texts[language], 6)
    return " ".join(sentences[:3]) + "\n\n" + " ".join(sentences[3:])


def short(rng: random.Random) -> str:
    """A fragment of a few words."""
    return str(rng.choice(_texts()["short"]))


def spam_list(rng: random.Random) -> str:
    """Keywords over and over, as on a page made for search engines."""
    words = rng.sample(_texts()["spam"], 6)
    return ", ".join(rng.choice(words) for _ in range(80))


def templated(number: int) -> tuple[str, str]:
    """Title and text of the page number `number` that one template and a list of towns make."""
    templates, towns = _texts()["templated"], tables()["cities"]
    town = towns[number // len(templates) % len(towns)]
    title, *paragraphs = templates[number % len(templates)]
    forms = {name: str(town[name]) for name in ("nom", "in", "to", "from")}
    return title.format(**forms), "\n\n".join(text.format(**forms) for text in paragraphs)


def garbage(what: str, rng: random.Random) -> str:
    """What a machine left: `digits` of a broken table, `letters`, `base64`, minified `code`."""
    if what == "digits":
        signs = "0123456789" * 3 + "#%&*+=/\\^~$@;:|"
        groups = ("".join(rng.choices(signs, k=rng.randint(3, 9))) for _ in range(120))
        return " ".join(groups)
    if what == "letters":
        letters = "aąbcćdeęfghijklłmnńoóprsśtuwyzźż"
        return " ".join("".join(rng.choices(letters, k=rng.randint(2, 11))) for _ in range(140))
    if what == "base64":
        lines = [base64.b64encode(rng.randbytes(57)).decode() for _ in range(16)]
        return "\n".join(lines)
    names = [rng.choice("abcdefghnrtu") + rng.choice(("", "e", "1", "2")) for _ in range(40)]
    return ";".join(
        f"function {rng.choice(names)}({rng.choice(names)}){{var {rng.choice(names)}="
        f"{rng.randrange(99)};return {rng.choice(names)}[{rng.randrange(9)}]||!{rng.randrange(2)}}}"
        for _ in range(24)
    )


def personal_sentence(kind: str, rng: random.Random) -> tuple[str, str]:
    """A sentence with an invented value of a kind of personal data, and the value."""
    value = personal(kind, rng)
    return _sentence("personal", kind, value, rng), value


def look_alike_sentence(kind: str, rng: random.Random) -> tuple[str, str]:
    """A sentence with a value that is not personal data though it looks so, and the value."""
    value = look_alike(kind, rng)
    return _sentence("look_alikes", kind, value, rng), value


def _sentence(group: str, kind: str, value: str, rng: random.Random) -> str:
    name = rng.choice([row for row in tables()["people"] if row["g"] == "m"])["nom"]
    return str(rng.choice(_texts()[group][kind])).format(value=value, name=name)


def mojibake(what: str, text: str) -> tuple[str, str]:
    """`text` as it looks after being read in the wrong encoding once, and as it should look.

    Bytes that Windows-1250 does not define become control characters, as browsers have it.
    """
    if what == "iso-8859-2-as-windows-1250":
        right = text.translate(_PLAIN)
        return _cp1250(right.encode("iso8859_2", "replace")), right
    data = text.encode()
    return data.decode("latin-1") if what == "utf-8-as-iso-8859-1" else _cp1250(data), text


def _cp1250(data: bytes) -> str:
    return "".join(bytes([byte]).decode("cp1250", "ignore") or chr(byte) for byte in data)


def near_copy(
    change: str, title: str, paragraphs: Sequence[str], other: str, rng: random.Random
) -> tuple[str, list[str]]:
    """Title and paragraphs of a text that was changed as one of `CHANGES` says.

    Args:
        change: How it is changed.
        title: The title of the original.
        paragraphs: Its paragraphs, two at least.
        other: A paragraph of another text.
        rng: What decides where.
    """
    texts = list(paragraphs)
    if change == "few-words":
        return title, [_other_words(text, rng) for text in texts]
    if change == "paragraph-left-out":
        del texts[rng.randrange(len(texts))]
    elif change == "paragraph-added":
        texts.insert(rng.randint(1, len(texts)), other)
    elif change == "other-header":
        return f"Przeczytane: {title}", [
            "Tekst nadesłany przez czytelnika, skróty od redakcji.",
            *texts,
        ]
    else:
        texts = [*texts[1:], texts[0]] if len(texts) == 2 else rng.sample(texts, len(texts))
        if texts == list(paragraphs):
            texts.reverse()
    return title, texts


def _other_words(text: str, rng: random.Random) -> str:
    changed = 0
    for word, instead in rng.sample(_texts()["synonyms"], len(_texts()["synonyms"])):
        text, count = re.subn(rf"\b{word}\b", instead, text, count=1)
        changed += count
        if changed == 3:
            return text
    return text if changed else f"{text} (Na podstawie listów.)"


def similarity(one: str, other: str) -> float:
    """Share of the word 5-grams of both texts that they have in common (Jaccard), two digits."""
    grams = [
        {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}
        for words in (one.split(), other.split())
    ]
    return round(len(grams[0] & grams[1]) / len(grams[0] | grams[1]), 2)
