"""The table of `mowa eval` on a terminal: it goes on, and is left as it was at the end."""

import io
import re
from types import SimpleNamespace

from rich.console import Console

from mowa.cli._eval_table import ScoreTable

SCORE = {"value": 0.75, "low": 0.7, "high": 0.8, "too_few": False}
RESULT = {"score": SCORE, "items": 40, "left_out": {}, "counts": {}, "why": None}
REFUSED = {**RESULT, "score": None, "why": "no likelihoods"}


def column(name, shots=0):
    return SimpleNamespace(task=SimpleNamespace(name=name), settings=SimpleNamespace(shots=shots))


def drawn(*columns, terminal=True):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, no_color=True)
    with ScoreTable(list(columns), console) as table:
        table.model("mój [model]")
        table.progress(0, 3, 40)
        table.result(0, RESULT)
        table.result(1, REFUSED)
        table.failed(2)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())


def test_a_terminal_shows_scores_refusals_and_failures():
    text = drawn(column("gramatyka"), column("świat", 5), column("c"))
    last = text.rsplit("gramatyka", 1)[1]
    for part in ("świat (5)", "mój [model]", "0.750 0.700–0.800", "not comparable", "failed"):
        assert part in last


def test_many_tasks_stand_in_rows():
    text = drawn(*(column(f"zadanie-{number}") for number in range(6)))
    assert text.rsplit("task", 1)[1].count("zadanie-") == 6


def test_elsewhere_each_result_is_a_line():
    lines = drawn(column("a"), column("b"), column("c"), terminal=False).splitlines()
    assert lines == [
        "mój [model] · a · 0 shots: 0.750 (0.700–0.800; 40 items)",
        "mój [model] · b · 0 shots: not comparable: no likelihoods",
        "mój [model] · c · 0 shots: failed",
    ]
