"""Going on from a model: from its weights, or from its last checkpoint as if it had never ended."""

import dataclasses
import json
import signal
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from tiny_training import (
    Lines,
    context_for,
    in_update,
    inputs_of,
    losses,
    make_world,
    sentences,
    tiny_config,
    write_tokens,
)
from transformers import AutoModelForCausalLM

from mowa.errors import DataError, MowaError, StoppedEarly, UsageError
from mowa.training import _loop, _objective
from mowa.training._metrics import read_metrics
from mowa.training._order import TrainingOrder
from mowa.training._pretrain import run
from mowa.training._spikes import SpikeGuard
from mowa.workspace import Inputs

SCRATCH = {"hidden_size": 32, "layers": 2, "heads": 4, "kv_heads": 2, "context": 64}


def artifact(path, kind, name):
    (template,) = inputs_of(path.parent).all("tokens")
    return dataclasses.replace(template, path=path, kind=kind, name=name, fingerprint=name * 4)


def go(world, out, *inputs, progress=None, **changes):
    values = tiny_config().model_dump() | changes
    if any(one.kind == "model" for one in inputs):
        values["architecture"] = None
    if "epochs" in changes:
        values["steps"] = None
    out.mkdir(exist_ok=True)
    config = type(tiny_config()).model_validate(values)
    return run(config, Inputs(inputs), out, context_for(world, progress or Lines()))


@pytest.fixture(scope="module")
def base(world, tmp_path_factory):
    """A model of ten updates that kept its optimizer."""
    out = tmp_path_factory.mktemp("base") / "out"
    go(world, out, *inputs_of(world).artifacts, steps=10, keep_optimizer=True, schedule="constant")
    return artifact(out, "model", "tiny/base")


@pytest.fixture(scope="module")
def other(world, tmp_path_factory):
    """Tokens of another kind of text, in the same tokenizer: words in the order of the alphabet."""
    folder = tmp_path_factory.mktemp("other") / "tokens"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(world / "tokenizer" / "tokenizer.json"))
    texts = [" ".join(sorted(text.split())) for text in sentences(120, seed=9)]
    rows = [([0, *tokenizer.encode(text).ids, 1], len(text.encode())) for text in texts]
    write_tokens(folder, {"train": rows[:100], "held_out": rows[100:]})
    return artifact(folder, "tokens", "tiny/other")


def test_a_run_that_is_made_longer_is_the_long_run_bit_by_bit(world, tmp_path, base):
    tokens, tokenizer = inputs_of(world).artifacts
    go(world, tmp_path / "whole", tokens, tokenizer, steps=16, schedule="constant")
    progress = Lines()
    metrics = go(
        world, tmp_path / "longer", tokens, tokenizer, base,
        steps=16, schedule="constant", start="checkpoint", progress=progress,
    )  # fmt: skip
    assert losses(tmp_path / "longer") == losses(tmp_path / "whole")[10:]
    assert (tmp_path / "longer" / "model.safetensors").read_bytes() == (
        tmp_path / "whole" / "model.safetensors"
    ).read_bytes()
    assert metrics["steps"] == 16
    assert "update 10 of 16" in " ".join(progress.said)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_that_is_made_longer_keeps_optimizer_and_precision(world, tmp_path, precision):
    tokens, tokenizer = inputs_of(world).artifacts
    begun = {"optimizer": "auto", "keep_optimizer": True, "precision": precision}
    go(world, tmp_path / "base", tokens, tokenizer, steps=4, **begun)
    model = artifact(tmp_path / "base", "model", "tiny/base")
    later = {"steps": 6, "start": "checkpoint", "precision": "auto"}
    made = go(world, tmp_path / "longer", tokens, tokenizer, model, optimizer="auto", **later)
    assert (made["optimizer"], made["precision"]) == ("muon", precision)
    with pytest.raises(UsageError, match="of a run with muon, and optimizer is adamw"):
        go(world, tmp_path / "other", tokens, tokenizer, model, optimizer="adamw", **later)


