"""Twenty updates on random tokens, in a process of their own: how fast, and how much memory."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from mowa.errors import MowaError, UsageError
from mowa.training._config import PretrainConfig
from mowa.training._flops import DecoderSizes
from mowa.training._resident import resident_bytes
from mowa.training.planner._calibration import Probe
from mowa.training.planner._estimate import optimizer_of, sizes_of

UPDATES = 20

# The first updates allocate, warm caches and, on a GPU, choose kernels.
_FIRST = 3

# More micro-batches in an update tell nothing new.
_MICRO_BATCHES = 4


def probe(config: PretrainConfig, vocabulary: int, *, updates: int = UPDATES) -> Probe:
    """Train the step's model for `updates` updates on random tokens, and measure.

    An update has as many micro-batches as the step's, but at most four. The child process ends
    with the probe, so its peak is that of the training alone.

    Raises:
        UsageError: Where torch is not installed, or the step reads its model.
        MowaError: Where the updates do not end well, for want of memory above all.
    """
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise UsageError(
            "a probe trains for a moment, which needs torch",
            fix="pip install 'mowa[train]', or plan without --probe",
        )
    if config.architecture is None and config.family is None:
        raise UsageError(
            "a probe makes the step's model anew, and this step reads one",
            fix="plan without --probe",
        )
    order = {"config": config.model_dump(mode="json"), "vocabulary": vocabulary, "updates": updates}
    ran = subprocess.run(  # noqa: S603 - this very file
        [sys.executable, "-m", __name__],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise _failed(ran.returncode, ran.stderr)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return Probe(**(found | {"sizes": DecoderSizes(**found["sizes"])}))


def _failed(code: int, messages: str) -> MowaError:
    last = (messages.strip().splitlines() or [""])[-1]
    out_of_memory = code == -signal.SIGKILL or "OutOfMemory" in messages
    what = "it needs more memory than there is" if out_of_memory else last or f"exit code {code}"
    return MowaError(
        f"the probe did not end well: {what}",
        fix="set a smaller micro_batch_size or a smaller architecture (--set steps.base…), or plan"
        " without --probe",
    )


def measure(  # noqa: PLR0915 - one update after another
    config: PretrainConfig, vocabulary: int, updates: int
) -> Probe:
    """Do what `probe` does, in this process."""
    import numpy as np
    import torch

    # Not used here, but a part of what the step holds.
    import mowa.training._pretrain  # noqa: F401
    from mowa.model import TokenizerFacts, build, build_family
    from mowa.training._compilation import compile_layers
    from mowa.training._distribution import Ranks
    from mowa.training._forward import Forward, stack
    from mowa.training._memory import peak_memory
    from mowa.training._optimizer import Optimizers, trained_part
    from mowa.training._plan import Block
    from mowa.training._runtime import (
        choose_device,
        choose_micro_batch,
        choose_precision,
        numerics,
    )

    device = choose_device(config.device)
    on_gpu = device.type == "cuda"
    precision = choose_precision(config.precision, device)
    length = config.sequence_length
    rows_at_once = min(
        choose_micro_batch(config.micro_batch_size, length, device, compiled=config.compile),
        config.blocks_per_batch,
    )
    count = min(math.ceil(config.blocks_per_batch / rows_at_once), _MICRO_BATCHES)
    base = 0.0 if on_gpu else float(resident_bytes())

    with numerics(threads=config.threads, seed=config.seed):
        facts = TokenizerFacts(vocabulary, 0, 1, 2)
        if config.family is not None:
            model = build_family(config.family, facts, config.seed)
        else:
            assert config.architecture is not None
            model = build(config.architecture, facts, config.seed)
        forward = Forward(model, device=device, precision=precision, sequence_length=length)
        trained_part(model, config, lambda _: None)
        optimizer = optimizer_of(config)
        optimizers = Optimizers(
            model, config, steps=updates, precision=precision, optimizer=optimizer
        )
        draw = np.random.default_rng(0)
        blocks = []
        for _ in range(rows_at_once):
            ids = draw.integers(0, vocabulary, length + 1)
            block = Block.empty(length)
            block.input_ids[:], block.labels[:], block.segments[:] = ids[:-1], ids[1:], 0
            blocks.append(block)
        rows = stack(blocks, device)
        compiled = config.compile and compile_layers(forward, rows, Ranks(), lambda _: None)
        model.train()

        def now() -> float:
            if on_gpu:
                torch.cuda.synchronize(device)
            return time.perf_counter()

        micro_seconds: list[float] = []
        optimizer_seconds: list[float] = []
        for update in range(updates):
            for _ in range(count):
                began = now()
                torch.autograd.backward(forward(rows) / (count * rows_at_once * length))
                micro_seconds.append(now() - began)
            began = now()
            optimizers.set_learning_rate(update)
            limit = config.grad_clip or math.inf
            torch.nn.utils.clip_grad_norm_(model.parameters(), limit, foreach=True)
            optimizers.step()
            optimizer_seconds.append(now() - began)

    peak = float(peak_memory(device))
    first = min(_FIRST, updates - 1)
    return Probe(
        sizes=sizes_of(config, vocabulary),
        optimizer=optimizer,
        precision=precision,
        device=torch.cuda.get_device_name(device) if on_gpu else "cpu",
        sequence_length=length,
        micro_batch_size=rows_at_once,
        compiled=compiled,
        updates=updates - first,
        micro_seconds=_median(micro_seconds[first * count :]),
        optimizer_seconds=_median(optimizer_seconds[first:]),
        base_bytes=base,
        peak_bytes=peak,
    )


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _main() -> None:
    order = json.load(sys.stdin)
    config = PretrainConfig.model_validate(order["config"])
    print(json.dumps(asdict(measure(config, order["vocabulary"], order["updates"]))))


if __name__ == "__main__":
    _main()
