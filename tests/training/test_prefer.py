"""Preferences: the objectives' formulas, the stored reference, and how a run goes on."""

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_dialogues import config_of, inputs_in, make_dialogues, prefer, some_dialogues
from tiny_training import (
    Lines,
    losses,
    updates,
    weights,
)
from transformers import AutoModelForCausalLM

from mowa.inference import Message
from mowa.instructions import Dialogue, write_dialogues
from mowa.training import PreferConfig, _preferring
from mowa.training._conversing import preferring, prepare
from mowa.training._distribution import Ranks
from mowa.training._forward import Forward, stack
from mowa.training._optimizer import Optimizers
from mowa.training._preferring import OBJECTIVES, LogProbabilities, Strength

DYING = Path(__file__).with_name("tiny_dialogues.py")
GOLDEN = Path(__file__).with_name("trl_golden.json")
CPU = torch.device("cpu")

LOGPS = st.floats(-60, 0)
FOUR = st.tuples(LOGPS, LOGPS, LOGPS, LOGPS)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_dialogues(tmp_path_factory.mktemp("preferences"))


@pytest.fixture(scope="module")
def tuned(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned") / "out"
    return out, prefer(world, out, eval_every=4)


def task_of(world, out, **changes):
    config = config_of(PreferConfig, **({"held_out": 0.2} | changes))
    prepare(config, inputs_in(world, "preferences"), out)
    return preferring(config, inputs_in(world, "preferences"), out, Lines())


def given_of(four):
    return LogProbabilities(*(torch.tensor([x], dtype=torch.float64) for x in four))


def minus_ln_sigmoid(x):
    return math.log1p(math.exp(-x)) if x > 0 else -x + math.log1p(math.exp(x))


@given(FOUR, st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0, 60))
def test_each_objective_is_the_formula_of_its_publication(four, beta, other, penalty):
    chosen, rejected, reference_chosen, reference_rejected = four
    up, down = chosen - reference_chosen, rejected - reference_rejected
    lost = max(0.0, reference_chosen - chosen)
    strength = Strength(beta, other, penalty)
    expected = {
        "dpo": (beta * (up - down), 0.0),
        "dpop": (beta * (up - down), beta * penalty * lost),
        "dpop-two-beta": (beta * up - other * down, penalty * lost),
    }
    assert expected.keys() == OBJECTIVES.keys()
    for name, (margin, cost) in expected.items():
        loss, found = OBJECTIVES[name](given_of(four), strength)
        assert float(found) == pytest.approx(margin, abs=1e-9)
        assert float(loss) == pytest.approx(minus_ln_sigmoid(margin - cost), abs=1e-9)


@given(FOUR, st.floats(0.05, 1), st.floats(0, 50))
def test_with_one_beta_the_two_forms_of_dpop_differ_in_what_lambda_is(four, beta, penalty):
    inside, _ = OBJECTIVES["dpop"](given_of(four), Strength(beta, beta, penalty))
    outside, _ = OBJECTIVES["dpop-two-beta"](given_of(four), Strength(beta, beta, beta * penalty))
    assert float(inside) == pytest.approx(float(outside), abs=1e-9)
    without, _ = OBJECTIVES["dpop"](given_of(four), Strength(beta, beta, 0.0))
    assert float(without) == float(OBJECTIVES["dpo"](given_of(four), Strength(beta, beta, 0.0))[0])


def logps_alone(model, pairs, unit):
    """Of the two answers, from whole logits, each conversation alone."""
    for tokens, learnt in pairs.segments(unit):
        ids = torch.from_numpy(np.array(tokens, np.int64))[None]
        scores = torch.log_softmax(model(input_ids=ids[:, :-1]).logits[0].double(), dim=-1)
        found = scores.gather(1, ids[0, 1:, None])[:, 0]
        yield found[torch.from_numpy(np.array(learnt[1:]))].sum()


