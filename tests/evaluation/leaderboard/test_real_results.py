"""The leaderboard over what the evaluation itself writes, not over made-up folders."""

from dataclasses import replace

import pytest

from mowa.evaluation._compare import compare
from mowa.evaluation._evaluate import evaluate, prepare
from mowa.evaluation._results import Settings
from mowa.evaluation.leaderboard import build
from mowa.evaluation.leaderboard._board import lay_out
from mowa.evaluation.leaderboard._items import read_items
from mowa.evaluation.leaderboard._judge import judge
from mowa.evaluation.leaderboard._read import read
from mowa.inference import ScriptedEngine
from tests.evaluation.leaderboard.html_page import HtmlPage
from tests.evaluation.made_tasks import ABOUT, CHOICE, HEAD, make_task, question

BITS = HEAD + '\nkind = "perplexity"\nmetric = "bits-per-byte"\n[data]\ntest = "test.jsonl"\n'
F1 = CHOICE.replace('metric = "accuracy"', 'metric = "f1"')


def scorer(skill):
    """Finds the right choice likeliest in `skill` of ten questions; bits fall with skill."""

    def score(context, choice):
        if not context:
            return -(1.2 - skill / 20) * len(choice) * (1 + len(choice) % 3 / 10)
        number = int(context.rsplit("numer ", 1)[1].split("?")[0])
        right = choice.strip() == ("tak" if number % 3 else "nie")
        return -1.0 if right == (number % 10 < skill) else -2.0

    return score


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of two models' results by task."""
    home = tmp_path_factory.mktemp("real")
    yes_no = [question(n, choices=["nie", "tak"], answer=int(n % 3 > 0)) for n in range(120)]
    texts = [{"id": f"t{n}", "text": "Ala ma kota i psa. " * (1 + n % 9)} for n in range(50)]
    tasks = {
        "choice": make_task(home / "choice", test=yes_no),
        "f1": make_task(home / "f1", F1, test=yes_no),
        "bits": make_task(home / "bits", BITS, test=texts),
    }
    found = {}
    for name, skill in {"weak": 6, "strong": 9}.items():
        about = replace(ABOUT, name=name, fingerprint=name * 8)
        for task_name, task in tasks.items():
            engine = ScriptedEngine(name, score=scorer(skill))
            prepared = prepare(task, Settings())
            folder, _ = evaluate(engine, about, prepared, home / "out")
            found[name, task_name] = folder
    return found


@pytest.mark.parametrize("task", ["choice", "f1", "bits"])
def test_differences_are_those_of_a_comparison_of_two_results(folders, task):
    board = lay_out(read([folders["strong", task], folders["weak", task]]))
    (column,) = board.columns
    judge(board, {column.slug: read_items(board, column)})
    assert [row.name for row in board.rows] == ["strong", "weak"]
    ours = board.differences[column.slug][0][1]
    theirs = compare(folders["strong", task], folders["weak", task]).difference
    sign = -1 if task == "bits" else 1
    assert ours.value * sign == pytest.approx(theirs.mean, abs=1e-9)
    low, high = sorted((ours.low * sign, ours.high * sign))
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert ours.p < 0.01
    assert theirs.p < 0.01


def test_the_site_of_real_results_shows_scores_measures_and_answers(folders, tmp_path):
    built = build(sorted(folders.values()), tmp_path / "site")
    assert (built.models, built.tasks, built.scores) == (2, 3, 6)
    text = HtmlPage(tmp_path / "site" / "tasks" / "bits.html").text
    assert "perpleksja na słowo" in text
    assert "Im mniej, tym lepiej" in text
    items = (tmp_path / "site" / "data" / "items" / "choice-0" / "prompts-0.js").read_text("utf-8")
    assert "Co ma numer 1?" in items
