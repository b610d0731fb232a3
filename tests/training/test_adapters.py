"""Adapters in the trainer: what is trained, what is written, how a run goes on."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from tiny_dialogues import config_of, finetune, make_dialogues, prefer
from tiny_training import tiny_config

from mowa.model import load_lora, load_model, merge_lora
from mowa.training import FinetuneConfig, PretrainConfig
from mowa.training._export import export_checkpoint

DYING = Path(__file__).with_name("tiny_dialogues.py")
LORA = {"rank": 4, "alpha": 8.0, "targets": ["*_proj"]}
KEPT = {"keep_checkpoint_every": 4, "keep_optimizer": True}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_dialogues(tmp_path_factory.mktemp("dialogues"))


@pytest.fixture(scope="module")
def tuned(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned") / "out"
    finetune(world, out, lora=LORA, **KEPT)
    return out


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_the_model_is_the_base_with_the_adapter_that_lies_beside_it(world, tuned):
    model = load_model(world / "model")
    load_lora(model, tuned / "adapter")
    merge_lora(model)
    written, base = weights(tuned), weights(world / "model")
    merged = model.state_dict()
    assert all(torch.equal(written[name], merged[name]) for name in written)
    changed = {name for name in written if not torch.equal(written[name], base[name])}
    assert changed == {name for name in written if name.endswith("_proj.weight")}
    settings = json.loads((tuned / "adapter/adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == "tiny/model@dev"


def test_a_checkpoint_is_exported_with_its_adapters_merged(tuned, tmp_path):
    export_checkpoint(tuned, tmp_path / "last", step=8)
    export_checkpoint(tuned, tmp_path / "middle", step=4)
    last, middle, written = weights(tmp_path / "last"), weights(tmp_path / "middle"), weights(tuned)
    assert all(torch.equal(last[name], written[name]) for name in written)
    assert not torch.equal(middle["model.layers.0.mlp.up_proj.weight"],
                           written["model.layers.0.mlp.up_proj.weight"])  # fmt: skip


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(world, tuned, tmp_path):
    changes = {"lora": LORA, "checkpoint_every_steps": 2, **KEPT}
    done = subprocess.run(
        [sys.executable, DYING, "finetune", world, tmp_path, "update", "6", json.dumps(changes)],
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL
    finetune(world, tmp_path, **changes)
    for name in ("model.safetensors", "adapter/adapter_model.safetensors"):
        assert (tmp_path / name).read_bytes() == (tuned / name).read_bytes()


@pytest.mark.slow
def test_two_processes_train_the_same_adapters(world, tuned, tmp_path):
    finetune(world, tmp_path, lora=LORA, processes=2, **KEPT)
    one, two = weights(tuned), weights(tmp_path)
    for name in one:
        torch.testing.assert_close(one[name], two[name], atol=1e-5, rtol=1e-4)


def test_adapters_with_dropout_are_compared_with_the_model_without_it_and_train(world, tmp_path):
    done = finetune(world, tmp_path / "some", lora={**LORA, "dropout": 0.3})
    none = finetune(world, tmp_path / "none", lora=LORA)
    assert done["final_loss"] != none["final_loss"]


def test_preferences_are_learnt_by_adapters_from_ln_2_on(world, tuned, tmp_path):
    metrics = prefer(world, tmp_path, lora=LORA, learning_rate=1e-2)
    assert metrics["held_out_loss_before"] == pytest.approx(0.6931, abs=1e-3)
    assert (tmp_path / "adapter/adapter_model.safetensors").exists()


def test_what_adapters_cannot_be_trained_with_is_refused():
    with pytest.raises(ValidationError, match="adapters are trained with AdamW"):
        config_of(FinetuneConfig, lora=LORA, optimizer="muon")
    new = PretrainConfig.model_validate(tiny_config().model_dump() | {"lora": LORA})
    with pytest.raises(ValueError, match="stand beside a model that is read"):
        new.check_reads(["tokens", "tokenizer"])
