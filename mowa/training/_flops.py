"""How many floating-point operations training takes, from the sizes of a decoder alone.

Two conventions are in use, and they differ in the attention only. **palm** counts the whole square
of scores, 12·L·d·s for a token (Chowdhery et al. 2022, PaLM, appendix B). **causal** counts the
half that a causal mask leaves, 6·L·d·s. Both count 6 for each weight that a token is multiplied
with (2 forward, 4 backward: Kaplan et al. 2020, section 2.1), fewer where a weight is not trained
(`Trained`), and neither counts what is computed again under activation checkpointing, nor norms,
softmax and other work that is no matrix product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from mowa.errors import UsageError
from mowa.model import ArchitectureConfig

Convention = Literal["palm", "causal"]


@dataclass(frozen=True)
class DecoderSizes:
    """What parameters, FLOPs and memory of a decoder depend on.

    Attributes:
        hidden: Width of the residual stream.
        layers: Decoder layers.
        heads: Attention heads.
        kv_heads: Heads of keys and values; fewer than `heads` with grouped-query attention.
        head: Dimensions of one head.
        feed_forward: Inner width of the feed-forward part; of one expert where there are experts.
        vocabulary: Tokens of the tokenizer.
        tied: The output layer shares the matrix of the input embeddings.
        gated: The feed-forward part has three matrices (SwiGLU), not two.
        experts: Feed-forward parts of a layer, from which a router chooses; 1: no router.
        active_experts: How many of them a token goes through.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    feed_forward: int
    vocabulary: int
    tied: bool = True
    gated: bool = True
    experts: int = 1
    active_experts: int = 1

    @classmethod
    def of(cls, architecture: ArchitectureConfig, vocabulary: int) -> DecoderSizes:
        """The sizes of a recipe's architecture with a tokenizer of `vocabulary` tokens."""
        return cls(
            hidden=architecture.hidden_size,
            layers=architecture.layers,
            heads=architecture.heads,
            kv_heads=architecture.key_value_heads,
            head=architecture.head_size,
            feed_forward=architecture.feed_forward_size,
            vocabulary=vocabulary,
            tied=architecture.tie_embeddings,
        )

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any], vocabulary: int) -> DecoderSizes:
        """The sizes of a model by what stands in the config.json of `transformers`.

        Raises:
            UsageError: Where width, layers or heads are not there by their usual names.
        """
        try:
            hidden, heads = int(settings["hidden_size"]), int(settings["num_attention_heads"])
            layers = int(settings["num_hidden_layers"])
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"the model's settings do not say its {error}") from error
        return cls(
            hidden=hidden,
            layers=layers,
            heads=heads,
            kv_heads=int(settings.get("num_key_value_heads") or heads),
            head=int(settings.get("head_dim") or hidden // heads),
            feed_forward=int(
                settings.get("moe_intermediate_size")
                or settings.get("intermediate_size")
                or 4 * hidden
            ),
            vocabulary=vocabulary,
            tied=bool(settings.get("tie_word_embeddings", False)),
            experts=int(settings.get("num_local_experts") or settings.get("num_experts") or 1),
            active_experts=int(settings.get("num_experts_per_tok") or 1),
        )

    @property
    def attention_width(self) -> int:
        """Dimensions of all heads together."""
        return self.heads * self.head

    @property
    def kv_width(self) -> int:
        """Dimensions of all heads of keys together."""
        return self.kv_heads * self.head

    @property
    def embedding(self) -> int:
        """Weights of one matrix of embeddings."""
        return self.vocabulary * self.hidden

    @property
    def layer_matrices(self) -> int:
        """Weights of the matrices of one layer, every expert counted."""
        return self._layer_matrices(self.experts)

    @property
    def parameters(self) -> int:
        """All parameters, tied embeddings counted once."""
        norms = self.layers * 2 * self.hidden + self.hidden
        embeddings = self.embedding * (1 if self.tied else 2)
        return embeddings + self.layers * self.layer_matrices + norms

    @property
    def active_matrices(self) -> int:
        """Weights that one token is multiplied with: layers and output layer, active experts only.

        Looking up an input embedding multiplies nothing; a tied matrix counts once, as the output
        layer.
        """
        return self.layers * self._layer_matrices(self.active_experts) + self.embedding

    def _layer_matrices(self, experts: int) -> int:
        attention = 2 * self.hidden * (self.attention_width + self.kv_width)
        expert = (3 if self.gated else 2) * self.hidden * self.feed_forward
        router = self.hidden * self.experts if self.experts > 1 else 0
        return attention + experts * expert + router


def with_defaults(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """What stands in a config.json, and the defaults of its family (`model_type`).

    Without `transformers`, or where it does not know the family, `settings` as they are.

    Raises:
        UsageError: Where the settings do not fit the family.
    """
    if "model_type" not in settings or find_spec("transformers") is None:
        return settings
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    family = settings["model_type"]
    if family not in CONFIG_MAPPING:
        return settings
    given = {name: value for name, value in settings.items() if name != "model_type"}
    try:
        made: dict[str, Any] = AutoConfig.for_model(family, **given).to_dict()
    except (ValueError, TypeError, AttributeError, KeyError, StrictDataclassError) as error:
        first_line = " ".join(str(error).split())
        raise UsageError(
            f"transformers cannot make a {family!r} of these settings: {first_line}"
        ) from error
    return made


@dataclass(frozen=True)
class Trained:
    """What is trained of a model of which something is frozen.

    A matrix W of N weights takes 2·N operations for y = W·x; going back, 2·N for the gradient of
    x, Wᵀ·∂y, and 2·N for its own, ∂y·xᵀ. The last is not computed where W is frozen (4·N in all),
    the one before not where nothing that is trained lies below W (2·N). So it is with attention,
    whose two products become four going back. Layers count whole, and the output layer always.

    Attributes:
        matrices: Weights of trained matrices that one token is multiplied with.
        adapters: Weights of adapters: matrices of their own, beside those of `DecoderSizes`.
        layers: Through so many, from the last one down, gradients go.
    """

    matrices: float
    adapters: int
    layers: int

    @classmethod
    def of(cls, model: Any, sizes: DecoderSizes) -> Trained | None:
        """What of a model of `transformers` wants a gradient; None where all does."""
        named = dict(model.named_parameters())
        trained = {name: one for name, one in named.items() if one.requires_grad}
        if len(trained) == len(named):
            return None
        output = getattr(model.get_output_embeddings(), "weight", None)
        matrices, adapters, lowest = 0.0, 0, sizes.layers
        for name, one in trained.items():
            layer = re.search(r"\.layers\.(\d+)\.", name)
            if layer is not None:
                lowest = min(lowest, int(layer[1]))
            elif one is model.get_input_embeddings().weight:
                lowest = 0
            if name.endswith((".lora_a", ".lora_b")):
                adapters += one.numel()
            elif one.ndim >= 2 and (layer is not None or one is output):
                share = sizes.active_experts / sizes.experts if ".experts." in name else 1.0
                matrices += share * one.numel()
        return cls(matrices, adapters, sizes.layers - lowest)


def training_flops_per_token(
    sizes: DecoderSizes,
    sequence_length: int,
    convention: Convention,
    trained: Trained | None = None,
) -> float:
    """Operations of a forward and a backward pass for one token of a row of `sequence_length`.

    Args:
        sizes: Of the model.
        sequence_length: Tokens of a row.
        convention: Of the attention.
        trained: Where something is frozen; None: everything is trained.

    Grouped queries do not change the attention: every head of queries still meets every key.
    Where documents are packed and masked from each other, less is computed than either convention
    says.

    Example:
        >>> gpt3 = DecoderSizes(hidden=12288, layers=96, heads=96, kv_heads=96, head=128,
        ...     feed_forward=4 * 12288, vocabulary=50257, gated=False)
        >>> round(training_flops_per_token(gpt3, 2048, "palm") / 1e12, 3)
        1.076
    """
    each = 4 if convention == "palm" else 2
    attention = each * sizes.attention_width * sequence_length
    if trained is None:
        return float(6 * sizes.active_matrices + 3 * sizes.layers * attention)
    layer = (sizes.active_matrices - sizes.embedding) / sizes.layers
    passed = trained.layers * layer + sizes.embedding
    matrices = 2 * (sizes.active_matrices + passed + trained.matrices) + 6 * trained.adapters
    return float(matrices + (sizes.layers + 2 * trained.layers) * attention)


def model_flops_utilisation(
    tokens_per_second: float, flops_per_token: float, peak_flops: float
) -> float:
    """What share of a device's peak goes into the operations of the model (MFU).

    Args:
        tokens_per_second: Of one device, or of several together with their peaks together.
        flops_per_token: By `training_flops_per_token`.
        peak_flops: Dense, in operations a second.
    """
    return tokens_per_second * flops_per_token / peak_flops
