"""Filling the board with what may be claimed: paired differences, ranks, averages."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mowa.evaluation._intervals import rescaled
from mowa.evaluation.leaderboard._board import Board, Cell, Column, Row, Standing
from mowa.evaluation.leaderboard._draws import between, draw
from mowa.evaluation.leaderboard._items import Items
from mowa.evaluation.leaderboard._statistics import (
    Estimate,
    Matrix,
    mean,
    pairwise,
    rank_ranges,
)

_AGREE = 1e-3
"""A score that is not the mean of its items' values (an F1) differs from it by more than this."""


def judge(board: Board, items: dict[str, Items]) -> None:
    """Set differences, ranks, averages and standings of `board`.

    A score counts without the items that were found in a corpus, and only where enough are left.
    The average is over the columns in which higher is better and at least half of the models have a
    score that counts; a model that lacks one of them has no average.
    """
    for column in board.columns:
        found = _differences(board, column, items[column.slug])
        board.differences[column.slug] = found
        _rank_column(board, column, found)
    board.averaged = [column for column in board.columns if _is_averaged(board, column)]
    for row in board.rows:
        board.standings[row.slug] = _standing(board, row)
    _rank_rows(board)


def _differences(board: Board, column: Column, items: Items) -> list[list[Estimate | None]]:
    """Of each row minus each other, in the metric's unit; larger is better, whatever the metric."""
    cells = [board.cell(row, column) for row in board.rows]
    counted = [cell if cell is not None and cell.counts else None for cell in cells]
    values = np.array(
        [
            items.clean_values(row.slug) if cell else np.full(len(items.ids), np.nan)
            for row, cell in zip(board.rows, counted, strict=True)
        ],
        dtype=np.float64,
    ).reshape(len(counted), len(items.ids))
    paired = pairwise(values)
    is_mean = [_is_mean(cell, row) for cell, row in zip(counted, values, strict=True)]
    drawn = [
        draw(cell) if cell is not None and not mean_of_items else None
        for cell, mean_of_items in zip(counted, is_mean, strict=True)
    ]
    sign = -1.0 if column.metric.lower else 1.0
    found: list[list[Estimate | None]] = []
    for i, a in enumerate(counted):
        line: list[Estimate | None] = []
        for j, b in enumerate(counted):
            if i == j or a is None or b is None:
                line.append(None)
            elif is_mean[i] and is_mean[j]:
                line.append(_turned(paired[i][j], sign))
            else:
                line.append(_turned(between(drawn[i], drawn[j]) or _unpaired(a, b), sign))
        found.append(line)
    return found


def _is_mean(cell: Cell | None, values: Matrix) -> bool:
    if cell is None or cell.clean is None or np.isnan(values).all():
        return False
    return abs(float(np.nanmean(values)) - cell.clean.value) <= _AGREE


def _unpaired(a: Cell, b: Cell) -> Estimate | None:
    """As if the items were not the same: as a rule a wider interval than the paired one."""
    if a.clean is None or b.clean is None or a.clean.stderr is None or b.clean.stderr is None:
        return None
    return Estimate(a.clean.value - b.clean.value, math.hypot(a.clean.stderr, b.clean.stderr))


def _turned(one: Estimate | None, sign: float) -> Estimate | None:
    return one if one is None or sign > 0 else Estimate(-one.value, one.stderr, one.p)


def _rank_column(
    board: Board, column: Column, differences: Sequence[Sequence[Estimate | None]]
) -> None:
    counted = [
        (index, cell)
        for index, row in enumerate(board.rows)
        if (cell := board.cell(row, column)) is not None and cell.counts
    ]
    within = [[differences[i][j] for j, _ in counted] for i, _ in counted]
    for (_, cell), rank in zip(counted, rank_ranges(within), strict=True):
        cell.rank = rank


def _is_averaged(board: Board, column: Column) -> bool:
    if column.metric.lower:
        return False
    counted = sum(1 for _, cell in board.of_column(column) if cell.counts)
    return 2 * counted >= len(board.rows) and counted > 0


def _standing(board: Board, row: Row) -> Standing:
    parts: list[Estimate] = []
    contaminated = False
    for column in board.averaged:
        cell = board.cell(row, column)
        if cell is None or not cell.counts or cell.clean is None:
            continue
        contaminated = contaminated or cell.contaminated
        base = column.base or 0.0
        stderr = cell.clean.stderr or 0.0
        parts.append(Estimate(rescaled(cell.clean.value, base), stderr / (1 - base)))
    missing = len(board.averaged) - len(parts)
    whole = mean(parts) if parts and not missing else None
    return Standing(whole, missing, contaminated)


def _rank_rows(board: Board) -> None:
    whole = [
        index
        for index, row in enumerate(board.rows)
        if board.standings[row.slug].average is not None
    ]
    between: list[list[Estimate | None]] = [
        [None if i == j else _between(board, i, j) for j in whole] for i in whole
    ]
    for index, rank in zip(whole, rank_ranges(between), strict=True):
        board.standings[board.rows[index].slug].rank = rank


def _between(board: Board, i: int, j: int) -> Estimate | None:
    """Difference of two averages: the mean of the paired differences of the tasks."""
    parts = []
    for column in board.averaged:
        one = board.differences[column.slug][i][j]
        if one is None:
            return None
        parts.append(one.over(1 - (column.base or 0.0)))
    return mean(parts)
