import pytest
import torch
from tiny_training import tiny_config

from mowa.errors import MowaError, UsageError
from mowa.training._forward import Forward
from mowa.training.planner import Calibration, plan_run, probe, this_machine
from mowa.training.planner import _probe as module


def test_a_probe_times_updates_and_sees_the_peak_of_its_own_process():
    found = probe(tiny_config(), 300, updates=4)
    assert (found.device, found.precision, found.compiled) == ("cpu", "fp32", False)
    assert (found.micro_batch_size, found.sequence_length, found.updates) == (2, 32, 1)
    assert found.micro_seconds > 0
    assert found.optimizer_seconds > 0
    # torch alone takes some two hundred megabytes; this test's own process must not be counted.
    assert 50e6 < found.base_bytes <= found.peak_bytes < 5e9

    machine = this_machine(tiny_config(), measure=False)
    made = plan_run(tiny_config(), vocabulary=300, epoch_tokens=None, machine=machine, probed=found)
    update = 2 * found.micro_seconds + found.optimizer_seconds
    assert made.seconds == pytest.approx(12 * update)
    assert made.peak_bytes == pytest.approx(found.peak_bytes)
    assert (made.probed, made.mfu) == (True, None)
    assert Calibration([found])


def test_measuring_in_this_process_gives_the_same_sizes():
    found = module.measure(tiny_config(optimizer="muon"), 300, updates=2)
    assert (found.sizes.vocabulary, found.optimizer, found.updates) == (300, "muon", 1)


@pytest.mark.parametrize(
    ("code", "messages", "said"),
    [
        (-9, "", "needs more memory than there is"),
        (1, "torch.OutOfMemoryError: CUDA out of memory", "needs more memory than there is"),
        (1, "Traceback …\nValueError: no", "ValueError: no"),
        (3, "", "exit code 3"),
    ],
)
def test_a_probe_that_fails_says_why_and_what_to_do(code, messages, said, monkeypatch):
    def ran(*_, **__):
        return module.subprocess.CompletedProcess([], code, "", messages)

    monkeypatch.setattr(module.subprocess, "run", ran)
    with pytest.raises(MowaError, match=said):
        probe(tiny_config(), 300)


def test_without_torch_a_probe_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs torch"):
        probe(tiny_config(), 300)


def test_a_step_that_reads_its_model_is_not_probed():
    with pytest.raises(UsageError, match="makes the step's model anew, and this step reads one"):
        probe(tiny_config(architecture=None), 300)


def test_what_is_frozen_is_frozen_in_the_probe():
    with pytest.raises(UsageError, match="no parameter is named like"):
        module.measure(tiny_config(freeze=["*.mpl.*"]), 300, updates=2)


@pytest.mark.parametrize(("error", "told"), [(RuntimeError, False), (torch.OutOfMemoryError, None)])
def test_a_probe_goes_on_without_a_compiler_but_not_without_memory(monkeypatch, error, told):
    def broken(*_, **__):
        raise error("what torch says")

    monkeypatch.setattr(Forward, "compile_layers", broken)
    config = tiny_config(compile=True)
    if told is None:
        with pytest.raises(torch.OutOfMemoryError):
            module.measure(config, 300, updates=2)
    else:
        assert module.measure(config, 300, updates=2).compiled is told
