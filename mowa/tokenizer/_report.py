"""The tokenizer's report: what a text costs in tokens, by source, and what they look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mowa.report import Bars, Block, Figures, Histogram, Page, Preformatted, Section, Table, Text

_SHOWN_SOURCES = 30


def write_report(found: dict[str, Any], path: Path) -> None:
    """Write the page from what fertility.json holds."""
    Page(
        "Tokenizer",
        f"byte-level BPE, {found['vocab_size']:,} tokens, pre-tokenizer {found['pre_tokenizer']}",
        [
            Section("In short", [_figures(found)]),
            Section(
                "By source",
                _sources(found["sources"]),
                note="Held-out documents, none of which it was trained on. Fewer tokens a word make"
                " a cheaper model; a source far above the rest is one that it does not know.",
            ),
            Section(
                "Lengths",
                _lengths(found["token_bytes"]),
                note="In bytes of UTF-8; a Polish letter with a diacritic takes two.",
            ),
            Section(
                "Sentences cut into tokens",
                [Preformatted("\n".join(_marked(x["tokens"]) for x in found["examples"]))],
                note="␣ is a space, ↵ a line break, \\x… one byte of a letter that no token holds.",
            ),
            Section("Longest tokens", [_longest(found["longest_tokens"])]),
            Section("Special tokens", [Text(", ".join(found["special_tokens"]))]),
        ],
    ).write(path)


def _figures(found: dict[str, Any]) -> Figures:
    held_out, sample = found["held_out"], found["sample"]
    return Figures(
        [
            ("tokens a word", _number(held_out["tokens_per_word"])),
            ("characters a token", _number(held_out["characters_per_token"])),
            ("bytes a token", _number(held_out["bytes_per_token"])),
            ("vocabulary used", _percent(found["vocabulary_used"])),
            ("held-out documents measured", f"{held_out['documents']:,}"),
            ("documents learned from", f"{sample['documents']:,} of {sample['of_documents']:,}"),
            ("bytes learned from", f"{sample['bytes']:,} of {sample['of_bytes']:,}"),
        ]
    )


def _sources(sources: dict[str, Any]) -> list[Block]:
    if not sources:
        return [Text("The corpus has no held-out documents to measure on.")]
    rows = sorted(sources.items(), key=lambda item: (-item[1]["bytes"], item[0]))
    bars = [(name, x["tokens_per_word"] or 0.0) for name, x in rows[:_SHOWN_SOURCES]]
    columns = ["source", "documents", "bytes", "tokens", "tokens a word", "bytes a token"]
    keys = ["documents", "bytes", "tokens", "tokens_per_word", "bytes_per_token"]
    table = Table(columns, [[name, *(x[key] for key in keys)] for name, x in rows])
    return [Bars("Tokens per word, largest sources first", bars), table]


def _lengths(rows: list[dict[str, int]]) -> list[Block]:
    longest = rows[-1]["bytes"]
    tokens = {row["bytes"]: row["tokens"] for row in rows}
    uses = {row["bytes"]: row["uses"] for row in rows}
    edges = [length - 0.5 for length in range(1, longest + 2)]
    return [
        Histogram(
            title, edges, [counts.get(n, 0) for n in range(1, longest + 1)], "bytes of a token"
        )
        for title, counts in [
            ("Tokens of the vocabulary", tokens),
            ("Tokens of the held-out text", uses),
        ]
    ]


def _longest(rows: list[dict[str, Any]]) -> Table:
    return Table(
        ["token", "bytes", "id"], [[_visible(x["token"]), x["bytes"], x["id"]] for x in rows]
    )


def _marked(tokens: list[str]) -> str:
    return "|".join(_visible(token) for token in tokens)


def _visible(token: str) -> str:
    return token.replace(" ", "␣").replace("\n", "↵").replace("\r", "␍").replace("\t", "⇥")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
