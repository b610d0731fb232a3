"""Text of a chat template: the special tokens that it writes are meant, those in what was said not.

A template puts both into one string, where ``</s>`` in a turn looks like the end of the answer. So
what goes into the template is quoted first: a mark divides whatever there looks like a special
token. In what comes out of it the undivided ones are meant. They are encoded through names that
only this module writes, the marks are taken out, and text stays text, letter by letter, at the
place where it stands: spaces and neighbours make the same tokens as ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from mowa.errors import DataError

# Unicode keeps these two for programs: they are no characters, and no text has them.
_MARK, _NAME = "\ufdd0", "\ufdd1"


class Encoded(NamedTuple):
    """Tokens, and where each of them stands in the text that `ControlTokens.encode` was given."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class ControlTokens:
    """Encodes what a chat template writes.

    Args:
        tokenizer: From `load_tokenizer`.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        special = {
            token.content: number
            for number, token in tokenizer.get_added_tokens_decoder().items()
            if token.special and token.content
        }
        # The longest first; one of a single letter has its mark behind it.
        written = [
            re.escape(name) + (f"(?!{_MARK})" if len(name) == 1 else "")
            for name in sorted(special, key=lambda name: (-len(name), name))
        ]
        self._special = re.compile("|".join(written) or "(?!)")
        self._numbers = special
        self._named, unknown = _with_other_names(tokenizer, special)
        self._ids = {
            number: _number(token.content, tokenizer)
            for number, token in self._named.get_added_tokens_decoder().items()
        }
        # A letter that the vocabulary does not have is text too.
        self._watched = set(special.values()) - {tokenizer.token_to_id(unknown or "")}

    def is_control(self, number: int) -> bool:
        """Is `number` the id of a special token?"""
        return number in self._watched

    def quote(self, text: str) -> str:
        """`text` as it may go into a template.

        Raises:
            DataError: Where it has U+FDD0 or U+FDD1.
        """
        if _MARK in text or _NAME in text:
            raise DataError("the text has U+FDD0 or U+FDD1, which Unicode keeps for programs")
        while self._special.search(text):
            text = self._special.sub(lambda match: match[0][0] + _MARK + match[0][1:], text)
        return text

    def controls_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Where special tokens that are meant stand in what a template wrote."""
        return (match.span() for match in self._special.finditer(text))

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The ids of what templates wrote, without BOS and EOS beyond theirs.

        Raises:
            DataError: Where text comes out as a special token all the same.
        """
        named = [self._with_names(text) for text in texts]
        encodings = self._named.encode_batch([text for text, _ in named], add_special_tokens=False)
        found = []
        for (_, places), encoding in zip(named, encodings, strict=True):
            given = encoding.ids  # a new list each time it is asked for
            ids = [self._ids.get(number, number) for number in given]
            meant = sum(number in self._ids for number in given)
            if sum(number in self._watched for number in ids) > meant:
                raise DataError("the tokenizer makes a special token of plain text")
            found.append(
                Encoded(ids, [(places[start], places[end]) for start, end in encoding.offsets])
            )
        return found

    def _with_names(self, text: str) -> tuple[str, list[int]]:
        """`text` with names for special tokens and without marks, and where each letter came from.

        One place more than there are letters, for ends.
        """
        parts: list[str] = []
        places: list[int] = []
        at = 0
        for start, end in [*self.controls_in(text), (len(text), len(text))]:
            said = text[at:start]
            places += (
                range(at, start)
                if _MARK not in said
                else [at + index for index, letter in enumerate(said) if letter != _MARK]
            )
            parts.append(said.replace(_MARK, ""))
            if start < end:
                name = _name(self._numbers[text[start:end]])
                parts.append(name)
                places += [start] * len(name)
            at = end
        return "".join(parts), [*places, len(text)]


def unquoted(text: str) -> str:
    """What a template wrote, as a person reads it."""
    return text.replace(_MARK, "")


def _with_other_names(
    tokenizer: Tokenizer, special: dict[str, int]
) -> tuple[Tokenizer, str | None]:
    """A copy that knows special tokens by the names of this module, and its unknown token."""
    settings: dict[str, Any] = json.loads(tokenizer.to_str())
    for token in settings["added_tokens"]:
        if token["special"] and token["content"]:
            token |= {"content": _name(special[token["content"]]), "normalized": False}
    # What it adds is named in its old names.
    settings |= {"post_processor": None, "truncation": None, "padding": None}
    unknown = settings["model"].get("unk_token")
    copy = Tokenizer.from_str(json.dumps(settings))
    copy.encode_special_tokens = False
    return copy, unknown


def _name(number: int) -> str:
    return f"{_NAME}{number}{_NAME}"


def _number(content: str, tokenizer: Tokenizer) -> int:
    """The id in `tokenizer` of what the copy calls `content`."""
    if content.startswith(_NAME):
        return int(content.strip(_NAME))
    number = tokenizer.token_to_id(content)
    assert number is not None, "it is an added token of both"
    return number
