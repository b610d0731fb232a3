import pytest

from mowa.errors import UsageError
from mowa.training._devices import ACCELERATORS, accelerator, accelerator_called, measured_peak


@pytest.mark.parametrize(
    ("torch_name", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100-PCIe"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA H200 NVL", "H200-NVL"),
        ("NVIDIA GH200 480GB", "GH200"),
        ("NVIDIA A100-SXM4-40GB", "A100-40GB"),
        ("NVIDIA A100 80GB PCIe", "A100-PCIe"),
        ("NVIDIA GeForce RTX 4090", "RTX4090"),
        ("Tesla V100-SXM2-32GB", "V100"),
        ("AMD Instinct MI300X", "MI300X"),
    ],
)
def test_a_device_is_known_by_the_name_that_torch_gives_it(torch_name, name):
    found = accelerator_called(torch_name)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "torch_name", ["NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 4090 D", "cpu", ""]
)
def test_a_device_that_only_sounds_alike_has_no_peak(torch_name):
    assert accelerator_called(torch_name) is None


def test_names_are_taken_as_people_write_them():
    for text in ("rtx 4090", "RTX-4090", "4090"):
        assert accelerator(text).name == "RTX4090"
    with pytest.raises(UsageError, match="no device 'H500' in the table"):
        accelerator("H500")


def test_no_peak_is_the_figure_for_sparse_matrices():
    # What the data sheets print with 2:4 sparsity, in 10^12 operations a second.
    sparse = {"H100": 1979, "H200": 1979, "A100": 624, "H100-PCIe": 1513, "B200": 4500}
    for name, printed in sparse.items():
        assert accelerator(name).tflops["bf16"] == pytest.approx(printed / 2, rel=1e-3)


def test_every_device_has_a_source_and_figures_that_fall_with_precision():
    assert len({device.name for device in ACCELERATORS}) == len(ACCELERATORS)
    for device in ACCELERATORS:
        assert device.source
        known = [
            device.tflops[name] for name in ("fp8", "bf16", "tf32", "fp32") if name in device.tflops
        ]
        assert known == sorted(known, reverse=True)
        assert device.peak("fp32") == device.tflops["fp32"] * 1e12
    assert accelerator("V100").peak("bf16") is None


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_a_processor_has_a_measured_peak(dtype):
    assert measured_peak("cpu", dtype, size=64, seconds=0.0) > 1e6
