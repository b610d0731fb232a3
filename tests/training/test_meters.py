"""What a line of metrics.jsonl says of the use of the hardware."""

import pytest
import torch
from tiny_training import VOCABULARY, tiny_config

from mowa.model import TokenizerFacts, build
from mowa.training import _meters
from mowa.training._flops import DecoderSizes, training_flops_per_token
from mowa.training._meters import Meters, meters
from mowa.training._optimizer import freeze

SIZES = DecoderSizes(64, 2, 4, 4, 16, 176, 300)


def per_token(convention):
    return training_flops_per_token(SIZES, 128, convention)


def test_where_the_peak_is_known_a_line_has_the_share_of_it():
    peak = 1e12
    line = Meters(SIZES, None, 128, peak, None).line(1e5)
    assert line == {
        "mfu_palm": pytest.approx(1e5 * per_token("palm") / peak, abs=1e-4),
        "mfu_causal": pytest.approx(1e5 * per_token("causal") / peak, abs=1e-4),
    }
    assert line["mfu_palm"] > line["mfu_causal"] > 0


def test_where_it_is_not_a_line_has_operations_and_without_sizes_nothing():
    expected = round(1e5 * per_token("palm"))
    assert Meters(SIZES, None, 128, None, None).line(1e5) == {"flops_per_second": expected}
    assert Meters(None, None, 128, 1e12, None).line(1e5) == {}


def test_the_peak_is_that_of_all_devices_together(monkeypatch):
    monkeypatch.setattr(_meters.torch.cuda, "get_device_name", lambda _: "NVIDIA H100 80GB HBM3")
    monkeypatch.setenv("LOCAL_RANK", "1")  # which counts no energy
    with meters(
        tiny(), device=torch.device("cuda"), precision="bf16", world=8, sequence_length=32
    ) as meter:
        assert meter.peak == 8 * 989.4e12
        assert set(meter.line(1e9)) == {"mfu_palm", "mfu_causal"}
        assert (meter.joules(), meter.measured_how()) == (0.0, [])


def test_a_frozen_matrix_counts_less():
    lines = []
    for patterns in ([], ["*.mlp.*"]):
        model = tiny()
        freeze(model, patterns)
        with meters(
            model, device=torch.device("cpu"), precision="fp32", world=1, sequence_length=32
        ) as meter:
            lines.append(meter.line(1.0)["flops_per_second"])
    matrices = sum(p.numel() for name, p in tiny().named_parameters() if ".mlp." in name)
    assert lines[0] - lines[1] == 2 * matrices


def tiny():
    return build(tiny_config().architecture, TokenizerFacts(VOCABULARY, 0, 1, 2), 0)
