"""Models of any family that `transformers` has: made anew, or read from a directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from mowa.errors import DataError, UsageError
from mowa.model._config import FamilyConfig, TokenizerFacts


def build_family(config: FamilyConfig, tokenizer: TokenizerFacts, seed: int) -> Any:
    """A model in float32 on the CPU, with the weights that `transformers` draws for `seed`.

    A model with experts is told to give its router's loss, which trains the router to use them all.

    Raises:
        UsageError: Where `transformers` knows no such family, or the settings do not fit it.
    """
    settings: dict[str, Any] = {
        **config.settings,
        "vocab_size": tokenizer.vocab_size,
        "bos_token_id": tokenizer.bos_id,
        "eos_token_id": tokenizer.eos_id,
        "pad_token_id": tokenizer.pad_id,
        "dtype": "float32",
    }
    try:
        made = AutoConfig.for_model(config.name, **settings)
        _with_router_loss(made)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return AutoModelForCausalLM.from_config(made, dtype=torch.float32)
    except (
        ValueError, TypeError, AttributeError, KeyError, RuntimeError, StrictDataclassError,
    ) as error:  # fmt: skip
        first_line = " ".join(str(error).split())
        raise UsageError(
            f"transformers cannot make a {config.name!r} of these settings: {first_line}",
            where="family",
            fix="name it as model_type in config.json does, and give settings that file would have",
        ) from error


def load_model(folder: Path) -> Any:
    """The causal language model in `folder`, in float32 on the CPU.

    Only safetensors are read: a pickle would run what it holds. Code that a folder brings along is
    not run either.

    Raises:
        DataError: Where there is no model, no weights in safetensors, or they do not fit the model.
    """
    if not (folder / "config.json").exists():
        raise DataError("there is no model here: no config.json", where=str(folder))
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for path in (*folder.glob("*.bin"), *folder.glob("*.pt*")))
        what = f", only {', '.join(pickled)}, which may run code" if pickled else ""
        raise DataError(
            f"there are no weights in safetensors{what}",
            where=str(folder),
            fix="save the model with save_pretrained(..., safe_serialization=True)"
            if pickled
            else "copy model.safetensors (or its parts and their index) into it",
        )
    _refuse_quantized(folder / "config.json")
    showed_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (
        OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError,
        StrictDataclassError,
    ) as error:  # fmt: skip
        first_line = " ".join(str(error).split())[:300]
        raise DataError(f"the model cannot be read: {first_line}", where=str(folder)) from error
    finally:
        if showed_bars:
            logging.enable_progress_bar()
    missing = sorted(report["missing_keys"])
    if missing or report["mismatched_keys"]:
        wrong = missing or [key for key, *_ in report["mismatched_keys"]]
        raise DataError(
            f"the weights do not fit config.json: {len(wrong)} are missing or of another shape,"
            f" {wrong[0]} first",
            where=str(folder),
        )
    _with_router_loss(model.config)
    return model


def _refuse_quantized(path: Path) -> None:
    # What transformers makes of them depends on which packages are installed beside it.
    try:
        quantized = json.loads(path.read_text("utf-8")).get("quantization_config")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"the model cannot be read: {error}", where=str(path)) from error
    if quantized:
        raise DataError(
            "the model cannot be read: its weights are quantized",
            where=str(path),
            fix="take the same model in bfloat16 or float32",
        )


def _with_router_loss(config: Any) -> None:
    if getattr(config, "router_aux_loss_coef", None):
        config.output_router_logits = True
