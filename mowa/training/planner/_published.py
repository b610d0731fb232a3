"""Runs that others published, and what share of their devices' peak (MFU) their speed implies."""

from __future__ import annotations

from dataclasses import dataclass

from mowa.training._devices import accelerator
from mowa.training._flops import DecoderSizes, model_flops_utilisation, training_flops_per_token

_DAY = 86_400


@dataclass(frozen=True)
class PublishedRun:
    """What was published of a run.

    Attributes:
        name: Model and trainer.
        devices: How many.
        device: Their name in the table of peaks.
        sizes: Of the model; None where only its parameters are published.
        parameters: For the six operations a parameter where `sizes` is None.
        sequence_length: Tokens of a row.
        tokens_per_second: Of one device.
        source: Where the figures are from.
    """

    name: str
    devices: int
    device: str
    sizes: DecoderSizes | None
    sequence_length: int
    tokens_per_second: float
    source: str
    parameters: float = 0.0

    def utilisation(self) -> tuple[float, float]:
        """MFU by the conventions ``palm`` and ``causal``, in bf16.

        Where the sizes are not known both are 6·N, without any attention, and so a little low.
        """
        peak = accelerator(self.device).peak("bf16")
        assert peak is not None
        if self.sizes is None:
            share = model_flops_utilisation(self.tokens_per_second, 6 * self.parameters, peak)
            return share, share
        palm, causal = (
            model_flops_utilisation(
                self.tokens_per_second,
                training_flops_per_token(self.sizes, self.sequence_length, convention),
                peak,
            )
            for convention in ("palm", "causal")
        )
        return palm, causal


_MISTRAL_7B = DecoderSizes(4096, 32, 32, 8, 128, 14336, 32000, tied=False)
_LLAMA_2_7B = DecoderSizes(4096, 32, 32, 32, 128, 11008, 32000, tied=False)
_LLAMA_3_8B = DecoderSizes(4096, 32, 32, 8, 128, 14336, 128_256, tied=False)
_TINY_LLAMA = DecoderSizes(2048, 22, 32, 4, 64, 5632, 32000, tied=False)

PUBLISHED = (
    # 72.8 billion tokens: 17,350 updates of 1,024 rows of 4,096.
    PublishedRun(
        "Bielik 7B v0.1, ALLaMo",
        256,
        "GH200",
        _MISTRAL_7B,
        4096,
        9200,
        "Ociepa et al. 2024, arXiv 2410.18565: over 9,200 tokens a second and GPU",
    ),
    PublishedRun(
        "APT3-1B, ALLaMo",
        1,
        "RTX4090",
        None,
        2048,
        60e9 / (44 * _DAY),
        "README of ALLaMo: 60 billion tokens in 44 days; 10^9 parameters taken, 6·N alone",
        parameters=1e9,
    ),
    PublishedRun(
        "TinyLlama 1.1B, its own code",
        16,
        "A100-40GB",
        _TINY_LLAMA,
        2048,
        24000,
        "README of TinyLlama: 24,000 tokens a second and GPU",
    ),
    PublishedRun(
        "TinyLlama 1.1B, ALLaMo",
        8,
        "A100-40GB",
        _TINY_LLAMA,
        2048,
        26150,
        "Ociepa et al. 2024, arXiv 2410.18565, table of tokens a second",
    ),
    PublishedRun(
        "Llama 2 7B, fms-fsdp",
        128,
        "A100",
        _LLAMA_2_7B,
        4096,
        4550,
        "README of fms-fsdp",
    ),
    PublishedRun(
        "Llama 2 7B, fms-fsdp",
        96,
        "H100",
        _LLAMA_2_7B,
        4096,
        9600,
        "README of fms-fsdp",
    ),
    PublishedRun(
        "Llama 3.1 8B, torchtitan, compiled",
        8,
        "H100",
        _LLAMA_3_8B,
        8192,
        6667,
        "torchtitan, benchmarks/llama3_h100_202412; its GPUs are limited to 500 W",
    ),
)
