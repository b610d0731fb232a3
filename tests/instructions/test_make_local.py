"""A real model on this machine is asked as an endpoint is; what it babbles is kept as rejects."""

import json

import pytest

from mowa.instructions import read_dialogues, write_dialogues
from mowa.instructions.making import (
    GenerateDialoguesConfig,
    ModelConfig,
    PairDialoguesConfig,
    _generate,
    _pair,
)
from mowa.workspace import Inputs
from tests.inference.families import family, tokenizer
from tests.instructions.made_teachers import (
    artifact,
    context_in,
    make_corpus,
    rejects_in,
    talk,
)

OWN = """
name = "own"
makes = "dialogues"
labels = ["A"]
text = "{text}{form}"
form = "A:"
[turns]
user = ["{text}"]
assistant = "{A}"
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    family("llama").save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    return artifact(folder, "model", "r/tiny")


def test_a_tiny_model_is_asked_through_its_engine_and_every_answer_is_accounted_for(
    model, tmp_path
):
    corpus = artifact(make_corpus(tmp_path / "corpus"), "corpus", "r/corpus")
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    config = GenerateDialoguesConfig(
        prompts=["own.toml"],
        passages=5,
        characters=[20, 100],
        model=ModelConfig(name="tiny", max_new_tokens=8, temperature=1.0),
    )
    context = context_in(tmp_path)
    metrics = _generate.run(config, Inputs((corpus, model)), tmp_path / "one", context)
    assert metrics["items"] == 5
    assert metrics["dialogues"] + metrics["rejected"] == metrics["parts"] == 5
    usage = metrics["models"]["r/tiny"]
    assert usage["answers"] == 5
    assert usage["tokens"] > 0
    assert usage["cost"] is None
    texts = [row["text"] for row in rejects_in(tmp_path / "one")]
    journal = (tmp_path / "answers.answers.jsonl").read_text("utf-8").splitlines()
    assert sorted(texts) == sorted(json.loads(line).get("text", "") for line in journal)
    again = _generate.run(config, Inputs((corpus, model)), tmp_path / "two", context)
    assert again == metrics
    assert len((tmp_path / "answers.answers.jsonl").read_text("utf-8").splitlines()) == 5


def test_energy_is_told_where_counters_measure_it_and_only_there(model, tmp_path, monkeypatch):
    from mowa.execution import _energy

    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0\n")
    counter = iter(range(0, 10**12, 3_600_000))
    limit = 262143328850

    def microjoules(_, name):
        return next(counter) if name == "energy_uj" else limit

    monkeypatch.setattr(_energy, "_microjoules", microjoules)
    monkeypatch.setattr(_energy.EnergyMeter.__init__, "__kwdefaults__", {
        **_energy.EnergyMeter.__init__.__kwdefaults__, "powercap": tmp_path / "powercap",
    })  # fmt: skip
    write_dialogues(tmp_path / "in", [talk("1"), talk("2", "Kto to?", "Wójt.")])
    config = PairDialoguesConfig(
        models=[ModelConfig(name="tiny", max_new_tokens=4)], with_given=True
    )
    given = artifact(tmp_path / "in", "dialogues")
    metrics = _pair.run(config, Inputs((given, model)), tmp_path / "out", context_in(tmp_path))
    assert metrics["models"]["r/tiny"]["kwh"] >= 2e-6
    monkeypatch.setattr(_energy.EnergyMeter.__init__, "__kwdefaults__", {
        **_energy.EnergyMeter.__init__.__kwdefaults__, "powercap": tmp_path / "nowhere",
    })  # fmt: skip
    other = _pair.run(
        config, Inputs((given, model)), tmp_path / "out2", context_in(tmp_path, "other.json")
    )
    assert other["models"]["r/tiny"]["kwh"] is None
    assert other["dialogues"] == len(list(read_dialogues(tmp_path / "out2")))
