"""The finished model on disk, and what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.tensor import DTensor
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from mowa.errors import MowaError, UsageError
from mowa.inference import TorchEngine
from mowa.model import (
    TOKENIZER_FILES,
    LoraConfig,
    lora_layers,
    merged_weights,
    save_lora,
    with_lora,
)
from mowa.training._checkpoint import Checkpoint, Checkpoints, written_error
from mowa.training._config import PretrainConfig
from mowa.training._distribution import Ranks
from mowa.workspace import disk_error, link_or_copy, write_text

_TEMPERATURE, _TOP_P = 0.8, 0.95
_ADAPTER = "adapter"


def write_model(
    model: Any, tokenizer: Path, out: Path, ranks: Ranks | None = None, *, base: str = ""
) -> None:
    """Write `model` into `out` with ``save_pretrained``, and the tokenizer's files beside it.

    Where the model is divided among processes, the first of them gets all and writes it. Adapters
    are written as ``adapter/``, and merged into the model's weights; `base` is the model that they
    were trained beside.
    """
    whole: dict[str, Tensor] | None = None
    if ranks is not None and ranks.mesh is not None:
        whole = _gathered(model, ranks)
        if not ranks.is_first:
            return
    if lora_layers(model):
        weights = whole or model.state_dict()
        save_lora(model, out / _ADAPTER, base=base, state=weights)
        with torch.no_grad():
            whole = merged_weights(model, weights)
    model.config.use_cache = True
    showed_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model.save_pretrained(out, state_dict=whole)
    except OSError as error:
        raise disk_error(error, out) from error
    except SafetensorError as error:
        raise written_error(error, out) from error
    finally:
        if showed_bars:
            logging.enable_progress_bar()
    _copy_tokenizer(tokenizer, out)


def write_settings(model: Any, tokenizer: Path, out: Path) -> None:
    """Write what a checkpoint needs to become a model: its settings and the tokenizer's files."""
    model.config.save_pretrained(out)
    _copy_tokenizer(tokenizer, out)


def export_checkpoint(run: Path, out: Path, *, step: int | None = None) -> Checkpoint:
    """Make a model that `transformers` loads out of a checkpoint of `run`.

    Args:
        run: Folder of the model or of the unfinished run: has ``config.json`` and ``checkpoints/``.
        out: A new or empty folder.
        step: Which checkpoint; the newest without it.

    Raises:
        UsageError: Where `out` is not empty, or there is no such checkpoint.
        MowaError: Where the checkpoint is damaged, or not of that model.
    """
    if out.exists() and any(out.iterdir()):
        raise UsageError("this folder is not empty", where=str(out), fix="name a new one")
    checkpoints = Checkpoints(run / "checkpoints", cleans=False)
    names = checkpoints.names()
    wanted = f"step-{step:08d}" if step is not None else None
    if not names or (wanted and wanted not in names):
        there = ", ".join(f"{int(name.removeprefix('step-'))}" for name in names) or "none"
        raise UsageError(
            "there is no such checkpoint" if wanted else "there are no checkpoints here",
            where=str(run),
            fix=f"checkpoints that are there: {there}; keep_optimizer and keep_checkpoint_every"
            " keep them when a run ends",
        )
    name = wanted or names[-1]
    with _while_it_is_there(checkpoints.folder / name):
        found = checkpoints.read(name)
    config = AutoConfig.from_pretrained(run, local_files_only=True, trust_remote_code=False)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    adapters = found.state["identity"]["config"].get("lora")
    if adapters:
        with_lora(model, LoraConfig.model_validate(adapters), seed=0)
    with _while_it_is_there(found.path):
        found.load({f"model/{name}": value.detach() for name, value in model.named_parameters()})
    out.mkdir(parents=True, exist_ok=True)
    write_model(model, run, out)
    return found


@contextmanager
def _while_it_is_there(checkpoint: Path) -> Iterator[None]:
    """The run removes its older checkpoints meanwhile."""
    try:
        yield
    except (OSError, CheckpointException, MowaError):
        if checkpoint.exists():
            raise
        raise UsageError(
            "the run has removed this checkpoint while it was read",
            where=str(checkpoint),
            fix="export again, or a step of those that keep_checkpoint_every keeps",
        ) from None


def _copy_tokenizer(tokenizer: Path, out: Path) -> None:
    for name in TOKENIZER_FILES:
        if (tokenizer / name).exists() and not (out / name).exists():
            link_or_copy(tokenizer / name, out / name)


def _gathered(model: Any, ranks: Ranks) -> dict[str, Tensor]:
    """All weights on the CPU of the first process; every process must take part."""
    whole: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        full = value.full_tensor() if isinstance(value, DTensor) else value
        if ranks.is_first:
            whole[name] = full.detach().cpu()
    return whole


def continue_prompts(config: PretrainConfig, out: Path) -> list[dict[str, Any]]:
    """Continue each of the prompts with the model in `out`, and write samples.json."""
    samples: list[dict[str, Any]] = []
    if config.prompts:
        engine = TorchEngine.load(out, device=config.device)
        for prompt in config.prompts:
            continuation = engine.generate(
                prompt,
                max_new_tokens=config.prompt_tokens,
                temperature=_TEMPERATURE,
                top_p=_TOP_P,
                seed=config.seed,
            )
            samples.append(
                {
                    "prompt": prompt,
                    "continuation": continuation,
                    "temperature": _TEMPERATURE,
                    "top_p": _TOP_P,
                    "seed": config.seed,
                }
            )
    write_text(out / "samples.json", json.dumps(samples, ensure_ascii=False, indent=1) + "\n")
    return samples
