import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_training import tiny_config

from mowa.errors import UsageError
from mowa.model import FamilyConfig, TokenizerFacts, build_family
from mowa.training import PretrainConfig, _flops
from mowa.training._flops import DecoderSizes, training_flops_per_token, with_defaults
from mowa.training._plan import PackingPlan
from mowa.training.planner import PUBLISHED, going_on, parse_gpus, plan_run, this_machine
from mowa.training.planner._estimate import sizes_of

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


def test_several_passes_need_room_for_undivided_gradients():
    one, four = (
        plan("8xH100", bielik(global_batch_size=8 * 4096 * each, micro_batch_size=1)).choice.memory
        for each in (1, 4)
    )
    parameters = 7_241_732_096
    assert four.gradients - one.gradients == 4 * parameters * 7 / 8
    assert four.total - one.total == four.gradients - one.gradients


def test_what_the_recipe_says_of_sharding_and_checkpointing_is_planned():
    assert plan("8xH100", bielik(activation_checkpointing=True)).choice.checkpointing is True
    assert (
        plan("8xH100", bielik(activation_checkpointing=True), checkpointing=False)
        .choice.checkpointing
        is False
    )  # fmt: skip
    for group, way in ((2, "hybrid"), (8, "full"), (1, "none")):
        choice = plan("8xH100", bielik(shard_processes=group)).choice
        assert (choice.sharding, choice.shards) == (way, group)
    assert plan("8xH100", bielik(shard_processes=2), sharding="full").choice.shards == 8
    assert plan("1xH100", bielik(shard_processes=8)).choice.shards == 1
    with pytest.raises(UsageError, match="shard_processes 3 does not divide the 8 devices"):
        plan("8xH100", bielik(shard_processes=3))


def test_a_family_has_the_sizes_of_transformers_own_configuration():
    """What the recipe leaves out is the family's default: a head's size, experts, tied matrices."""
    given = {
        "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 96, "max_position_embeddings": 64,
    }  # fmt: skip
    for name, told in {
        "qwen3": {"head": 128, "kv_heads": 32, "experts": 1, "tied": False},
        "gemma3_text": {"head": 256, "kv_heads": 4, "experts": 1, "tied": True},
        "mixtral": {"head": 16, "kv_heads": 8, "experts": 8, "active_experts": 2},
    }.items():
        family = FamilyConfig(name=name, settings=given)
        config = tiny_config(architecture=None, family={"name": name, "settings": given})
        sizes = sizes_of(config, 300)
        assert {key: getattr(sizes, key) for key in told} == told
        if name == "gemma3_text":
            model = build_family(family, TokenizerFacts(300, 0, 1, 2), 0)
            matrices = sum(
                p.numel() for key, p in model.named_parameters() if ".layers." in key and p.ndim > 1
            )
            assert sizes.layers * sizes.layer_matrices == matrices


def test_without_transformers_a_family_has_the_sizes_that_the_recipe_says(monkeypatch):
    monkeypatch.setattr(_flops, "find_spec", lambda _: None)
    settings = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    family = {"name": "qwen3", "settings": settings}
    assert sizes_of(tiny_config(architecture=None, family=family), 300).head == 16


def test_a_family_that_transformers_does_not_know_or_cannot_make():
    settings = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    unknown = settings | {"model_type": "no-such-family"}
    assert with_defaults(unknown) == unknown
    with pytest.raises(UsageError, match="transformers cannot make a 'qwen3'"):
        with_defaults(settings | {"model_type": "qwen3", "num_hidden_layers": "x"})


def test_a_model_that_was_written_has_the_same_sizes_by_its_settings(tmp_path):
    family = FamilyConfig(
        name="qwen3",
        settings={"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
    )
    model = build_family(family, TokenizerFacts(300, 0, 1, 2), 0)
    model.config.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    whole = DecoderSizes.of_settings(model.config.to_dict(), 300)
    assert DecoderSizes.of_settings(with_defaults(written), 300) == whole
    few = {"model_type": "qwen3", **family.settings}
    assert DecoderSizes.of_settings(with_defaults(few), 300) == whole


def test_updates_before_the_checkpoint_are_not_planned_again(tmp_path):
    config = tiny_config(architecture=None, start="checkpoint")
    for name, optimizer in (("step-00000004", "adamw"), ("step-00000010", "muon")):
        folder = tmp_path / "checkpoints" / name
        folder.mkdir(parents=True)
        state = {"optimizer": optimizer, "precision": "bf16"}
        (folder / "state.json").write_text(json.dumps(state))
    (tmp_path / "checkpoints" / ".step-00000011.partial").mkdir()
    assert going_on(tiny_config(), tmp_path) == (tiny_config(), 0)
    taken, done = going_on(config, tmp_path)
    assert (taken.optimizer, taken.precision, done) == ("muon", config.precision, 10)
    taken, _ = going_on(config.model_copy(update={"precision": "auto"}), tmp_path)
    assert taken.precision == "bf16"
    sizes = sizes_of(tiny_config(), 300)
    made = plan("H100", config, vocabulary=300, sizes=sizes, done=10)
    assert (made.updates, made.tokens) == (2, 2 * 128)
    with pytest.raises(UsageError, match="steps 12 is not above the 12 updates"):
        plan("H100", config, vocabulary=300, sizes=sizes, done=12)
    with pytest.raises(UsageError, match="no checkpoint"):
        going_on(config, tmp_path / "elsewhere")
    epochs = tiny_config(architecture=None, start="checkpoint", epochs=1.0, warmup_steps=0)
    again = plan("H100", epochs, vocabulary=300, sizes=sizes, done=10, epoch_tokens=1024)
    assert again.updates == 8


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
