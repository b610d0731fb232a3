"""What stands beside the pages: the table as JSON and CSV, and the data that scripts load."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from mowa import __version__
from mowa.evaluation.leaderboard._board import Board, Cell, Column, Row
from mowa.evaluation.leaderboard._items import Items, chunks
from mowa.evaluation.leaderboard._pages import Site, variant
from mowa.evaluation.leaderboard._statistics import Estimate
from mowa.evaluation.leaderboard._words import LANGUAGES, Language, html_language, language

_HEADS = """
model model_fingerprint template parameters licence task version task_fingerprint shots seed limit
judge metric baseline status why items value low high stderr method too_few hits clean_value
clean_low clean_high rank_best rank_worst
"""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would carry out."""


def table(board: Board) -> dict[str, Any]:
    """The whole table as JSON: models, tasks, scores, averages."""
    return {
        "schema": 1,
        "mowa": __version__,
        "models": [
            {
                "id": row.slug,
                "template": row.template,
                **row.model.model_dump(mode="json"),
                "average": _average(board, row),
            }
            for row in board.rows
        ],
        "tasks": [
            {
                "id": column.slug,
                "in_average": column in board.averaged,
                **column.task.model_dump(mode="json"),
                "settings": column.settings.model_dump(mode="json", exclude={"template"}),
            }
            for column in board.columns
        ],
        "scores": [
            {"model": row.slug, "task": column.slug, **_score(cell)}
            for row in board.rows
            for column, cell in board.of_row(row)
        ],
    }


def table_csv(board: Board) -> str:
    """One line a score."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADS.split())
    for row in board.rows:
        for column, cell in board.of_row(row):
            writer.writerow([_harmless(value) for value in _line(row, column, cell)])
    return out.getvalue()


def script(key: str, value: Any) -> str:
    """A script that hands `value` to the page under `key`: a page opened from disk may load it.

    Nothing in it can end a script or a line, whatever a model said.
    """
    return f"(window.mowa ??= {{}})[{_literal(key)}] = {_literal(value)};\n"


def board_script(site: Site, lang: Language) -> str:
    """What the scripts know of models and tasks, in one language."""
    board = site.board
    columns = [
        {
            "slug": column.slug,
            "task": board.task_slug(column),
            "title": lang.text(column.task.title)[0] or column.task.name,
            "variant": variant(lang, column),
            "factor": column.metric.factor,
            "decimals": column.metric.decimals,
            "lower": column.metric.lower,
            "language": html_language(column.task.language),
            "items": column.slug in site.with_data,
        }
        for column in board.columns
    ]
    rows = [
        {
            "slug": row.slug,
            "name": " · ".join(
                part
                for part in (row.name, lang.say("word.template") if row.template else "", row.said)
                if part
            ),
            "asked": [column.slug for column, cell in board.of_row(row) if cell.comparable],
        }
        for row in site.order
    ]
    heads = {key: lang.say(f"head.{key}") for key in ("task", "score", "group")}
    words = {**lang.words["js"], **heads, "models": lang.words["count"]["models"]}
    return script(
        "board",
        {
            "lang": lang.code,
            "words": words,
            "groups": _group_names(board, lang),
            "rows": rows,
            "columns": columns,
        },
    )


def _group_names(board: Board, lang: Language) -> dict[str, str]:
    """What pages call the groups whose name is not their key."""
    found = {
        group.group: lang.group(cell.result.task.name, group.group)
        for cell in board.cells.values()
        for group in cell.result.groups
    }
    return {key: name for key, name in sorted(found.items()) if name != key}


def comparison(board: Board, row: Row) -> dict[str, Any]:
    """Scores of `row` and its differences to every other, by column, in the metric's unit."""
    index = board.rows.index(row)
    found: dict[str, Any] = {}
    for column, cell in board.of_row(row):
        if not cell.comparable or cell.clean is None:
            continue
        sign = -1 if column.metric.lower else 1
        line = board.differences[column.slug][index]
        found[column.slug] = {
            "score": _short(cell.clean.value),
            "to": {
                other.slug: _difference(one, sign)
                for other, one in zip(board.rows, line, strict=True)
                if one is not None
            },
        }
    return found


def data_files(site: Site, items: dict[str, Items], *, shown: int) -> Iterator[tuple[str, str]]:
    """Everything that scripts load: path and text of each file, one after the other."""
    for code in LANGUAGES:
        yield f"data/board.{code}.js", board_script(site, language(code))
    for row in site.board.rows:
        key = f"compare/{row.slug}"
        yield f"data/{key}.js", script(key, comparison(site.board, row))
    for column in site.board.columns:
        if column.slug not in site.with_data:
            continue
        for name, value in chunks(site.board, column, items[column.slug], shown=shown).items():
            key = f"items/{column.slug}/{name}"
            yield f"data/{key}.js", script(key, value)


def _literal(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in ("<", "\u2028", "\u2029", "\x7f"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _difference(one: Estimate, sign: int) -> list[float]:
    """Value, lower and upper end, p."""
    ends = sorted((sign * one.low, sign * one.high))
    return [_short(number) for number in (sign * one.value, *ends, one.p)]


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _average(board: Board, row: Row) -> dict[str, Any]:
    standing = board.standings[row.slug]
    one = standing.average
    return {
        "value": _short(one.value) if one else None,
        "low": _short(one.low) if one else None,
        "high": _short(one.high) if one else None,
        "rank": standing.rank,
        "missing": standing.missing,
        "without_hits": standing.contaminated,
    }


def _score(cell: Cell) -> dict[str, Any]:
    kept = {
        "status",
        "why",
        "items",
        "left_out",
        "score",
        "groups",
        "contamination",
        "when",
        "mowa",
    }
    return {
        **cell.result.model_dump(mode="json", include=kept),
        "too_few": cell.too_few,
        "rank": cell.rank,
    }


def _line(row: Row, column: Column, cell: Cell) -> list[Any]:
    result, score, clean = cell.result, cell.result.score, cell.clean
    task, settings, model = column.task, column.settings, row.model
    known = result.contamination
    best, worst = cell.rank or (None, None)
    return [
        model.name,
        model.fingerprint,
        row.template,
        model.parameters,
        model.licence,
        task.name,
        task.version,
        task.fingerprint,
        settings.shots,
        settings.seed,
        settings.limit,
        (settings.judge or {}).get("model"),
        task.metric,
        task.baseline,
        result.status,
        result.why,
        result.items,
        *(getattr(score, name, None) for name in ("value", "low", "high", "stderr", "method")),
        cell.too_few,
        known.hits if known else None,
        *(getattr(clean, name, None) for name in ("value", "low", "high")),
        best,
        worst,
    ]


def _harmless(value: Any) -> Any:
    """Text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
