"""The page that shows a set of dialogues: what came in, from where, and what did not, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mowa.report import Bars, Block, Figures, Histogram, Page, Preformatted, Section, Table

_FILES = 50  # shown; all are in statistics.json
_LABELS = 20


def report(statistics: Mapping[str, Any], shown: Sequence[str], path: Path) -> None:
    """Write the page.

    Args:
        statistics: What stands in `statistics.json`.
        shown: A few dialogues, as text.
        path: The page's file.
    """
    rejected = sum(statistics["rejected"].values())
    figures = [
        ("rows", f"{statistics['rows']:,}"),
        ("dialogues", f"{statistics['dialogues'] - statistics['preferences']:,}"),
        ("preferences", f"{statistics['preferences']:,}"),
        ("rejected", f"{rejected:,}"),
        ("characters", f"{statistics['characters']:,}"),
    ]
    sections = [
        Section("Dialogues", [Figures(figures), Bars("By origin", _bars(statistics["origins"]))]),
        Section(
            "What came from where",
            [
                Bars("Dialogues, by source", _bars(statistics["sources"])),
                Bars("Dialogues, by licence", _bars(statistics["licences"])),
                Bars("Dialogues, by language", _bars(statistics["languages"])),
            ],
            "NOASSERTION is no licence: nobody stated one.",
        ),
        Section(
            "What was not taken, and why",
            [Bars("By reason", _bars(statistics["rejected"]))],
            "Each is a line of rejected.parquet, with its file, row and beginning.",
        ),
        Section("Turns and lengths", _histograms(statistics["histograms"])),
        Section("Noticed", [Table(["what", "how many"], _noticed(statistics))]),
        _files(statistics["files"]),
    ]
    if statistics["personal_data"]:
        data = Bars("Findings, by kind", _bars(statistics["personal_data"]))
        sections.append(Section("Personal data", [data]))
    if shown:
        examples: list[Block] = [Preformatted(text) for text in shown]
        sections.append(Section("A few of them", examples))
    Page("Dialogues", "instructions and conversations that came in", sections).write(path)


def _histograms(histograms: Mapping[str, Any]) -> list[Block]:
    return [
        Histogram(title, found["edges"], found["counts"], label, log_x=True)
        for title, found, label in (
            ("Dialogues, by turns", histograms["turns"], "turns, both answers of a preference"),
            ("Dialogues, by length", histograms["characters"], "characters"),
        )
    ]


def _noticed(statistics: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [what, statistics[key]]
        for key, what in (
            ("joined", "rows that are pieces of another row's tree"),
            ("unbound", "answers that were not found in the text that they should stand on"),
            ("renamed", "ids that stood twice, of which the later got a new one"),
        )
    ]


def _files(files: Sequence[Mapping[str, Any]]) -> Section:
    largest = sorted(files, key=lambda file: (-file["rows"], file["file"]))[:_FILES]
    columns = ["file", "source", "read as", "rows", "broken", "dialogues made"]
    rows = [
        [file["file"], file["source"], file["form"], *(file[key] for key in _COUNTED)]
        for file in largest
    ]
    more = f"and {len(files) - _FILES:,} more" if len(files) > _FILES else ""
    return Section("Files", [Table(columns, rows)], more)


_COUNTED = ("rows", "broken", "candidates")


def _bars(counts: Mapping[str, int]) -> list[tuple[str, float]]:
    return [(name, float(count)) for name, count in list(counts.items())[:_LABELS]]
