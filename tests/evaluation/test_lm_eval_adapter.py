"""Tasks of lm-eval on engines that follow a script: what is asked, and what is written down."""

import json

import pytest

from mowa.errors import DataError, UsageError
from mowa.inference import Message, ScriptedEngine, Unsupported
from tests.evaluation.made_tasks import ABOUT, question, write_jsonl
from tests.peers import need, without_environment

Instance = need("lm_eval.api.instance").Instance
EngineLM = need("mowa.evaluation._lm_eval_adapter").EngineLM
LmEvalTasks = need("mowa.evaluation._lm_eval_tasks").LmEvalTasks
write_lm_eval = need("mowa.evaluation._lm_eval_tasks").write_lm_eval


class Noting(ScriptedEngine):
    """Keeps what it is asked."""

    def __init__(self, **options):
        super().__init__(**options)
        self.choices, self.texts = [], []

    def choice_loglikelihoods(self, requests):
        self.choices += requests
        return super().choice_loglikelihoods(requests)

    def generate_many(self, requests):
        self.texts += requests
        return super().generate_many(requests)


def instance(kind, *arguments, place=0):
    return Instance(kind, {}, arguments, place)


def model(**options):
    engine = Noting(**options)
    return EngineLM(engine, ABOUT), engine


def test_choices_of_one_item_are_asked_together_and_those_of_two_apart():
    lm, engine = model(score=lambda context, choice: -len(context + choice))
    pairs = [
        instance("loglikelihood", context, choice, place=place)
        for context, choices in [("", ("ala", "ola ma")), ("", ("a", "bb")), ("Ala", (" ma",))]
        for place, choice in enumerate(choices)
    ]
    found = lm.loglikelihood(pairs)
    assert [(one.context, one.choices) for one in engine.choices] == [
        ("", ("ala", "ola ma")),
        ("", ("a", "bb")),
        ("Ala", (" ma",)),
    ]
    assert found == [(-3, True), (-6, False), (-1, True), (-2, False), (-6, True)]


def test_the_order_in_which_an_engine_answers_does_not_matter():
    class Backwards(ScriptedEngine):
        def choice_loglikelihoods(self, requests):
            return reversed(list(super().choice_loglikelihoods(requests)))

    lm = EngineLM(Backwards(score=lambda context, _: -len(context)), ABOUT)
    asked = [instance("loglikelihood", "a" * length, "b") for length in (1, 2, 3)]
    assert [value for value, _ in lm.loglikelihood(asked)] == [-1, -2, -3]


def test_what_does_not_fit_is_counted():
    lm, _ = model(window=2)
    lm.loglikelihood([instance("loglikelihood", "a b c", " d")])
    lm.generate_until([instance("generate_until", "a b c", {}), instance("generate_until", "", {})])
    assert lm.cut == 2


def test_a_document_longer_than_the_window_is_read_on():
    lm, engine = model(window=3, score=lambda _context, _choice: -1.0)
    texts = ["a b", "a b c d e f g"]
    assert lm.loglikelihood_rolling([instance("", text) for text in texts]) == [-1.0, -7.0]
    assert [one.choices for one in engine.choices] == [("a b",)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (256, (), 0.0)),
        ({"until": "\n", "max_gen_toks": 7}, (7, ("\n",), 0.0)),
        ({"until": ["\n", "."], "max_new_tokens": 8}, (8, ("\n", "."), 0.0)),
        ({"do_sample": False, "temperature": 0.7, "top_p": 0.9}, (256, (), 0.0)),
        ({"do_sample": True, "temperature": 0.7}, (256, (), 0.7)),
        ({"temperature": 0.7, "top_p": 1.0, "num_beams": 1}, (256, (), 0.7)),
    ],
)
def test_how_a_task_wants_its_texts_is_what_is_asked(settings, expected):
    lm, engine = model(write="ala")
    assert lm.generate_until([instance("generate_until", "Kto?", settings)]) == ["ala"]
    (asked,) = engine.texts
    assert (asked.max_new_tokens, asked.stop, asked.temperature) == expected


@pytest.mark.parametrize(
    "settings",
    [{"temperature": 1.0, "do_sample": True, "top_p": 0.9}, {"num_beams": 4}],
)
def test_texts_drawn_as_no_engine_draws_are_refused(settings):
    lm, _ = model()
    with pytest.raises(UsageError, match=r"top_p = 0\.9|num_beams = 4"):
        lm.generate_until([instance("generate_until", "Kto?", settings)])


def test_repeats_of_one_prompt_are_drawn_with_seeds_of_their_own():
    lm, engine = model()
    settings = {"do_sample": True, "temperature": 1.0}
    lm.generate_until([instance("generate_until", text, settings) for text in "aba"])
    assert [one.seed for one in engine.texts] == [0, 0, 1]


def test_a_turn_that_is_begun_is_gone_on_with():
    lm, _ = model()
    turns = [{"role": "user", "content": "Kto?"}, {"role": "assistant", "content": "To"}]
    assert lm.apply_chat_template(turns[:1]) == "<user> Kto?\n<assistant> "
    begun = lm.apply_chat_template(turns, add_generation_prompt=False)
    assert begun == "<user> Kto?\n<assistant> To"


