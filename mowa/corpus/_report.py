"""The pages that show documents, signals and a corpus to a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mowa.report import Bars, Block, Figures, Histogram, Page, Preformatted, Section, Table, Text

# Characters of a document, four bins a decade; the last takes a long book.
LENGTH_EDGES = [round(10 ** (step / 4), 3) for step in range(32)] + [1e9]

_LANGUAGES_SHOWN = 15


def documents_report(metrics: Mapping[str, Any], path: Path) -> None:
    """How many records became documents, by source, and why the others did not."""
    sources = [
        [name, own["records"], own["documents"], own["skipped"], own["characters"], own["bytes"]]
        for name, own in metrics["sources"].items()
    ]
    notes = [
        [what, metrics[key]]
        for key, what in (
            ("empty", "documents without text"),
            ("unknown_licences", "licences of records that are no SPDX expression"),
            ("replaced_characters", "lone surrogates replaced"),
            ("html_too_deep", "pages nested too deeply to tell their main content"),
            ("html_cut", "pages cut at a tag with too many attributes"),
        )
    ]
    sections = [
        Section(
            "Records",
            [
                Figures(
                    [
                        ("records", f"{metrics['records']:,}"),
                        ("documents", f"{metrics['documents']:,}"),
                        ("skipped", f"{sum(metrics['skipped'].values()):,}"),
                        ("characters", f"{metrics['characters']:,}"),
                    ]
                ),
                Table(
                    ["source", "records", "documents", "skipped", "characters", "bytes"], sources
                ),
            ],
        ),
        Section(
            "Skipped",
            [Bars("Records, by reason", _bars(metrics["skipped"]))],
            "An archive holds much that is no page; each such record is listed in skipped/.",
        ),
        Section("Noticed", [Table(["what", "how many"], notes)]),
    ]
    if metrics["notes"]:
        done = [[name, count] for name, count in metrics["notes"].items()]
        sections.append(
            Section(
                "Done on the way in",
                [Table(["note", "records"], done)],
                "What readers and repair did to records; a record may have several notes.",
            )
        )
    Page("Documents", "records that became documents", sections).write(path)


def signals_report(metrics: Mapping[str, Any], path: Path) -> None:
    """Which languages were identified, and how many documents are duplicates."""
    sections = [
        Section(
            "Documents",
            [
                Figures(
                    [
                        (what, f"{metrics[key]:,}")
                        for what, key in (
                            ("documents", "documents"),
                            ("exact copies", "exact_copies"),
                            ("near copies, exact ones included", "near_copies"),
                        )
                        if key in metrics
                    ]
                )
            ],
        ),
        Section("Languages", [_languages(metrics["languages"])]),
    ]
    Page("Signals", "what was measured of each document", sections).write(path)


def corpus_report(
    manifest: Mapping[str, Any], examples: Mapping[str, list[tuple[str, str, str]]], path: Path
) -> None:
    """Decisions, reasons, lengths, languages, sources, licences, examples of what is left out."""
    kept = manifest["decisions"]["keep"]
    lengths = manifest["lengths"]
    splits = manifest["splits"]
    sections = [
        Section(
            "Corpus",
            [
                Figures(
                    [
                        ("records", f"{manifest['records']:,}"),
                        ("documents", f"{manifest['documents']:,}"),
                        ("kept", f"{kept['documents']:,}"),
                        ("kept characters", f"{kept['characters']:,}"),
                        ("for training", f"{splits['train']['documents']:,}"),
                        ("held out", f"{splits['held_out']['documents']:,}"),
                    ]
                ),
                Bars("Documents, by decision", _bars(_documents(manifest["decisions"]))),
                Bars("Documents not kept, by reason", _bars(_documents(manifest["reasons"]))),
            ],
        ),
        Section(
            "Lengths",
            [
                _lengths("All documents", lengths["edges"], lengths["all"]),
                _lengths("Kept documents", lengths["edges"], lengths["kept"]),
            ],
            "Documents without text are not drawn.",
        ),
        Section("Languages", [_languages(manifest["languages"])]),
        Section(
            "Sources and licences",
            [_table("source", manifest["sources"]), _table("licence", manifest["licences"])],
        ),
        Section(
            "Rules",
            [
                Table(
                    ["signal", "minimum", "maximum", "origin"],
                    [
                        [name, rule["minimum"], rule["maximum"], rule["origin"]]
                        for name, rule in manifest["thresholds"].items()
                    ],
                )
            ],
            f"Language {manifest['language']}, identified with a confidence of at least"
            f" {manifest['minimum_language_confidence']:g}; before these come the rules empty,"
            " exact-duplicate, protected-variety and language.",
        ),
        *_hold_out(manifest["hold_out"]),
        *(_examples(reason, found) for reason, found in examples.items()),
    ]
    Page("Corpus", "what is kept, what is not, and why", sections).write(path)


def _hold_out(entries: list[dict[str, Any]]) -> list[Section]:
    if not entries:
        return []
    rows = [
        [
            entry.get("source"),
            entry.get("author"),
            "–".join(map(str, entry.get("years", []))) or None,
            entry["documents"],
        ]
        for entry in entries
    ]
    table = Table(["source", "author", "years", "documents"], rows)
    return [Section("Set aside by the recipe", [table], "With every copy of the same text.")]


def _examples(reason: str, found: list[tuple[str, str, str]]) -> Section:
    blocks: list[Block] = []
    for doc_id, detail, text in found:
        blocks += [Text(f"{doc_id}: {detail}" if detail else doc_id), Preformatted(text)]
    return Section(f"Not kept: {reason}", blocks, "The first of them, and how their texts begin.")


def _table(what: str, entries: Mapping[str, Mapping[str, int]]) -> Table:
    columns = ("documents", "keep", "reject", "duplicate", "quarantine", "characters", "bytes")
    rows = [[name, *(entry[column] for column in columns)] for name, entry in entries.items()]
    return Table([what, *columns], rows)


def _lengths(title: str, edges: list[float], counts: list[int]) -> Histogram:
    """The bins from the first to the last that hold a document."""
    filled = [index for index, count in enumerate(counts) if count]
    first, last = (filled[0], filled[-1]) if filled else (0, 0)
    return Histogram(
        title, edges[first : last + 2], counts[first : last + 1], "characters", log_x=True
    )


def _languages(found: Mapping[str, int]) -> Bars:
    bars = _bars(found)
    rest = sum(count for _, count in bars[_LANGUAGES_SHOWN:])
    shown = bars[:_LANGUAGES_SHOWN] + ([("others", rest)] if rest else [])
    return Bars("Documents, by identified language", shown)


def _documents(entries: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {name: entry["documents"] for name, entry in entries.items()}


def _bars(counts: Mapping[str, int]) -> list[tuple[str, float]]:
    """Largest first; equals in the order of their names."""
    return sorted(((k, float(n)) for k, n in counts.items()), key=lambda item: (-item[1], item[0]))
