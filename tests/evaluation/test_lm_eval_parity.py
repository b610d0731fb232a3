"""The same data, model, prompts and shots: our scores are lm-eval's, and so are those of its tasks
on our engine. Three families of models, made on the spot, that know some answers and not others."""

import pytest

from mowa.evaluation._answers import read_answers
from mowa.evaluation._evaluate import evaluate, prepare
from mowa.evaluation._lm_eval import as_lm_eval
from mowa.evaluation._results import Settings
from mowa.inference import TorchEngine
from tests.evaluation.made_tasks import ABOUT
from tests.evaluation.sums import FAMILIES, tasks, train, write_their_tasks
from tests.peers import need, without_environment

simple_evaluate = need("lm_eval.evaluator").simple_evaluate
TaskManager = need("lm_eval.tasks").TaskManager
HFLM = need("lm_eval.models.huggingface").HFLM
EngineLM = need("mowa.evaluation._lm_eval_adapter").EngineLM

pytestmark = pytest.mark.slow

METRICS = {
    "multiple_choice": ("acc", "acc_norm", "acc_bytes"),
    "generate_until": ("exact_match",),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
}


@pytest.fixture(scope="module", params=list(FAMILIES))
def model(request, tmp_path_factory):
    return train(request.param, tmp_path_factory.mktemp(request.param) / "model")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    without_environment(monkeypatch)


@pytest.fixture(scope="module")
def engine(model):
    return TorchEngine.load(model, device="cpu")


def ours(engine, kind, shots, folder):
    """Our scores by lm-eval's names, our answers in the order of the items, and the shots."""
    prepared = prepare(tasks(folder / "ours")[kind], Settings(shots=shots))
    kept, result = evaluate(engine, ABOUT, prepared, folder / "results")
    (scores,) = as_lm_eval([result])["results"].values()
    return scores, list(read_answers(kept)), prepared.shots


def asked_by_lm_eval(lm, kind, shots, folder):
    """Scores, and what came back for each item, in the order of the items."""
    found = simple_evaluate(
        lm,
        tasks=[f"sums_{kind}"],
        num_fewshot=shots,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
    )
    samples = sorted(found["samples"][f"sums_{kind}"], key=lambda sample: sample["doc_id"])
    answers = [
        [one[0] if isinstance(one, (tuple, list)) else one for (one,) in sample["resps"]]
        for sample in samples
    ]
    contexts = [sample["arguments"][0][0] for sample in samples]
    return found["results"][f"sums_{kind}"], answers, contexts


def both(engine, model, kind, shots, folder):
    """Ours, and lm-eval's with its own model and with our engine."""
    scores, answers, drawn = ours(engine, kind, shots, folder)
    theirs = write_their_tasks(folder / "theirs", drawn)
    # Before whole documents lm-eval puts BOS itself; with `add_bos_token` there would be two.
    hf = HFLM(
        pretrained=str(model), device="cpu", dtype="float32", batch_size=8,
        add_bos_token=kind != "loglikelihood_rolling",
    )  # fmt: skip
    peers = [asked_by_lm_eval(lm, kind, shots, theirs) for lm in (hf, EngineLM(engine, ABOUT))]
    for their_scores, _, _ in peers:
        for metric in METRICS[kind]:
            equal = pytest.approx(their_scores[f"{metric},none"], rel=1e-5)
            assert scores[f"{metric},none"] == equal, metric
    return scores, answers, peers


@pytest.mark.parametrize("shots", [0, 5])
def test_multiple_choice_is_scored_as_by_lm_eval(engine, model, shots, tmp_path):
    scores, answers, peers = both(engine, model, "multiple_choice", shots, tmp_path)
    for _, theirs, contexts in peers:
        assert [answer.prompt for answer in answers] == contexts
        for answer, logprobs in zip(answers, theirs, strict=True):
            assert answer.logprobs == pytest.approx(logprobs, abs=1e-4)
    assert 0 < scores["acc,none"] < 1
    assert not any(answer.cut for answer in answers)


@pytest.mark.parametrize("shots", [0, 5])
def test_what_is_written_is_what_lm_eval_gets(engine, model, shots, tmp_path):
    scores, answers, peers = both(engine, model, "generate_until", shots, tmp_path)
    for _, theirs, _ in peers:
        assert [[answer.output] for answer in answers] == theirs
    assert 0 < scores["exact_match,none"] < 1


def test_perplexity_is_that_of_lm_eval_also_beyond_the_window(engine, model, tmp_path):
    _, answers, peers = both(engine, model, "loglikelihood_rolling", 0, tmp_path)
    assert max(answer.tokens[0] for answer in answers) > 2 * engine.window
    for _, theirs, _ in peers:
        for answer, logprobs in zip(answers, theirs, strict=True):
            assert answer.logprobs == pytest.approx(logprobs, rel=1e-5, abs=1e-4)