def test_a_conversation_stays_one_to_the_engine_that_made_it():
    class Kind(str):
        __slots__ = ()

    class Templated(Noting):
        def apply_template(self, messages):
            return Kind(super().apply_template(messages))

    engine = Templated()
    lm = EngineLM(engine, ABOUT)
    text = str(lm.apply_chat_template([{"role": "user", "content": "Kto?"}]))
    lm.loglikelihood([instance("loglikelihood", text, "a"), instance("loglikelihood", "", "a")])
    lm.generate_until([instance("generate_until", text, {})])
    assert [type(one.context) for one in engine.choices] == [Kind, str]
    assert type(engine.texts[0].prompt) is Kind


def test_an_endpoint_gets_the_turns_themselves_and_gives_no_likelihoods_of_them():
    class Endpoint(Noting):
        def apply_template(self, _messages):
            raise Unsupported("an endpoint does not show its chat template")

        def generate_many(self, requests):
            self.texts += requests
            return iter([])

    engine = Endpoint()
    lm = EngineLM(engine, ABOUT)
    turns = [{"role": "user", "content": "Kto?"}, {"role": "assistant", "content": "To"}]
    text = lm.apply_chat_template(turns[:1])
    lm.generate_until([instance("generate_until", text, {})])
    assert engine.texts[0].prompt == (Message("user", "Kto?"),)
    with pytest.raises(Unsupported):
        lm.loglikelihood([instance("loglikelihood", text, "a")])
    with pytest.raises(Unsupported):
        lm.apply_chat_template(turns, add_generation_prompt=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A task of lm-eval with local data."""
    without_environment(monkeypatch)
    write_jsonl(tmp_path / "test.jsonl", [question(number) for number in range(8)])
    write_jsonl(tmp_path / "train.jsonl", [question(number) for number in range(20, 26)])
    files = {split: str(tmp_path / f"{split}.jsonl") for split in ("test", "train")}
    task = {
        "task": "rzeki",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files, "cache_dir": str(tmp_path / "cache")},
        "test_split": "test",
        "fewshot_split": "train",
        "num_fewshot": 1,
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{answer}}",
        "metric_list": [{"metric": "acc"}],
    }
    (tmp_path / "rzeki.yaml").write_text(json.dumps(task), "utf-8")  # JSON is YAML
    return tmp_path


def test_a_task_is_run_with_its_own_shots_or_others_and_written_as_lm_eval_does(folder):
    def know(context, choice):
        number = int(context.rsplit("numer ", 1)[1].rstrip("?"))
        return -float(choice != " " + question(number)["choices"][number % 4])

    lm, engine = model(score=know)
    tasks = LmEvalTasks(["rzeki"], include=folder)
    found = tasks.ask(lm)
    assert found["results"]["rzeki"]["acc,none"] == 1.0
    assert {one.context.count("Co ma numer") for one in engine.choices} == {2}
    more = tasks.ask(lm, shots=0, limit=3)
    assert more["n-shot"]["rzeki"] == 0
    assert more["n-samples"]["rzeki"]["effective"] == 3
    path = write_lm_eval(more, folder / "out", "quickstart/base")
    assert path.parent == folder / "out/quickstart__base"
    kept = json.loads(path.read_text("utf-8"))
    assert kept["results"]["rzeki"]["acc,none"] == 1.0
    assert kept["config"]["model_sha"] == ABOUT.fingerprint
    assert kept["config"]["cut"] == 0
    (samples,) = path.parent.glob("samples_rzeki_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    assert [line["arguments"]["gen_args_1"]["arg_1"] for line in lines] == [" Odra"] * 3


def test_a_task_that_lm_eval_does_not_know_is_refused_with_those_that_it_may_be(
    folder, monkeypatch
):
    tasks = need("mowa.evaluation._lm_eval_tasks")
    manager = tasks.TaskManager  # lm-eval's own tasks, which take seconds to find, left out
    monkeypatch.setattr(
        tasks, "TaskManager", lambda **options: manager(**options | {"include_defaults": False})
    )
    with pytest.raises(UsageError, match="rzekki") as refused:
        LmEvalTasks(["rzekki"], include=folder)
    assert "rzeki" in refused.value.fix
    with pytest.raises(UsageError, match="no such folder"):
        LmEvalTasks(["rzeki"], include=folder / "nowhere")


def test_data_that_is_not_there_is_one_message(folder):
    (folder / "test.jsonl").unlink()
    with pytest.raises(DataError, match="lm-eval failed"):
        LmEvalTasks(["rzeki"], include=folder).ask(model()[0])


def test_what_the_engine_cannot_do_is_said_by_the_engine(folder):
    lm, _ = model(can=frozenset({"generate"}))
    with pytest.raises(Unsupported):
        LmEvalTasks(["rzeki"], include=folder).ask(lm)
