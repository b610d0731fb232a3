import pytest

from mowa.errors import UsageError
from mowa.training._flops import DecoderSizes, training_flops_per_token
from mowa.training.planner import Calibration, Probe, memory_per_device
from mowa.training.planner._calibration import optimizer_work

SMALL = DecoderSizes(192, 4, 3, 3, 64, 512, 4096)
MIDDLE = DecoderSizes(320, 6, 5, 5, 64, 896, 4096)
LARGE = DecoderSizes(512, 8, 8, 8, 64, 1408, 4096)


def made_up(sizes, *, optimizer="adamw", exponent=0.2, base=300e6, slope=1.3, **changes):
    """A probe of a machine whose speed is a power of the work of a token."""
    per_token = training_flops_per_token(sizes, 256, "palm")
    formula = memory_per_device(
        sizes, optimizer=optimizer, precision="fp32", micro_tokens=1024
    ).total
    values = {
        "sizes": sizes,
        "optimizer": optimizer,
        "precision": "fp32",
        "device": "cpu",
        "sequence_length": 256,
        "micro_batch_size": 4,
        "compiled": False,
        "updates": 17,
        "micro_seconds": 1024 * per_token / (1e9 * per_token**exponent),
        "optimizer_seconds": 1e-9 * optimizer_work(sizes, optimizer),
        "base_bytes": base,
        "peak_bytes": base + slope * formula,
    }
    return Probe(**(values | changes))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_two_probes_find_the_machine_behind_them(optimizer):
    calibration = Calibration([made_up(one, optimizer=optimizer) for one in (SMALL, LARGE)])
    found = calibration.predict(MIDDLE, sequence_length=256, rows_per_update=8, micro_rows=4)
    truth = made_up(MIDDLE, optimizer=optimizer)
    seconds = 2 * truth.micro_seconds + truth.optimizer_seconds
    assert found.update_seconds == pytest.approx(seconds, rel=0.01)
    assert found.tokens_per_second == pytest.approx(2048 / seconds, rel=0.01)
    assert found.peak_bytes == pytest.approx(truth.peak_bytes, rel=1e-6)


def test_one_probe_gives_back_what_it_measured():
    probe = made_up(MIDDLE)
    found = Calibration([probe]).predict(
        MIDDLE, sequence_length=256, rows_per_update=12, micro_rows=4
    )
    assert found.update_seconds == pytest.approx(3 * probe.micro_seconds + probe.optimizer_seconds)
    assert found.peak_bytes == pytest.approx(probe.peak_bytes)
    flops = 12 * 256 * training_flops_per_token(MIDDLE, 256, "palm")
    assert found.flops_per_second == pytest.approx(flops / found.update_seconds)


def test_probes_of_two_machines_are_not_put_together():
    with pytest.raises(UsageError, match="different devices or settings"):
        Calibration([made_up(SMALL), made_up(LARGE, precision="bf16")])


def test_muon_works_with_the_matrices_and_adamw_with_everything():
    assert optimizer_work(SMALL, "adamw") == SMALL.parameters
    attention = 4 * 5 * (4 * 192**3 + 2 * 192**3)
    feed_forward = 3 * 5 * (4 * 192**2 * 512 + 2 * 192**3)
    assert optimizer_work(SMALL, "muon") == 4 * (attention + feed_forward)
