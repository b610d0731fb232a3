"""What licences forbid is not made, unless somebody says so; a licence can be asked for."""

from dataclasses import replace

import pytest

from mowa.instructions import read_dialogues, write_dialogues
from mowa.instructions.making import (
    GenerateDialoguesConfig,
    JudgeConfig,
    JudgeDialoguesConfig,
    JudgeModelConfig,
    ModelConfig,
    PairDialoguesConfig,
    TranslateDialoguesConfig,
    _generate,
    _judge,
    _pair,
    _translate,
)
from mowa.instructions.making._passages import Passage
from mowa.instructions.making._passages import choose_passages as every_passage
from mowa.workspace import Inputs
from tests.inference.scripted_server import serving, turn
from tests.instructions.made_teachers import (
    artifact,
    context_in,
    good,
    make_corpus,
    question_of,
    rejects_in,
    talk,
)

TALKS = [
    replace(talk("free"), licence="CC0-1.0"),
    replace(talk("nd", "Kto to jest?", "To jest wójt."), licence="CC-BY-NC-ND-4.0"),
    replace(talk("nc", "A co to jest?", "To jest rzeka."), licence="CC-BY-NC-4.0"),
    replace(talk("unknown", "Gdzie to jest?", "We wsi."), licence=None),
]


def generate(folder, monkeypatch, **options):
    """Of twelve documents the odd ones forbid derivatives, and one has no licence."""

    def licensed(*arguments) -> list[Passage]:
        return [
            replace(
                one,
                licence=None
                if int(one.span.document, 16) == 2
                else {"CC-BY-4.0": "CC-BY-ND-4.0"}.get(one.licence, one.licence),
            )
            for one in every_passage(*arguments)
        ]

    monkeypatch.setattr(_generate, "choose_passages", licensed)
    corpus = artifact(make_corpus(folder / "corpus"), "corpus")
    with serving(good) as server:
        config = GenerateDialoguesConfig(
            model=ModelConfig(name="mowa-1", url=server.url),
            prompts=["topic"],
            passages=12,
            characters=[80, 400],
            **options,
        )
        metrics = _generate.run(config, Inputs((corpus,)), folder / "out", context_in(folder))
    return metrics, len(server.asked)


def test_nothing_is_written_about_documents_that_forbid_derivatives(tmp_path, monkeypatch):
    metrics, asked = generate(tmp_path, monkeypatch)
    assert metrics["reasons"] == {"licence forbids derivatives": 6}
    assert (metrics["dialogues"], asked) == (6, 6)
    rows = rejects_in(tmp_path / "out")
    assert {row["detail"] for row in rows} == {"CC-BY-ND-4.0"}
    assert all(":" in row["item"] for row in rows)


def test_they_are_taken_where_somebody_says_so_and_counted(tmp_path, monkeypatch):
    metrics, asked = generate(tmp_path, monkeypatch, no_derivatives="take", require_licence=True)
    assert metrics["reasons"] == {"no licence": 1}
    assert (metrics["dialogues"], asked) == (11, 11)
    assert metrics["counts"] == {"under a licence that forbids derivatives": 6}
    assert "that forbids derivatives" in (tmp_path / "out/report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "kept", "counts"),
    [
        ({}, {"free", "nc", "unknown"}, {"under a licence for non-commercial use": 1}),
        ({"require_licence": True}, {"free", "nc"}, {"under a licence for non-commercial use": 1}),
        (
            {"no_derivatives": "take"},
            {"free", "nd", "nc", "unknown"},
            {
                "under a licence for non-commercial use": 2,
                "under a licence that forbids derivatives": 1,
            },
        ),
    ],
)
def test_a_translation_is_a_derivative(options, kept, counts, tmp_path):
    write_dialogues(tmp_path / "in", TALKS)

    def script(path, body, number):
        text = question_of(body).rpartition("):\n")[2]
        return turn(f"{text.rstrip('?.')} więc{text[-1]}")

    with serving(script) as server:
        config = TranslateDialoguesConfig(
            model=ModelConfig(name="m", url=server.url), tries=1, **options
        )
        given = Inputs((artifact(tmp_path / "in", "dialogues"),))
        metrics = _translate.run(config, given, tmp_path / "out", context_in(tmp_path))
    assert {one.id.removesuffix("-pol") for one in read_dialogues(tmp_path / "out")} == kept
    assert metrics["counts"] == counts
    assert sum(metrics["reasons"].values()) == len(TALKS) - len(kept)


@pytest.mark.parametrize("step", [_judge, _pair])
def test_judges_and_pairs_can_ask_for_a_licence_too(step, tmp_path):
    write_dialogues(tmp_path / "in", TALKS)

    def script(path, body, number):
        return turn(f"Uzasadnienie: tak\nOcena: {number}")

    with serving(script) as server:
        model = ModelConfig(name="m", url=server.url)
        config = (
            JudgeDialoguesConfig(
                judges=[JudgeConfig(model=JudgeModelConfig(name="m", url=server.url))],
                least=0,
                tries=1,
                require_licence=True,
            )
            if step is _judge
            else PairDialoguesConfig(models=[model], with_given=True, require_licence=True)
        )
        given = Inputs((artifact(tmp_path / "in", "dialogues"),))
        metrics = step.run(config, given, tmp_path / "out", context_in(tmp_path))
    assert metrics["reasons"]["no licence"] == 1
    assert [
        row["item"] for row in rejects_in(tmp_path / "out") if row["reason"] == "no licence"
    ] == ["unknown"]
