"""What a person writes of models: shapes, families, adapters, merging; checked without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from mowa.errors import DataError
from mowa.workspace import StepConfig

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
MODEL_FILES = ("config.json", "generation_config.json", *TOKENIZER_FILES)
"""What lies in the folder of a model beside its weights."""


class ArchitectureConfig(StepConfig):
    """A decoder with RoPE, RMSNorm and SwiGLU (Llama 2/3), of any size."""

    hidden_size: int = Field(..., description="width of the residual stream", ge=2)
    layers: int = Field(..., description="number of decoder layers", ge=1)
    heads: int = Field(..., description="number of attention heads", ge=1)
    kv_heads: int | None = Field(
        None, description="heads of keys and values (grouped-query attention); null: as heads", ge=1
    )
    ffn_size: int | None = Field(
        None,
        description="inner width of the feed-forward part; null: 8/3 of hidden_size, up to a"
        " multiple of 64",
        ge=1,
    )
    context: int = Field(..., description="longest sequence in tokens", ge=2)
    tie_embeddings: bool = Field(
        True,  # noqa: FBT003 - pydantic takes the default by position
        description="the output layer shares the matrix of the input embeddings",
    )
    rope_theta: float = Field(10_000.0, description="base period of the rotary positions", gt=0)
    norm_eps: float = Field(1e-5, description="epsilon of RMSNorm", gt=0)
    init_std: float = Field(
        0.02,
        description="standard deviation of the initial weights; the projections that write into the"
        " residual stream get it divided by sqrt(2 layers), as in GPT-2",
        gt=0,
    )

    @model_validator(mode="after")
    def _shapes_fit(self) -> ArchitectureConfig:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads};"
                f" nearest that is: {_nearest_multiple(self.hidden_size, self.heads)}"
            )
        if self.head_size % 2:
            raise ValueError(
                f"the head size, hidden_size / heads = {self.head_size}, must be even: rotary"
                " positions turn pairs of dimensions"
            )
        if self.heads % self.key_value_heads:
            raise ValueError(
                f"heads {self.heads} is not a multiple of kv_heads {self.key_value_heads}"
            )
        return self

    @property
    def head_size(self) -> int:
        """Dimensions of one attention head."""
        return self.hidden_size // self.heads

    @property
    def key_value_heads(self) -> int:
        """`kv_heads`, or its default."""
        return self.kv_heads or self.heads

    @property
    def feed_forward_size(self) -> int:
        """`ffn_size`, or its default: 8/3 of SwiGLU's three matrices cost what 4 of two would."""
        return self.ffn_size or _up_to_multiple(8 * self.hidden_size, 3 * 64)


class ImportModelConfig(StepConfig):
    """Take a model from a folder that an inventory describes; the files decide all."""


class FamilyConfig(StepConfig):
    """A model of any family that `transformers` can make, by its settings there.

    Weights are drawn as `transformers` draws them. What the tokenizer decides (size of the
    vocabulary, ids of special tokens) is set by it.
    """

    name: str = Field(..., description='as in config.json\'s model_type: "qwen3", "gemma3_text" …')
    settings: dict[str, Any] = Field(
        ..., description="as in config.json: hidden_size, num_hidden_layers …"
    )


class LoraConfig(StepConfig):
    """Train small matrices beside frozen linear layers (LoRA, Hu et al. 2021, section 4.1).

    A layer with the weights W becomes W x + scale B A x, where A and B have `rank` rows and columns
    and scale is alpha / rank.
    """

    rank: int = Field(16, description="rows of A, columns of B", ge=1)
    alpha: float = Field(
        32.0, description="how much an adapter counts: scale is alpha / rank", gt=0
    )
    dropout: float = Field(
        0.0, description="share of the inputs of A that is left out while training", ge=0, lt=1
    )
    targets: list[str] = Field(
        [],
        description='names of linear layers, whole or from a dot on: "q_proj", "*_proj",'
        ' "layers.3.mlp.*"; none: every linear layer but the output layer',
    )
    rslora: bool = Field(
        False,  # noqa: FBT003 - pydantic takes the default by position
        description="scale is alpha / sqrt(rank), so that a high rank learns as fast as a low one"
        " (Kalajdzievski 2023)",
    )

    @property
    def scale(self) -> float:
        """What B A x is multiplied by."""
        return self.alpha / (self.rank**0.5 if self.rslora else self.rank)


class MergeModelsConfig(StepConfig):
    """The mean of the weights of models that were trained from one beginning."""

    weights: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = Field(
        None,
        description="how much each model counts, in the order of reads; divided by their sum;"
        " null: all the same",
    )

    def check_reads(self, kinds: Sequence[str]) -> None:
        """Raise a `ValueError` for fewer than two models, or another number of weights."""
        if len(kinds) < 2:
            raise ValueError("merging needs two models or more")
        if self.weights is not None and len(self.weights) != len(kinds):
            raise ValueError(f"there are {len(self.weights)} weights for {len(kinds)} models")


def parameter_count(config: ArchitectureConfig, vocab_size: int) -> int:
    """How many parameters the model has, tied embeddings counted once.

    Example:
        >>> shape = ArchitectureConfig(hidden_size=320, layers=8, heads=5, context=512)
        >>> parameter_count(shape, 8192)
        12784960
    """
    width = config.hidden_size
    key_value_width = config.key_value_heads * config.head_size
    attention = 2 * width * width + 2 * width * key_value_width
    feed_forward = 3 * width * config.feed_forward_size
    embeddings = vocab_size * width * (1 if config.tie_embeddings else 2)
    return embeddings + config.layers * (attention + feed_forward + 2 * width) + width


@dataclass(frozen=True)
class TokenizerFacts:
    """What a model must know of its tokenizer.

    One without BOS or padding, as Qwen's, has EOS in their place.
    """

    vocab_size: int
    bos_id: int
    eos_id: int
    pad_id: int

    @classmethod
    def read(cls, folder: Path) -> TokenizerFacts:
        """Read them from `tokenizer.json` and `tokenizer_config.json`, without `tokenizers`.

        Raises:
            DataError: Where a file or a special token is missing.
        """
        try:
            tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
            names = dict(json.loads((folder / "tokenizer_config.json").read_text("utf-8")))
            ids = _ids(tokenizer["model"]["vocab"])
            ids |= {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"this is not a readable tokenizer ({error})",
                where=str(folder),
                fix="build the tokenizer again",
            ) from error
        eos = _special_id(names, "eos", ids, folder)
        bos, pad = (
            _special_id(names, role, ids, folder) if names.get(f"{role}_token") else eos
            for role in ("bos", "pad")
        )
        return cls(max(ids.values()) + 1, bos, eos, pad)


def _ids(vocabulary: dict[str, int] | list[list[Any]]) -> dict[str, int]:
    """A Unigram model has pairs of token and score, in the order of their ids."""
    if isinstance(vocabulary, dict):
        return dict(vocabulary)
    return {token: number for number, (token, _) in enumerate(vocabulary)}


def _special_id(names: dict[str, Any], role: str, ids: dict[str, int], folder: Path) -> int:
    token = names.get(f"{role}_token")
    content = token.get("content") if isinstance(token, dict) else token
    if content not in ids:
        raise DataError(
            f"the tokenizer has no {role}_token",
            where=str(folder / "tokenizer_config.json"),
            fix="train the tokenizer with the special tokens <s>, </s> and <pad>",
        )
    return ids[content]


def _up_to_multiple(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` rounded up, times 64."""
    return -(-numerator // denominator) * 64


def _nearest_multiple(value: int, of: int) -> int:
    return max(round(value / of), 1) * of