def begun(world, out, **changes):
    """An objective whose reference is known, and a model that is another one by now."""
    task = task_of(world, out, **changes)
    reference = AutoModelForCausalLM.from_pretrained(world / "model")
    forward = Forward(reference, device=CPU, precision="fp32", sequence_length=64)
    task.objective.begin(forward, Ranks(), micro=2, out=out, progress=Lines())
    policy = AutoModelForCausalLM.from_pretrained(world / "model")
    with torch.no_grad():
        for number, parameter in enumerate(policy.parameters()):
            draw = torch.Generator().manual_seed(number)
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=draw))
    return task.objective, reference, policy


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_loss_figures_and_gradients_are_those_of_whole_logits_of_answers_alone(
    world, tmp_path, name
):
    objective, reference, policy = begun(world, tmp_path, objective=name)
    rows = stack([objective.plan.read(objective.train, block) for block in (0, 1)], CPU)
    units = [unit for block in (0, 1) for unit in objective.plan.units_of(block)]
    forward = Forward(policy, device=CPU, precision="fp32", sequence_length=64)
    found = objective.loss(forward, rows)
    found[0].backward()
    gradients = {each: parameter.grad.clone() for each, parameter in policy.named_parameters()}
    policy.zero_grad()
    sums = torch.zeros(5, dtype=torch.float64)
    for unit in units:
        now = list(logps_alone(policy, objective.train, unit))
        with torch.no_grad():
            before = list(logps_alone(reference, objective.train, unit))
        loss, margin = objective.function(LogProbabilities(*now, *before), objective.strength)
        sums = sums + torch.stack([loss, margin, (margin > 0).double(), *now])
    sums[0].backward()
    torch.testing.assert_close(found.double(), sums, atol=1e-4, rtol=1e-5)
    for each, parameter in policy.named_parameters():
        torch.testing.assert_close(gradients[each], parameter.grad, atol=1e-4, rtol=1e-3, msg=each)


def test_loss_and_gradients_are_trls():
    """Recorded by make_trl_golden.py: the same model, the same pairs, through its DPOTrainer."""
    from make_trl_golden import assert_alike, rows_of_ours

    for case in json.loads(GOLDEN.read_text())["dpo"]:
        assert_alike(rows_of_ours(case["beta"]), case)


def test_the_first_loss_of_dpo_is_ln_2_and_it_learns(tuned):
    out, metrics = tuned
    lines = updates(out)
    assert lines[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert metrics["held_out_loss_before"] == pytest.approx(math.log(2), abs=1e-6)
    assert lines[0]["margin"] == pytest.approx(0, abs=1e-5)
    assert metrics["held_out_loss_after"] < math.log(2)
    assert lines[-1]["accuracy"] > 0.8
    assert lines[-1]["margin"] > 0
    assert {"chosen_logps", "rejected_logps", "pairs"} <= set(lines[-1])
    assert "Margin between chosen and rejected" in (out / "report.html").read_text("utf-8")


def test_a_chosen_answer_that_loses_costs_more_under_dpop(world, tuned, tmp_path):
    prefer(world, tmp_path, objective="dpop", penalty=50.0, beta=0.1)
    before, after = (updates(tmp_path)[n]["chosen_logps"] for n in (0, -1))
    plain = updates(tuned[0])[-1]["chosen_logps"] - updates(tuned[0])[0]["chosen_logps"]
    assert after - before > plain


def test_the_reference_is_kept_with_every_pair_and_is_the_model_that_was_read(
    world, tuned, tmp_path
):
    kept = pl.read_parquet(tuned[0] / "reference.parquet")
    assert kept.height == tuned[1]["trained_on"] + tuned[1]["held_out"]
    assert kept["held_out"].sum() == tuned[1]["held_out"] > 0
    assert not (tuned[0] / "reference").exists()
    train = task_of(world, tmp_path).objective.train
    model = AutoModelForCausalLM.from_pretrained(world / "model")
    by_id = {row["id"]: row for row in kept.iter_rows(named=True)}
    with torch.no_grad():
        for unit in range(len(train)):
            chosen, rejected = logps_alone(model, train, unit)
            row = by_id[train.ids[unit]]
            assert row["chosen"] == pytest.approx(float(chosen), abs=1e-3)
            assert row["rejected"] == pytest.approx(float(rejected), abs=1e-3)
            assert not row["held_out"]


def test_the_reference_is_computed_once_and_gone_on_with_after_a_stop(
    world, tuned, tmp_path, monkeypatch
):
    monkeypatch.setattr(_preferring, "_ROWS", 1)
    real, parts = _preferring._scores, []

    def counting(*arguments):
        if len(parts) == 3:
            parts.append("stopped")
            raise KeyboardInterrupt
        parts.append(arguments[3])
        return real(*arguments)

    monkeypatch.setattr(_preferring, "_scores", counting)
    with pytest.raises(KeyboardInterrupt):
        prefer(world, tmp_path)
    step = Optimizers.step
    calls = iter(range(100))

    def stopping(self):
        if next(calls) == 3:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Optimizers, "step", stopping)
    with pytest.raises(KeyboardInterrupt):
        prefer(world, tmp_path, checkpoint_every_steps=1)
    monkeypatch.setattr(Optimizers, "step", step)
    all_parts = len(parts)
    prefer(world, tmp_path)
    assert len(parts) == all_parts
    assert parts[:4] == [0, 1, 2, "stopped"]
    assert parts[4] == 3
    assert losses(tmp_path) == pytest.approx(losses(tuned[0]), abs=1e-5)


