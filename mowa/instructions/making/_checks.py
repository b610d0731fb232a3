"""What a model's answer must not be: cut off, a refusal, a copy, in another language, made up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mowa.instructions.making._desk import Reply
from mowa.instructions.making._form import without_thoughts
from mowa.rights import forbids_derivatives, is_licence

# How models say, in Polish and in English, that they will not or that they are models. Looked for
# where a text begins: further on they are about something.
_REFUSALS = re.compile(
    r"(?:przykro mi|przepraszam|niestety)[^.!?\n]{0,40}\bnie (?:mogę|jestem w stanie|potrafię)"
    r"|nie (?:mogę|jestem w stanie|potrafię) (?:ci |ci w tym |w tym |tego |na to )?"
    r"(?:pomóc|odpowiedzieć|wykonać|zrobić|spełnić|udzielić|wygenerować|napisać|podać)"
    r"|jako (?:(?:duży )?model (?:językowy|ai)|sztuczna inteligencja|asystent ai)"
    r"|jestem (?:tylko )?(?:modelem językowym|sztuczną inteligencją)"
    r"|(?:i'm|i am) (?:sorry|unable|an ai)|i (?:cannot|can't|can not|won't)\b|as an ai\b",
    re.IGNORECASE,
)
_REFUSAL_WITHIN = 80

# Shorter texts are in no language for sure: names, numbers, one word.
_LETTERS_FOR_LANGUAGE = 20
_SURE = 0.5
_LANGUAGE_CHARACTERS = 2_000

# A shorter line, or a shorter quote, may be what anybody would write.
_LINE_CHARACTERS = 25
_QUOTE_WORDS = 4
_COPY_CHARACTERS = 100

_QUOTES = re.compile(
    r"„([^”“\"„]{2,2000})[”“\"]|“([^”“\"]{2,2000})”|\"([^\"\n]{2,2000})\"|«([^»]{2,2000})»"
)


def fault_of_licence(licence: str | None, *, required: bool, derives: bool = False) -> str | None:
    """Why a text may not be used, by its licence; None where it may.

    Args:
        licence: SPDX expression of the text.
        required: Must there be one?
        derives: Is something made of the text that its licence may forbid to make?
    """
    if required and not is_licence(licence):
        return "no licence"
    return "licence forbids derivatives" if derives and forbids_derivatives(licence) else None


def fault_of_reply(reply: Reply) -> tuple[str, str] | None:
    """Why an answer cannot be read at all: the reason, which is counted, and what else to say."""
    if reply.failure is not None:
        return "no answer", reply.failure
    if reply.cut:
        return "prompt too long for the model", f"{reply.cut:,} tokens or more did not fit"
    if not without_thoughts(reply.text):
        return "empty", "nothing but thoughts" if reply.text.strip() else ""
    if reply.finish == "length":
        return "cut off", f"after {reply.tokens:,} tokens"
    if refuses(without_thoughts(reply.text)):
        return "refusal", ""
    return None


def refuses(text: str) -> bool:
    """Does a text begin by declining?

    Example:
        >>> refuses("Przykro mi, ale nie mogę w tym pomóc."), refuses("Nie mogę się doczekać.")
        (True, False)
    """
    return _REFUSALS.search(text.strip()[:_REFUSAL_WITHIN]) is not None


def copied_line(text: str, instructions: Iterable[str]) -> str | None:
    """A line of the instructions that stands in an answer, None where there is none.

    A short one counts only where it is a line there too.
    """
    plain = _plain(text)
    lines = {_plain(line) for line in text.splitlines()}
    for line in instructions:
        if _plain(line) in (plain if len(line) >= _LINE_CHARACTERS else lines):
            return line
    return None


def is_copy(text: str, passage: str) -> bool:
    """Is an answer nothing but a piece of the passage?"""
    return len(text) >= _COPY_CHARACTERS and _plain(text) in _plain(passage)


def invented_quote(text: str, passage: str) -> str | None:
    """A quotation of some words that the passage does not have, None where there is none.

    Case, white space and the punctuation at its ends do not count.
    """
    plain = _plain(passage)
    for found in _QUOTES.finditer(text):
        quote = next(group for group in found.groups() if group is not None)
        words = _plain(quote).strip(" .,;:!?…")
        if len(words.split()) >= _QUOTE_WORDS and words not in plain:
            return quote
    return None


def other_language(texts: Sequence[str], language: str) -> str | None:
    """The language that texts together are surely in, where it is another; else None.

    Too few letters are in none.
    """
    import polars as pl

    from mowa.corpus._language import languages

    text = "\n".join(texts)
    if sum(map(str.isalpha, text)) < _LETTERS_FOR_LANGUAGE:
        return None
    found, confidence = languages(pl.Series([text]), _LANGUAGE_CHARACTERS).row(0)
    return str(found) if found != language and confidence >= _SURE else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