@pytest.mark.parametrize(
    "change", [{"seed": 8}, {"sequence_length": 16, "global_batch_size": 128}, "documents"]
)
def test_a_run_does_not_read_on_in_what_is_packed_otherwise(world, tmp_path, base, change):
    tokens, tokenizer = inputs_of(world).artifacts
    if change == "documents":
        write_tokens(tmp_path / "tokens", {"train": [([0, 5, 6, 1], 9)] * 200, "held_out": []})
        tokens, change = dataclasses.replace(tokens, path=tmp_path / "tokens"), {}
    with pytest.raises(UsageError, match="read of tiny/tokens, which is packed otherwise now"):
        go(
            world, tmp_path / "out", tokens, tokenizer, base,
            steps=16, schedule="constant", start="checkpoint", **change,
        )  # fmt: skip


def test_what_was_read_is_known_after_a_run_that_did_not_read_it_and_by_another_name(
    world, tmp_path, other
):
    tokens, tokenizer = inputs_of(world).artifacts
    settings = {"keep_optimizer": True, "check_forward": False, "eval_every": None}
    go(world, tmp_path / "a", tokens, other, tokenizer, steps=6, **settings)
    a = artifact(tmp_path / "a", "model", "tiny/a")
    go(world, tmp_path / "b", other, tokenizer, a, steps=8, start="checkpoint", **settings)
    b = artifact(tmp_path / "b", "model", "tiny/b")
    renamed = dataclasses.replace(tokens, name="tiny/renamed")
    go(world, tmp_path / "c", renamed, other, tokenizer, b, steps=9, start="checkpoint", **settings)
    read = {}
    for name in "abc":
        (found,) = (tmp_path / name / "checkpoints").glob("*/state.json")
        read[name] = json.loads(found.read_text())["read"]
    assert read["b"]["tiny/tokens"] == read["a"]["tiny/tokens"] > 0
    assert read["b"]["tiny/other"] == read["a"]["tiny/other"] + 2 * 4
    assert read["c"]["tiny/renamed"] > read["a"]["tiny/tokens"]


def test_weights_alone_begin_a_new_run(world, tmp_path, base):
    tokens, tokenizer = inputs_of(world).artifacts
    metrics = go(world, tmp_path / "out", tokens, tokenizer, base, steps=5)
    lines = read_metrics(tmp_path / "out" / "metrics.jsonl")
    before = read_metrics(base.path / "metrics.jsonl")[-1]["held_out_bpb"]
    assert lines[0]["held_out_bpb"] == pytest.approx(before, rel=1e-6)
    assert [line["lr"] for line in lines[1:4]] == pytest.approx([1e-3, 2e-3, 3e-3])
    assert metrics["held_out_bpb_after"] < before


def test_the_tokenizer_may_be_the_models_own(world, tmp_path, base):
    tokens, _ = inputs_of(world).artifacts
    go(world, tmp_path / "out", tokens, base, steps=3)
    assert (tmp_path / "out" / "tokenizer.json").exists()


def test_forgetting_is_measured_and_replay_lessens_it(world, tmp_path, base, other):
    """Continued on other text: the old gets worse, and a share of the old keeps some of it."""
    tokens, tokenizer = inputs_of(world).artifacts
    after = {}
    for name, weights in {"none": {"other": 1.0}, "half": {"other": 1.0, "tokens": 1.0}}.items():
        metrics = go(
            world, tmp_path / name, tokens, other, tokenizer, base,
            steps=60, stages=[{"weights": weights}],
        )  # fmt: skip
        after[name] = metrics
    # Both held-out splits are of the source "tiny"; measure the old one alone.
    old = {
        name: go(world, tmp_path / f"{name}-old", tokens, tokenizer,
                 artifact(tmp_path / name, "model", f"tiny/{name}"), steps=1, warmup_steps=0,
                 learning_rate=1e-12)["held_out_bpb_before"]
        for name in after
    }  # fmt: skip
    assert old["half"] < old["none"]


def test_weights_of_the_stages_decide_what_is_read(world, tmp_path, other, monkeypatch):
    tokens, tokenizer = inputs_of(world).artifacts
    read = []
    real = TrainingOrder.read

    def reading(self, splits, place):
        read.append(place.stream)
        return real(self, splits, place)

    monkeypatch.setattr(TrainingOrder, "read", reading)
    stages = [{"weights": {"tokens": 1.0}}, {"begin": 0.5, "weights": {"tiny/other": 1.0}}]
    metrics = go(
        world, tmp_path / "out", tokens, other, tokenizer,
        steps=8, stages=stages, check_forward=False,
    )  # fmt: skip
    assert read == [0] * 16 + [1] * 16
    assert set(metrics["epochs"]) == {"tiny/tokens", "tiny/other"}


