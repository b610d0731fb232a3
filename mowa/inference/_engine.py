"""A checkpoint in torch: streaming text, and log-likelihoods of documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.utils import logging

from mowa.errors import DataError, UsageError
from mowa.inference._sampling import Sampler
from mowa.tokenizer import load_tokenizer

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")

# Positions scored at once, and logits held at once (2^25 take 128 MB in float32).
_TOKENS_AT_ONCE = 8192
_LOGITS_AT_ONCE = 1 << 25


class TorchEngine:
    """Any causal language model that `transformers` reads from a folder of safetensors.

    Attributes:
        model: The `transformers` model, in the precision that it is stored in.
        tokenizer: Its tokenizer; text that looks like a special token is text.
        window: Most tokens that the model sees at once (`max_position_embeddings`).
    """

    def __init__(self, model: Any, tokenizer: Tokenizer, *, device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.tokenizer = tokenizer
        self.device = device
        self.window = int(model.config.max_position_embeddings)
        self._bos: int | None = model.config.bos_token_id
        self._eos = _ids(model.generation_config.eos_token_id) | _ids(model.config.eos_token_id)

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> TorchEngine:
        """Read the model in the folder `path`; nothing is fetched from anywhere.

        Raises:
            UsageError: Where the folder holds no model, or only pickled weights, which run code
                when they are read; or where `device` is cuda and there is no GPU.
            DataError: Where a file is damaged.
        """
        if device not in ("auto", "cpu", "cuda"):
            raise UsageError(f"there is no device {device!r}", fix="choose auto, cpu or cuda")
        _refuse_pickles(path)
        if device == "cuda" and not torch.cuda.is_available():
            raise UsageError('device "cuda", but torch sees no GPU here', fix='use device "auto"')
        chosen = "cuda" if torch.cuda.is_available() and device != "cpu" else "cpu"
        showed_bars = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            model = AutoModelForCausalLM.from_pretrained(
                path, local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
        except Exception as error:  # transformers and safetensors raise whatever they meet
            raise DataError(
                f"the model cannot be loaded ({error})",
                where=str(path),
                fix="build it again: `mowa verify` tells which of its files have changed",
            ) from error
        finally:
            if showed_bars:
                logging.enable_progress_bar()
        return cls(model, load_tokenizer(path), device=torch.device(chosen))

    def tokenize(self, text: str) -> list[int]:
        """The ids of `text`, without BOS and EOS."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def stream(
        self,
        prompt: str,
        *,
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int = 0,
        stop_at_eos: bool = True,
    ) -> Iterator[str]:
        """Yield the continuation of `prompt` piece by piece, never half a character.

        Args:
            prompt: Any text; BOS is put before it.
            max_new_tokens: Most tokens to make.
            temperature: 0 always takes the likeliest token.
            top_p: Draw among the likeliest tokens that together have this probability.
            top_k: Draw among so many of the likeliest tokens; 0 for all.
            seed: The same seed gives the same text on the same machine.
            stop_at_eos: End where the model ends the document.

        Where text outgrows the model's window, its oldest quarter is forgotten.

        Raises:
            UsageError: For a temperature below 0, a top_p outside (0, 1], a top_k below 0.
        """
        sampler = Sampler(temperature=temperature, top_p=top_p, top_k=top_k, seed=seed)
        return self._stream(prompt, sampler, max_new_tokens, stop_at_eos=stop_at_eos)

    def generate(self, prompt: str, **options: Any) -> str:
        """The whole continuation that `stream` would yield, with the same options."""
        return "".join(self.stream(prompt, **options))

    def loglikelihood(self, documents: Sequence[Sequence[int]], *, stride: int) -> list[float]:
        """Sum of ln p over all tokens of each document but its first.

        The first window of a document holds as many tokens as the model sees at once; each further
        one begins `stride` tokens later and counts the tokens that no window has counted, which so
        have at least ``window - stride`` tokens of context.

        Raises:
            UsageError: For a stride that is not from 1 to the model's window.
        """
        if not 1 <= stride <= self.window:
            raise UsageError(f"stride {stride} is not from 1 to the model's window {self.window}")
        totals = [0.0] * len(documents)
        windows = [
            _Window(index, begin, stop, first)
            for index, document in enumerate(documents)
            for begin, stop, first in _windows(len(document), self.window, stride)
        ]
        # Windows of like length go together, so that little is padded; the longest first, so that
        # memory that does not suffice shows at once.
        windows.sort(key=lambda item: (item.begin - item.stop, item.document, item.begin))
        while windows:
            count = max(_TOKENS_AT_ONCE // (windows[0].stop - windows[0].begin), 1)
            batch, windows = windows[:count], windows[count:]
            for window, value in zip(batch, self._score(documents, batch), strict=True):
                totals[window.document] += value
        return totals

    def _stream(
        self, prompt: str, sampler: Sampler, max_new_tokens: int, *, stop_at_eos: bool
    ) -> Iterator[str]:
        context = [*([] if self._bos is None else [self._bos]), *self.tokenize(prompt)]
        decoder = DecodeStream(ids=context, skip_special_tokens=True)
        cache, unseen = DynamicCache(config=self.model.config), context
        for _ in range(max_new_tokens):
            if cache.get_seq_length() + len(unseen) > self.window:
                context = context[-max(self.window * 3 // 4, 1) :]
                cache, unseen = DynamicCache(config=self.model.config), context
            with torch.inference_mode():
                logits = self.model(
                    input_ids=torch.tensor([unseen], device=self.device),
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits[0, -1]
            token = sampler.draw(logits)
            if stop_at_eos and token in self._eos:
                return
            context, unseen = [*context, token], [token]
            piece = decoder.step(self.tokenizer, token)
            if piece:
                yield piece

    def _score(self, documents: Sequence[Sequence[int]], batch: list[_Window]) -> list[float]:
        """Sum of ln p of the counted tokens of each window."""
        longest = max(window.stop - window.begin for window in batch)
        # Padding stands after the tokens, where no token of a causal model sees it.
        inputs = torch.zeros(len(batch), longest, dtype=torch.long)
        labels = torch.full((len(batch), longest), -100)
        for row, window in enumerate(batch):
            tokens = torch.tensor(documents[window.document][window.begin : window.stop + 1])
            inputs[row, : len(tokens) - 1] = tokens[:-1]
            labels[row, window.first - window.begin : len(tokens) - 1] = tokens[
                window.first - window.begin + 1 :
            ]
        with torch.inference_mode():
            hidden = self.model.model(
                input_ids=inputs.to(self.device), use_cache=False
            ).last_hidden_state
            nll = self._nll(hidden.flatten(0, 1), labels.flatten().to(self.device))
        sums: list[float] = (-nll.view(len(batch), longest).double().sum(1)).tolist()
        return sums

    def _nll(self, hidden: Tensor, labels: Tensor) -> Tensor:
        head = self.model.get_output_embeddings()
        size = max(_LOGITS_AT_ONCE // self.model.config.vocab_size, 1)
        return torch.cat(
            [
                functional.cross_entropy(
                    head(part).float(), targets, reduction="none", ignore_index=-100
                )
                for part, targets in zip(
                    torch.split(hidden, size), torch.split(labels, size), strict=True
                )
            ]
        )


@dataclass(frozen=True)
class _Window:
    """Inputs ``begin:stop`` of a document, counted from the input `first` on."""

    document: int
    begin: int
    stop: int
    first: int


def _windows(length: int, window: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """Begin, stop and first counted input of each window over ``length - 1`` inputs."""
    inputs, counted, begin = length - 1, 0, 0
    while counted < inputs:
        stop = min(begin + window, inputs)
        yield begin, stop, counted
        counted, begin = stop, begin + stride


def _refuse_pickles(path: Path) -> None:
    if not (path / "config.json").is_file():
        raise UsageError("there is no model here (no config.json)", where=str(path))
    if any(path.glob("*.safetensors")):
        return
    pickles = sorted(file.name for pattern in _PICKLES for file in path.glob(pattern))
    if pickles:
        raise UsageError(
            f"the weights are pickled ({', '.join(pickles)}), and a pickle may run any code when it"
            " is read",
            where=str(path),
            fix="convert them to safetensors where you trust them, and load those",
        )
    raise UsageError("there are no weights here (no *.safetensors)", where=str(path))


def _ids(value: int | list[int] | None) -> frozenset[int]:
    if value is None:
        return frozenset()
    return frozenset([value] if isinstance(value, int) else value)
