"""What stands for personal data in a text that goes on: placeholder, mask, or the value itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from mowa.corpus.personal._kinds import MASK, PLACEHOLDERS, whole_policy


def redact(
    text: str,
    spans: Iterable[tuple[int, int, str]],
    policy: Mapping[str, str] | None = None,
) -> str:
    """`text` with each of `spans` (start, end, kind; as `find` gives them) replaced by its policy.

    `policy` says `placeholder`, `mask` or `keep` of a kind, over `DEFAULT_POLICY`. A mask has `#`
    for each letter and digit and leaves the rest, so that the shape stays.

    Raises:
        UsageError: Where the policy names a kind or an action that does not exist.

    Example:
        >>> redact("tel. 601 234 567", [(5, 16, "phone")])
        'tel. [TELEFON]'
        >>> redact("tel. 601 234 567", [(5, 16, "phone")], {"phone": "mask"})
        'tel. ### ### ###'
    """
    return _redact(text, spans, whole_policy(policy))


def redact_all(
    texts: pl.Series, spans: pl.Series, policy: Mapping[str, str] | None = None
) -> pl.Series:
    """`redact` of each text with its row of the column `spans`; texts without spans as they are.

    Raises:
        UsageError: Where the policy names a kind or an action that does not exist.
    """
    whole = whole_policy(policy)
    rows = (spans.list.len().fill_null(0) > 0).arg_true()
    changed = [
        _redact(text, ((span["start"], span["end"], span["kind"]) for span in row), whole)
        for text, row in zip(texts.gather(rows), spans.gather(rows).to_list(), strict=True)
    ]
    return texts.scatter(rows, changed) if changed else texts


def _redact(text: str, spans: Iterable[tuple[int, int, str]], policy: Mapping[str, str]) -> str:
    parts, at = [], 0
    for start, end, kind in sorted(spans):
        action, value = policy[kind], text[start:end]
        if action == "placeholder":
            value = PLACEHOLDERS[kind]
        elif action == "mask":
            value = "".join(MASK if sign.isalnum() else sign for sign in value)
        parts += [text[at:start], value]
        at = end
    return "".join([*parts, text[at:]])