def test_a_stage_that_names_what_is_not_read_is_refused(world, tmp_path):
    with pytest.raises(UsageError, match="'tokns' is not one of the token artifacts") as caught:
        go(
            world, tmp_path / "out", *inputs_of(world).artifacts,
            stages=[{"weights": {"tokns": 1.0}}],
        )  # fmt: skip
    assert "they are tiny/tokens" in str(caught.value)


def test_a_branch_reads_on_where_it_left_with_other_weights(world, tmp_path, other):
    tokens, tokenizer = inputs_of(world).artifacts
    even = [{"weights": {"tokens": 1.0, "other": 1.0}}]
    go(
        world, tmp_path / "base", tokens, other, tokenizer,
        steps=6, stages=even, keep_optimizer=True, check_forward=False,
    )  # fmt: skip
    model = artifact(tmp_path / "base", "model", "tiny/branched")
    metrics = go(
        world, tmp_path / "out", tokens, other, tokenizer, model,
        steps=12, stages=[{"weights": {"other": 1.0}}], start="checkpoint",
    )  # fmt: skip
    # 24 blocks with half of each, then 24 of the other alone.
    blocks = {"tiny/tokens": 3422 // 32 + 1, "tiny/other": None}
    read = metrics["epochs"]["tiny/tokens"] * blocks["tiny/tokens"]
    assert 6 <= read <= 18


def test_a_model_without_a_checkpoint_cannot_be_gone_on_from(world, tmp_path, base):
    tokens, tokenizer = inputs_of(world).artifacts
    go(world, tmp_path / "bare", tokens, tokenizer, base, steps=3)
    bare = artifact(tmp_path / "bare", "model", "tiny/bare")
    with pytest.raises(UsageError, match="has no checkpoint") as caught:
        go(world, tmp_path / "out", tokens, tokenizer, bare, steps=20, start="checkpoint")
    assert "keep_optimizer" in str(caught.value)
    with pytest.raises(UsageError, match="steps 10 is not above the 10 updates"):
        go(world, tmp_path / "out2", tokens, tokenizer, base, steps=10, start="checkpoint")


@pytest.mark.parametrize(
    ("name", "message"),
    [("pytorch_model.bin", "only pytorch_model.bin, which may run code"), (None, "no weights")],
)
def test_a_model_without_safetensors_is_refused(world, tmp_path, base, name, message):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes((base.path / "config.json").read_bytes())
    if name:
        (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(DataError, match=message):
        go(
            world, tmp_path / "out", *inputs_of(world).artifacts,
            artifact(folder, "model", "tiny/bad"), steps=3,
        )  # fmt: skip


def test_weights_that_do_not_fit_their_settings_are_refused(world, tmp_path, base):
    folder = tmp_path / "model"
    folder.mkdir()
    for path in base.path.glob("*.*"):
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    text = (folder / "config.json").read_text().replace('"hidden_size": 32', '"hidden_size": 40')
    (folder / "config.json").write_text(text)
    with pytest.raises(DataError, match=r"do not fit|cannot be read"):
        go(
            world, tmp_path / "out", *inputs_of(world).artifacts,
            artifact(folder, "model", "tiny/bad"), steps=3,
        )  # fmt: skip


def test_tokens_of_another_tokenizer_are_refused(world, tmp_path):
    import json

    other = make_world(tmp_path / "other")
    index = json.loads((other / "tokens" / "tokens.json").read_text())
    index["tokenizer"] = "0" * 64
    (other / "tokens" / "tokens.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="made with another tokenizer"):
        go(world, tmp_path / "out", *inputs_of(other).artifacts, steps=3)


def test_frozen_parameters_stay_as_they_were(world, tmp_path, base):
    tokens, tokenizer = inputs_of(world).artifacts
    go(world, tmp_path / "out", tokens, tokenizer, base, steps=4, freeze=["*.mlp.*", "*embed*"])
    before, after = (
        dict(AutoModelForCausalLM.from_pretrained(path).named_parameters())
        for path in (base.path, tmp_path / "out")
    )
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if ".mlp." in name or "embed" in name}


@pytest.mark.parametrize(
    ("patterns", "message"),
    [(["*.mpl.*"], r"no parameter is named like '\*.mpl.\*'"), (["*"], "leaves no parameter")],
)
def test_a_freeze_that_matches_nothing_or_all_is_refused(world, tmp_path, patterns, message):
    with pytest.raises(UsageError, match=message):
        go(world, tmp_path / "out", *inputs_of(world).artifacts, freeze=patterns)


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGUSR1, "file"])
def test_a_run_that_is_asked_to_stop_saves_and_asks_to_be_started_again(
    world, tmp_path, monkeypatch, asked
):
    out = tmp_path / "out"
    before = signal.getsignal(signal.SIGTERM)
    settings = {"steps": 12, "log_every": 1}
    ask = (out / "stop").touch if asked == "file" else lambda: signal.raise_signal(asked)
    with monkeypatch.context() as patch:
        in_update(patch, 5, ask)
        with pytest.raises(StoppedEarly) as caught:
            go(world, out, *inputs_of(world).artifacts, **settings)
    assert caught.value.exit_code == 75
    name = "the file stop" if asked == "file" else asked.name
    assert f"asked to stop by {name}: saved after update 6 of 12" in str(caught.value)
    assert signal.getsignal(signal.SIGTERM) == before
    progress = Lines()
    go(world, out, *inputs_of(world).artifacts, progress=progress, **settings)
    assert any("going on from update" in line for line in progress.said)
    go(world, tmp_path / "whole", *inputs_of(world).artifacts, **settings)
    assert losses(out) == losses(tmp_path / "whole")