def test_a_run_stopped_after_a_checkpoint_goes_on_to_the_same_bytes(
    world, tuned, tmp_path, monkeypatch
):
    step = Optimizers.step
    calls = iter(range(100))

    def stopping(self):
        if next(calls) == 5:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Optimizers, "step", stopping)
    with pytest.raises(KeyboardInterrupt):
        prefer(world, tmp_path, checkpoint_every_steps=1)
    monkeypatch.setattr(Optimizers, "step", step)
    prefer(world, tmp_path)
    assert weights(tmp_path) == weights(tuned[0])


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "count"), [("reference", 1), ("reference", 2), ("update", 5)])
def test_a_killed_run_goes_on_to_the_same_bytes(world, tuned, tmp_path, moment, count):
    changes = {"checkpoint_every_steps": 3}
    command = [sys.executable, DYING, "prefer", world, tmp_path, moment, str(count)]
    died = subprocess.run(
        [*command, json.dumps(changes)], check=False, capture_output=True, text=True
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    prefer(world, tmp_path, **changes)
    assert weights(tmp_path) == weights(tuned[0])


def test_the_result_does_not_depend_on_the_micro_batch(world, tuned, tmp_path):
    prefer(world, tmp_path, micro_batch_size=3)
    assert losses(tmp_path) == pytest.approx(losses(tuned[0]), abs=1e-5)


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_number_of_processes(world, tuned, tmp_path):
    prefer(world, tmp_path, processes=2)
    assert losses(tmp_path) == pytest.approx(losses(tuned[0]), abs=1e-5)
    one, two = updates(tuned[0])[-1], updates(tmp_path)[-1]
    for name in ("margin", "accuracy", "chosen_logps", "held_out_loss"):
        assert two[name] == pytest.approx(one[name], abs=1e-3), name


def test_both_answers_of_a_pair_stand_side_by_side_and_only_they_are_learnt(world, tmp_path):
    objective = task_of(world, tmp_path).objective
    for block in range(objective.plan.blocks_per_epoch):
        row = objective.plan.read(objective.train, block)
        units = objective.plan.units_of(block)
        assert row.segments.max() + 1 == 2 * len(units)
        for number, unit in enumerate(units):
            for side, (tokens, learnt) in enumerate(objective.train.segments(unit)):
                mine = row.segments == 2 * number + side
                assert row.input_ids[mine].tolist() == tokens[:-1].tolist()
                assert (row.labels[mine] >= 0).sum() == learnt.sum()


def test_every_pair_is_used_or_has_its_reason(world, tmp_path):
    asked = (Message("user", "Kraków"),)
    pairs = [
        Dialogue("fine", asked, chosen="Wisła", rejected="żółw"),
        Dialogue("spaces", asked, chosen="Wisła", rejected=" Wisła "),
        Dialogue("same", asked, chosen="Wisła", rejected="Wisła"),
        Dialogue("long", asked, chosen="Wisła", rejected="żółw " * 60),
        *some_dialogues(1),
    ]
    write_dialogues(tmp_path / "preferences", pairs)
    (tmp_path / "model").symlink_to(world / "model")
    metrics = prefer(tmp_path, tmp_path / "out", steps=1, warmup_steps=0, held_out=0.0)
    rejected = pl.read_parquet(tmp_path / "out" / "rejected.parquet")
    assert dict(rejected.select("id", "reason").iter_rows()) == {
        "spaces": "chosen and rejected have the same tokens",
        "same": "chosen and rejected are the same",
        "long": "too long",
        "d0-0": "a dialogue, no preference",
    }
    assert (metrics["trained_on"], metrics["held_out_loss_after"]) == (1, None)


def test_numbers_that_would_do_nothing_are_refused():
    given = {"sequence_length": 64, "global_batch_size": 64}
    for wrong, message in (
        ({"beta_rejected": 0.1}, "beta_rejected is given"),
        ({"penalty": 5.0}, "which has none"),
        ({"objective": "ipo"}, "dpop-two-beta"),
    ):
        with pytest.raises(ValueError, match=message):
            PreferConfig.model_validate(given | wrong)
    for name, expected in (
        ("dpo", (0.1, 0.1, 0.0)),
        ("dpop", (0.3, 0.3, 50.0)),
        ("dpop-two-beta", (0.5, 0.1, 50.0)),
    ):
        assert PreferConfig.model_validate(given | {"objective": name}).strengths() == expected
    own = given | {"objective": "dpop-two-beta", "beta": 0.2, "beta_rejected": 0.3, "penalty": 1.0}
    assert PreferConfig.model_validate(own).strengths() == (0.2, 0.3, 1.0)
