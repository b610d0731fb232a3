import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_training import tiny_config

from mowa.errors import UsageError
from mowa.training import PretrainConfig
from mowa.training._flops import training_flops_per_token
from mowa.training._plan import PackingPlan
from mowa.training.planner import PUBLISHED, parse_gpus, plan_run, this_machine

BIELIK = {
    "hidden_size": 4096, "layers": 32, "heads": 32, "kv_heads": 8, "ffn_size": 14336,
    "context": 4096, "tie_embeddings": False,
}  # fmt: skip


def bielik(**changes):
    values = {
        "architecture": BIELIK,
        "sequence_length": 4096,
        "global_batch_size": 1024 * 4096,
        "steps": 17350,
        "learning_rate": 3e-5,
        "compile": True,
    }
    return PretrainConfig.model_validate(values | changes)


def plan(gpus, config=None, **changes):
    values = {"vocabulary": 32000, "epoch_tokens": None} | changes
    return plan_run(config or bielik(), machine=parse_gpus(gpus), **values)


def test_bielik_is_planned_as_it_was_run():
    made = plan("256xGH200", mfu=0.46)
    assert made.tokens == pytest.approx(72.8e9, rel=1e-3)
    assert made.tokens_per_second / 256 == pytest.approx(9200, rel=0.02)
    assert made.hours == pytest.approx(made.tokens / (256 * 9200) / 3600, rel=0.02)
    assert (made.choice.sharding, made.choice.shards, made.choice.fits) == ("hybrid", 4, True)
    assert made.flops_palm == made.tokens * training_flops_per_token(made.sizes, 4096, "palm")
    assert made.flops_palm < 1e23


def test_energy_and_money_are_devices_times_hours():
    made = plan("8xH100", price=2.5, pue=1.2)
    assert made.device_hours == pytest.approx(8 * made.hours)
    assert made.kwh == pytest.approx(8 * made.hours * 0.7 * 1.2)
    assert made.cost == pytest.approx(2.5 * made.device_hours)
    assert plan("8xH100").cost is None


def test_the_least_sharding_that_fits_is_chosen():
    assert plan("1xB200").choice.fits is True
    assert plan("8xH100").choice.sharding == "full"
    assert plan("64xH100").choice.sharding == "hybrid"
    small = plan("64xH100", tiny_config(global_batch_size=32 * 128), vocabulary=300)
    assert small.choice.sharding == "none"
    assert plan("64xH100", sharding="full").choice.shards == 64


def test_checkpointing_is_the_last_resort():
    assert plan("8xH100").choice.checkpointing is False
    long = bielik(
        architecture=BIELIK | {"context": 65536}, sequence_length=65536, global_batch_size=65536 * 8
    )
    found = plan("8xH100", long).choice
    assert (found.checkpointing, found.micro_rows, found.fits) == (True, 1, True)
    assert plan("8xH100", long, checkpointing=False).choice.fits is False
    assert plan("RTX4090").choice.fits is False


def test_more_devices_than_rows_are_refused():
    with pytest.raises(UsageError, match="fewer than 2,048 devices"):
        plan("2048xGH200")


def test_a_sharding_that_is_none_there_is_refused():
    with pytest.raises(UsageError, match="cannot be sharded 'hybrid'"):
        plan("4xGH200", sharding="hybrid")


def test_epochs_need_tokens():
    with pytest.raises(UsageError, match="--tokens 60B"):
        plan("8xH100", bielik(steps=None, epochs=2.0))


def test_a_device_without_the_precision_is_refused():
    with pytest.raises(UsageError, match="V100 has no known peak for bf16"):
        plan("8xV100", bielik(precision="bf16"))
    assert plan("8xV100").precision == "fp32"


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 200), min_size=1, max_size=20),
    epochs=st.floats(0.1, 3.0),
)
def test_updates_are_those_of_the_packing_plan(lengths, epochs):
    config = tiny_config(epochs=epochs, warmup_steps=0)
    packing = PackingPlan(np.array(lengths), sequence_length=config.sequence_length, seed=0)
    blocks = max(round(epochs * packing.blocks_per_epoch), 1)
    updates = -(-blocks // config.blocks_per_batch)
    made = plan("H100", config, vocabulary=300, epoch_tokens=sum(lengths))
    assert (made.updates, made.tokens) == (updates, blocks * 32)


def test_a_record_is_plain_json_with_what_was_derived():
    record = json.loads(json.dumps(plan("256xGH200", price=2.0).record()))
    assert record["parameters"] == 7_241_732_096
    assert record["hours"] > 0
    assert record["cost"] == pytest.approx(2.0 * record["device_hours"])
    assert record["thresholds"]["share_of_general_purpose"] == record["flops_palm"] / 1e23
    assert record["choice"]["memory"]["weights"] > 0


@pytest.mark.parametrize("text", ["", "x", "0xH100", "8x", "8 H100", "-1xH100"])
def test_gpus_that_cannot_be_read_are_refused(text):
    with pytest.raises(UsageError):
        parse_gpus(text)


def test_gpus_are_read_with_and_without_a_count():
    assert (parse_gpus("RTX 4090").count, parse_gpus("8×h100").name) == (1, "H100")


def test_this_machine_has_a_measured_peak_or_a_known_one():
    here = this_machine(tiny_config(), measure=True)
    assert here.here
    assert (here.count, here.on_gpu, here.name != "") == (1, False, True)
    assert here.peak("fp32") > 1e6
    assert here.peak("fp8") is None
    assert this_machine(tiny_config(), measure=False).peak("fp32") is None


def test_without_a_probe_a_processor_runs_at_the_share_that_is_assumed():
    here = this_machine(tiny_config(), measure=True)
    made = plan_run(tiny_config(), vocabulary=300, epoch_tokens=None, machine=here, mfu=0.25)
    assert made.seconds == pytest.approx(made.flops_palm / (0.25 * here.peak("fp32")))
    assert made.choice.micro_rows == 2


def test_published_runs_imply_the_shares_that_their_authors_state():
    shares = {(run.name, run.device): run.utilisation() for run in PUBLISHED}
    assert shares["Bielik 7B v0.1, ALLaMo", "GH200"][0] == pytest.approx(0.46, abs=0.005)
    assert shares["TinyLlama 1.1B, its own code", "A100-40GB"][0] == pytest.approx(0.56, abs=0.01)
    assert shares["Llama 2 7B, fms-fsdp", "A100"][0] == pytest.approx(0.68, abs=0.015)
    assert shares["Llama 3.1 8B, torchtitan, compiled", "H100"][0] == pytest.approx(0.39, abs=0.005)
    apt = shares["APT3-1B, ALLaMo", "RTX4090"]
    assert apt[0] == apt[1] == pytest.approx(60e9 * 6e9 / (44 * 86400) / 165.2e12)
    assert all(palm >= causal for palm, causal in shares.values())