@contextmanager
def asked_while_it_measures(out, monkeypatch):
    """A run in the block is stopped after its first update."""
    real = _objective.bits_per_byte

    def asked(*arguments, **options):
        (out / "stop").touch()
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(_objective, "bits_per_byte", asked)
        with pytest.raises(StoppedEarly, match="saved after update 1 of 12"):
            yield


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_while_it_gets_ready_is_heard_after_the_first_update(
    world, tmp_path, monkeypatch, asked
):
    """As while layers are compiled, which may take minutes."""
    real = _loop.agree_with_model

    def asking(*arguments):
        signal.raise_signal(asked)
        return real(*arguments)

    monkeypatch.setattr(_loop, "agree_with_model", asking)
    with pytest.raises(StoppedEarly, match=f"by {asked.name}: saved after update 1 of 12"):
        go(world, tmp_path / "out", *inputs_of(world).artifacts)


def test_a_request_before_the_first_update_is_not_lost(world, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with asked_while_it_measures(out, monkeypatch):
        go(world, out, *inputs_of(world).artifacts)
    (out / "stop").touch()  # of a run that was killed before it saw it
    assert go(world, out, *inputs_of(world).artifacts)["steps"] == 12
    assert not (out / "stop").exists()


def test_an_update_with_a_spike_is_left_out(world, tmp_path, monkeypatch):
    """The same run without that update's step: its moments and weights have not seen it."""
    from mowa.training._optimizer import Optimizers

    real = SpikeGuard.is_spike
    monkeypatch.setattr(
        SpikeGuard, "is_spike", lambda self, loss, norm: real(self, loss, norm) or count() == 4
    )
    calls = Counter()

    def count():
        calls["spike"] += 1
        return calls["spike"]

    stepped = []
    step = Optimizers.step
    monkeypatch.setattr(Optimizers, "step", lambda self: (stepped.append(1), step(self))[1])
    progress = Lines()
    metrics = go(world, tmp_path / "out", *inputs_of(world).artifacts, progress=progress)
    assert metrics["skipped_updates"] == [4]
    assert len(stepped) == 11
    assert any(line.startswith("update 4 is left out: loss") for line in progress.said)


def test_a_spike_is_what_is_far_above_the_last_updates():
    draw = np.random.default_rng(0)
    guard = SpikeGuard(6.0)
    usual = [(3 + draw.normal() / 10, 1 + draw.normal() / 10) for _ in range(200)]
    assert not any(guard.is_spike(*values) for values in usual)
    assert guard.is_spike(4.5, 1.0)
    assert guard.is_spike(3.0, 2.5)
    assert not guard.is_spike(2.0, 0.1)
    assert SpikeGuard(6.0, guard.state()).is_spike(4.5, 1.0)
    assert not SpikeGuard(6.0).is_spike(1e9, 1e9)
    assert not SpikeGuard(None, guard.state()).is_spike(1e9, 1e9)


def test_a_loss_that_stays_higher_is_soon_the_usual_one():
    """As where a stage begins with text of another kind."""
    draw = np.random.default_rng(0)
    guard = SpikeGuard(6.0)
    told = [guard.is_spike(3 + (n >= 200) + draw.normal() / 100, 1.0) for n in range(300)]
    assert 0 < sum(told) < 8


def test_a_run_that_is_made_longer_knows_what_losses_were_usual(world, tmp_path):
    tokens, tokenizer = inputs_of(world).artifacts
    values = {"schedule": "constant", "skip_spikes": 6.0, "keep_optimizer": True}
    go(world, tmp_path / "base", tokens, tokenizer, steps=4, **values)
    base = artifact(tmp_path / "base", "model", "tiny/base")
    go(
        world, tmp_path / "longer", tokens, tokenizer, base,
        steps=6, start="checkpoint", **values,
    )  # fmt: skip
    (found,) = (tmp_path / "longer" / "checkpoints").glob("*/state.json")
    assert len(json.loads(found.read_text())["spikes"]) == 6


def test_memory_that_runs_out_says_what_to_change(world, tmp_path, monkeypatch):
    from mowa.training._forward import Forward

    real, calls = Forward.forward, Counter()

    def full(self, rows, how="train"):
        if how == "train":
            calls["train"] += 1
            if calls["train"] > 4:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return real(self, rows, how)

    monkeypatch.setattr(Forward, "forward", full)
    with pytest.raises(MowaError, match="memory ran out: CUDA out of memory") as caught:
        go(world, tmp_path / "out", *inputs_of(world).artifacts)
    assert "micro_batch_size = 1 (it is 2)" in str(caught.value)
    assert "activation_checkpointing = true" in str(caught.value)


def test_memory_that_runs_out_before_the_first_update_says_so_too(world, tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(_loop, "agree_with_model", full)
    with pytest.raises(MowaError, match="memory ran out: CUDA out of memory"):
        go(world, tmp_path / "out", *inputs_of(world).artifacts)


def test_a_model_with_weights_that_are_no_numbers_is_named(world, tmp_path, base):
    broken = tmp_path / "broken"
    model = AutoModelForCausalLM.from_pretrained(base.path)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = float("nan")
    model.save_pretrained(broken)
    tokens, tokenizer = inputs_of(world).artifacts
    read = artifact(broken, "model", "tiny/broken")
    with pytest.raises(DataError, match="some of its weights are not numbers"):
        go(world, tmp_path / "out", tokens, tokenizer, read)


def test_a_run_that_goes_on_unchecked_keeps_the_way_that_was_found(world, tmp_path, monkeypatch):
    """Gemma 2 caps its logits: another output layer would be another loss."""
    settings = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
        "max_position_embeddings": 64, "final_logit_softcapping": 1.0,
        "attn_logit_softcapping": None,
    }  # fmt: skip
    values = {"architecture": None, "family": {"name": "gemma2", "settings": settings}}
    inputs = inputs_of(world).artifacts
    go(world, tmp_path / "whole", *inputs, **values)
    out = tmp_path / "out"
    with asked_while_it_measures(out, monkeypatch):
        go(world, out, *inputs, **values)
    metrics = go(world, out, *inputs, check_forward=False, **values)
    assert metrics["head"] == "full"
    assert losses(out) == losses(tmp_path / "whole")


def test_layers_that_are_computed_again_give_the_same_model(world, tmp_path):
    for name, again in (("kept", False), ("again", True)):
        go(
            world, tmp_path / name, *inputs_of(world).artifacts,
            activation_checkpointing=again, micro_batch_size=4,
        )  # fmt: skip
    assert (tmp_path / "kept" / "model.safetensors").read_bytes() == (
        tmp_path / "again" / "model.safetensors"
    ).read_bytes()
