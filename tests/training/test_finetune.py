"""Fine-tuning: what is learnt, what it weighs, what is left out, and how a run goes on."""

import dataclasses
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
from tiny_dialogues import (
    artifact,
    config_of,
    context_for,
    finetune,
    inputs_in,
    make_dialogues,
    some_dialogues,
    some_preferences,
    write_model,
)
from tiny_training import (
    Lines,
    losses,
    updates,
    weights,
)
from transformers import AutoModelForCausalLM

from mowa.errors import DataError, MowaError, UsageError
from mowa.inference import GenerateRequest, Message, TorchEngine
from mowa.instructions import Dialogue, template_called, write_dialogues
from mowa.training import FinetuneConfig, OriginWeights
from mowa.training._conversations import Conversations
from mowa.training._converse import run
from mowa.training._conversing import finetuning, prepare
from mowa.training._forward import Forward, stack
from mowa.training._metrics import read_metrics
from mowa.training._optimizer import Optimizers
from mowa.training._rendering import is_held_out
from mowa.training._schedule import schedule
from mowa.workspace import Inputs

DYING = Path(__file__).with_name("tiny_dialogues.py")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_dialogues(tmp_path_factory.mktemp("dialogues"))


@pytest.fixture(scope="module")
def tuned(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned") / "out"
    return out, finetune(world, out, eval_every=4)


def task_of(world, out, **changes):
    """What a run would learn, and its model, without the run."""
    config = config_of(FinetuneConfig, **changes)
    prepare(config, inputs_in(world), out)
    return finetuning(config, inputs_in(world), out, Lines())


def plain_losses(model, conversations):
    """-ln p of every target, each conversation alone, from whole logits: (unit, loss) pairs."""
    for unit in range(len(conversations)):
        for tokens, learnt in conversations.segments(unit):
            ids = torch.from_numpy(np.array(tokens, np.int64))[None]
            logits = model(input_ids=ids[:, :-1]).logits[0].double()
            found = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
            for loss in found[torch.from_numpy(np.array(learnt[1:]))]:
                yield unit, loss


@pytest.mark.parametrize("divides_by", ["tokens", "weights"])
def test_the_first_loss_is_the_formula_over_every_dialogue_alone(world, tmp_path, divides_by):
    # One update over all rows: its loss is that of the model as it was read.
    rows = task_of(world, tmp_path / "look").objective.plan.blocks_per_epoch
    finetune(
        world, tmp_path / "out", steps=1, warmup_steps=0, global_batch_size=64 * rows,
        normalise=divides_by,
    )  # fmt: skip
    conversations = Conversations(tmp_path / "look", held_out=False)
    model = AutoModelForCausalLM.from_pretrained(world / "model")
    with torch.no_grad():
        found = [(conversations.weights[u], loss) for u, loss in plain_losses(model, conversations)]
    assert {0.5, 1.0} < {float(weight) for weight, _ in found}
    total = sum(float(weight) * float(loss) for weight, loss in found)
    divisor = len(found) if divides_by == "tokens" else sum(float(weight) for weight, _ in found)
    (line,) = updates(tmp_path / "out")
    assert line["loss"] == pytest.approx(total / divisor, rel=1e-5)
    assert line["targets"] == len(found)


def test_packed_rows_have_the_gradients_of_dialogues_alone(world, tmp_path):
    task = task_of(world, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(world / "model")
    forward = Forward(model, device=CPU, precision="fp32", sequence_length=64)
    objective = task.objective
    rows = stack([objective.plan.read(objective.train, block) for block in range(3)], CPU)
    forward(rows).backward()
    packed = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    units = {unit for block in range(3) for unit in objective.plan.units_of(block)}
    sum(
        float(objective.train.weights[unit]) * loss
        for unit, loss in plain_losses(model, objective.train)
        if unit in units
    ).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(packed[name], parameter.grad, atol=1e-5, rtol=1e-4, msg=name)


def test_what_was_trained_on_is_counted_by_licence_and_origin(tmp_path):
    write_model(tmp_path / "model")
    write_dialogues(
        tmp_path / "dialogues",
        [
            *some_dialogues(10, licence="CC-BY-4.0"),
            *some_dialogues(6, seed=1, licence="CC0-1.0", origin="generated", model="m"),
            *some_dialogues(3, seed=2, review="rejected", licence="MIT"),
            *some_dialogues(4, seed=3),
        ],
    )
    metrics = finetune(tmp_path, tmp_path / "out", held_out=0.2)
    assert set(metrics["licences"]) == {"CC-BY-4.0", "CC0-1.0", "NOASSERTION"}
    assert set(metrics["origins"]) == {"human", "generated"}
    for name in ("licences", "origins"):
        assert sum(metrics[name].values()) == metrics["trained_on"]
    assert metrics["held_out"] > 0
    record = json.loads((tmp_path / "out/training.json").read_text("utf-8"))
    assert record["licences"] == metrics["licences"]
    assert "trained on, CC-BY-4.0" in (tmp_path / "out/report.html").read_text("utf-8")


def losses_of_neighbours(world, out, *, leaks):
    """The loss of one dialogue of a row, whatever the other one says."""
    objective = task_of(world, out).objective
    model = AutoModelForCausalLM.from_pretrained(world / "model")
    forward = Forward(model, device=CPU, precision="fp32", sequence_length=64)
    if leaks:
        forward._mask = lambda _: torch.ones(64, 64, dtype=torch.bool).tril()[None, None]
    rows = range(objective.plan.blocks_per_epoch)
    blocks = [objective.plan.read(objective.train, row) for row in rows]
    block = next(block for block in blocks if block.segments.max() > 0)
    others = block.segments != block.segments.max()
    found = []
    for change in (0, 7):
        changed = dataclasses.replace(
            block,
            input_ids=np.where(others, (block.input_ids + change) % 300, block.input_ids),
            labels=np.where(others, -100, block.labels),
        )
        with torch.no_grad():
            found.append(float(forward(stack([changed], CPU))))
    return found


def test_a_dialogue_does_not_see_its_neighbours(world, tmp_path):
    one, other = losses_of_neighbours(world, tmp_path, leaks=False)
    assert one == other != 0
    one, other = losses_of_neighbours(world, tmp_path, leaks=True)
    assert one != other


@pytest.mark.parametrize(
    ("facts", "weight"),
    [
        ({}, 1.0),
        ({"origin": "generated"}, 0.5),
        ({"origin": "translated"}, 0.5),
        ({"origin": "generated", "review": "accepted"}, 0.7),
        ({"origin": "translated", "review": "corrected"}, 0.7),
        ({"origin": "generated", "weight": 0.25}, 0.25),
        ({"weight": 3.0}, 3.0),
    ],
)
def test_a_dialogue_weighs_what_its_origin_does_but_its_own_weight_goes_before(facts, weight):
    dialogue = Dialogue("a", (Message("user", "a"), Message("assistant", "b")), **facts)
    assert OriginWeights().of(dialogue) == weight


def test_the_learning_rate_adapts_to_the_targets_where_asked(world, tmp_path):
    finetune(world, tmp_path, adaptive_learning_rate=True, steps=4)
    lines = updates(tmp_path)
    assert len({line["targets"] for line in lines}) > 1
    for number, line in enumerate(lines):
        share = schedule(number, steps=4, warmup=2, floor=0.1)
        assert line["lr"] == pytest.approx(3e-3 * share * math.sqrt(line["targets"] / 256))


def test_every_dialogue_is_used_or_has_its_reason(world, tmp_path):
    long = Dialogue("long", (Message("user", "a " * 90), Message("assistant", "b")))
    endless = Dialogue("endless", (Message("user", "a"), Message("assistant", "b " * 60_000)))
    odd = [
        long,
        endless,  # beyond what an import takes unless it is told otherwise
        Dialogue("order", (Message("assistant", "a"), Message("user", "b"))),
        Dialogue("weight", (Message("user", "a"), Message("assistant", "b")), weight=0.0),
        Dialogue("review", (Message("user", "a"), Message("assistant", "b")), review="rejected"),
        *some_preferences(1),
    ]
    write_dialogues(tmp_path / "dialogues", [*some_dialogues(30), *odd])
    (tmp_path / "model").symlink_to(world / "model")
    metrics = finetune(tmp_path, tmp_path / "out", steps=3)
    rejected = pl.read_parquet(tmp_path / "out" / "rejected.parquet")
    assert dict(rejected.select("id", "reason").iter_rows()) == {
        "long": "too long",
        "endless": "too long",
        "order": "the assistant begins",
        "weight": "its weight is 0",
        "review": "rejected in review",
        "p0-0": "a preference, no dialogue",
    }
    assert metrics["rejected"] == dict.fromkeys(rejected["reason"], 1) | {"too long": 2}
    assert metrics["trained_on"] + metrics["held_out"] == 30
    cut = finetune(tmp_path, tmp_path / "cut", steps=3, too_long="cut")
    assert cut["rejected"]["too long: no answer is left"] == 1
    assert cut["trained_on"] + cut["held_out"] == 31


def test_a_question_is_trained_on_or_held_out_but_never_both():
    asked = [f"Pytanie {number}?" for number in range(4000)]
    dialogues = [
        Dialogue("a", (Message("user", text), Message("assistant", "b"))) for text in asked
    ]
    held_out = [is_held_out(dialogue, 0.05) for dialogue in dialogues]
    assert 140 < sum(held_out) < 260
    again = [
        is_held_out(dataclasses.replace(dialogue, id="other", origin="generated"), 0.05)
        for dialogue in dialogues
    ]
    assert again == held_out
    assert not any(is_held_out(dialogue, 0.0) for dialogue in dialogues)


def test_it_learns_and_says_what_it_learnt(tuned):
    out, metrics = tuned
    assert metrics["held_out_loss_after"] < metrics["held_out_loss_before"]
    assert metrics["held_out_accuracy_after"] > metrics["held_out_accuracy_before"]
    lines = read_metrics(out / "metrics.jsonl")
    assert [line["step"] for line in lines if "held_out_loss" in line] == [0, 4, 8]
    assert json.loads((out / "training.json").read_text()) == metrics
    page = (out / "report.html").read_text("utf-8")
    for part in ("A model trained on dialogues", "weights by origin", "As it stands in the set"):
        assert part in page
    samples = json.loads((out / "samples.json").read_text("utf-8"))
    assert 0 < len(samples) <= 4
    assert all(sample["expected"] for sample in samples)


def test_the_held_out_measures_are_those_of_whole_logits(world, tuned):
    out, metrics = tuned
    held_out = task_of(world, out.with_name("look")).objective.held_out
    model = AutoModelForCausalLM.from_pretrained(out)
    with torch.no_grad():
        found = [float(loss) for _, loss in plain_losses(model, held_out)]
    assert metrics["held_out_loss_after"] == pytest.approx(sum(found) / len(found), rel=1e-4)


def test_the_folder_holds_a_model_that_talks_by_its_template(tuned):
    out, _ = tuned
    assert {path.name for path in out.iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json", "chat_template.jinja", "metrics.jsonl", "samples.json",
        "rejected.parquet", "training.json", "report.html",
    }  # fmt: skip
    assert (out / "chat_template.jinja").read_text("utf-8") == template_called("mowa")
    assert json.loads((out / "generation_config.json").read_text())["eos_token_id"] == [1, 4]
    engine = TorchEngine.load(out, device="cpu")
    assert "chat" in engine.can


def test_dialogues_are_learnt_by_heart_and_answers_end(world, tmp_path):
    known = {"Kraków": "Wisła", "żółw": "gęś"}
    write_dialogues(
        tmp_path / "dialogues",
        [
            Dialogue(asked, (Message("user", asked), Message("assistant", answer)))
            for asked, answer in known.items()
        ],
    )
    (tmp_path / "model").symlink_to(world / "model")
    finetune(
        tmp_path, tmp_path / "out", steps=60, global_batch_size=64, learning_rate=1e-2,
        held_out=0.0, weight_decay=0.0, prompts=["Kraków"], prompt_tokens=20,
    )  # fmt: skip
    engine = TorchEngine.load(tmp_path / "out", device="cpu")
    requests = [GenerateRequest((Message("user", asked),), 20) for asked in known]
    said = dict(engine.generate_many(requests))
    assert [said[number].text for number in range(2)] == list(known.values())
    assert {each.finish for each in said.values()} == {"eos"}
    (sample,) = json.loads((tmp_path / "out" / "samples.json").read_text("utf-8"))
    assert (sample["answer"], sample["expected"]) == ("Wisła", None)


def test_the_result_does_not_depend_on_the_micro_batch(world, tmp_path):
    for micro in (1, 3):
        finetune(world, tmp_path / str(micro), micro_batch_size=micro, epochs=0.3, warmup_steps=0)
    assert losses(tmp_path / "1") == pytest.approx(losses(tmp_path / "3"), abs=1e-5)


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_number_of_processes(world, tmp_path):
    finetune(world, tmp_path / "1", adaptive_learning_rate=True)
    finetune(world, tmp_path / "2", adaptive_learning_rate=True, processes=2)
    assert losses(tmp_path / "2") == pytest.approx(losses(tmp_path / "1"), abs=1e-6)
    one, two = (updates(tmp_path / name)[-1] for name in "12")
    assert two["held_out_loss"] == pytest.approx(one["held_out_loss"], abs=1e-5)
    assert two["held_out_accuracy"] == pytest.approx(one["held_out_accuracy"], abs=1e-6)


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
        finetune(world, tmp_path, checkpoint_every_steps=1)
    monkeypatch.setattr(Optimizers, "step", step)
    finetune(world, tmp_path)
    assert weights(tmp_path) == weights(tuned[0])
    assert losses(tmp_path) == losses(tuned[0])


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        ("update", 5),
        pytest.param("rendering", 1, marks=pytest.mark.slow),
        pytest.param("update", 1, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_to_the_same_bytes(world, tuned, tmp_path, moment, count):
    changes = {"checkpoint_every_steps": 3}
    command = [sys.executable, DYING, "finetune", world, tmp_path, moment, str(count)]
    died = subprocess.run(
        [*command, json.dumps(changes)], check=False, capture_output=True, text=True
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    finetune(world, tmp_path, **changes)
    assert weights(tmp_path) == weights(tuned[0])
    assert not (tmp_path / "rendered").exists()


def test_frozen_parameters_stay_and_a_checkpoint_of_other_weights_is_refused(
    world, tmp_path, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    finetune(world, tmp_path / "frozen", freeze=["*embed*"], steps=3)
    one, two = (
        AutoModelForCausalLM.from_pretrained(path).get_input_embeddings().weight
        for path in (world / "model", tmp_path / "frozen")
    )
    assert torch.equal(one, two)
    monkeypatch.setattr("mowa.training._train.write_model", interrupt)
    with pytest.raises(KeyboardInterrupt):
        finetune(world, tmp_path / "out", steps=3)
    with pytest.raises(MowaError, match="its config differ"):
        finetune(world, tmp_path / "out", steps=3, weights={"human": 2.0})


def test_a_model_whose_head_is_its_own_is_trained_with_weights_too(world, tmp_path):
    """Gemma 2 caps its logits: the chunked head does not, and is found not to agree."""
    from tiny_dialogues import write_tokenizer

    from mowa.model import FamilyConfig, TokenizerFacts, build_family

    model = tmp_path / "world" / "model"
    write_tokenizer(model)
    settings = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 8,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
        "initializer_range": 0.3, "query_pre_attn_scalar": 8, "sliding_window": 64,
        "final_logit_softcapping": 3.0, "attn_logit_softcapping": 5.0,
    }  # fmt: skip
    facts = TokenizerFacts.read(model)
    build_family(FamilyConfig(name="gemma2", settings=settings), facts, 0).save_pretrained(model)
    (tmp_path / "world" / "dialogues").symlink_to(world / "dialogues")
    rows = task_of(tmp_path / "world", tmp_path / "look").objective.plan.blocks_per_epoch
    metrics = finetune(
        tmp_path / "world", tmp_path / "out", steps=1, warmup_steps=0, global_batch_size=64 * rows
    )
    assert metrics["head"] == "full"
    train = Conversations(tmp_path / "look", held_out=False)
    with torch.no_grad():
        found = list(plain_losses(AutoModelForCausalLM.from_pretrained(model), train))
    total = sum(float(train.weights[unit]) * float(loss) for unit, loss in found)
    assert losses(tmp_path / "out") == [pytest.approx(total / len(found), rel=1e-4)]


def test_nothing_that_can_be_used_is_refused_with_the_reasons(world, tmp_path):
    write_dialogues(tmp_path / "dialogues", some_preferences(3))
    (tmp_path / "model").symlink_to(world / "model")
    with pytest.raises(DataError, match=r"none of 3 dialogues.*a preference, no dialogue \(3\)"):
        finetune(tmp_path, tmp_path / "out")


def test_inputs_that_do_not_fit_are_refused(world, tmp_path):
    with pytest.raises(UsageError, match="longer than the 64 positions"):
        finetune(world, tmp_path / "long", sequence_length=128, global_batch_size=128)
    with pytest.raises(UsageError, match="warmup_steps 90 is not below"):
        finetune(world, tmp_path / "warm", epochs=1.0, warmup_steps=90)
    with pytest.raises(UsageError, match=r"needs <\|start_header_id\|>"):
        finetune(world, tmp_path / "template", template="llama3")
    with pytest.raises(ValueError, match="reads one model"):
        config_of(FinetuneConfig).check_reads(["dialogues"])
    for wrong in (
        {"steps": 2, "epochs": 1.0}, {"held_out": 1.0}, {"template": "alpaca"},
        {"muon_learning_rate": 0.01},
    ):  # fmt: skip
        with pytest.raises(
            ValueError, match=r"steps and epochs|less than 1|'mowa'|optimizer is not"
        ):
            FinetuneConfig.model_validate({"sequence_length": 64, "global_batch_size": 64} | wrong)
    usual = FinetuneConfig.model_validate({"sequence_length": 64, "global_batch_size": 64})
    assert (usual.epochs, usual.optimizer_for(new=False)) == (2.0, "adamw")


def test_sets_are_read_in_the_order_of_the_recipe(world, tmp_path):
    write_dialogues(tmp_path / "more", some_dialogues(5, seed=9))
    (model, dialogues) = inputs_in(world).artifacts
    both = Inputs((model, dialogues, artifact(tmp_path / "more", "dialogues", "tiny/more")))
    metrics = run(
        config_of(FinetuneConfig, steps=3, held_out=0.0), both, tmp_path / "out",
        context_for(tmp_path),
    )  # fmt: skip
    assert metrics["trained_on"] == 48 + 5


def test_another_model_of_the_same_data_is_another_run(world, tuned, tmp_path):
    (tmp_path / "dialogues").symlink_to(world / "dialogues")
    write_model(tmp_path / "model", seed=1)
    finetune(tmp_path, tmp_path / "out")
    assert losses(tmp_path / "out") != losses(tuned[0])


def test_loss_and_gradients_are_trls():
    """Recorded by make_trl_golden.py: the same model and answers, through its SFTTrainer."""
    from make_trl_golden import GOLDEN, answers_of_ours, assert_alike

    assert_alike(answers_of_ours(), json.loads(GOLDEN.read_text())["sft"])


def test_tokens_that_are_cut_short_are_named(world, tmp_path):
    task_of(world, tmp_path)
    for name in ("learnt.bin", "tokens.bin"):
        path = tmp_path / "rendered" / name
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(DataError, match=f"{name}: .*it is cut short"):
            Conversations(tmp_path, held_out=False)


def test_a_full_disk_is_told_as_one(world, tmp_path, monkeypatch):
    import errno

    from mowa.training import _rendering

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_rendering, "_unit", full)
    with pytest.raises(MowaError, match="the disk is full"):
        task_of(world, tmp_path)
    monkeypatch.undo()
    task_of(world, tmp_path)
