import pytest
from pydantic import ValidationError
from tiny_training import tiny_config

from mowa.workspace import identity_of, runtime_of


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": None}, "give exactly one of steps and epochs: neither is given"),
        (
            {"sequence_length": 65, "global_batch_size": 130},
            "sequence_length 65 is longer than architecture.context 64",
        ),
        ({"global_batch_size": 100}, "not a multiple of sequence_length 32; nearest that is: 96"),
        ({"warmup_steps": 12}, "warmup_steps 12 is not below steps 12"),
        (
            {"muon_learning_rate": 0.01, "optimizer": "adamw"},
            'muon_learning_rate is given, but optimizer is not "muon"',
        ),
        ({"betas": [0.9, 1.0]}, "betas must be at least 0 and below 1"),
        ({"betas": [0.9]}, "betas"),
        ({"optimizer": "sgd"}, "'adamw' or 'muon'"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"architecture": {"heads": 5}}, "nearest that is: 30"),
        ({"dropout": 0.1}, "dropout"),
        ({"family": {"name": "qwen3", "settings": {}}}, "give one of architecture and family"),
        ({"stages": [{"begin": 0.5, "weights": {"a": 1.0}}]}, "stages must begin at 0"),
        ({"stages": [{"weights": {"a": 0.0}}]}, "weights must be 0 or more, and one of them more"),
        ({"skip_spikes": 0.0}, "skip_spikes"),
    ],
)
def test_a_configuration_that_does_not_fit_together_is_refused(change, message):
    with pytest.raises(ValidationError) as caught:
        tiny_config(**change)
    assert message in str(caught.value)


def test_both_steps_and_epochs_are_refused():
    values = tiny_config().model_dump() | {"epochs": 2.0}
    with pytest.raises(ValidationError, match="both are given"):
        type(tiny_config()).model_validate(values)


def test_how_the_work_is_done_is_not_identity():
    identity, runtime = identity_of(tiny_config()), runtime_of(tiny_config())
    assert set(runtime) == {
        "device",
        "activation_checkpointing",
        "check_forward",
        "keep_checkpoint_every",
        "keep_checkpoints",
        "processes",
        "shard_processes",
        "tensorboard",
        "micro_batch_size",
        "compile",
        "threads",
        "checkpoint_every_seconds",
        "checkpoint_every_steps",
        "eval_documents",
        "eval_every",
        "prompts",
        "prompt_tokens",
        "log_every",
        "keep_optimizer",
    }
    assert identity["precision"] == "fp32"
    assert identity["architecture"]["hidden_size"] == 32
