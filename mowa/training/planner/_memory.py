"""How much memory each device needs while a decoder trains, part by part."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mowa.training._flops import DecoderSizes

# Logits that the loss makes at once.
_LOGITS_AT_ONCE = 1 << 24

# Bytes that autograd keeps of one layer for each token, counted with saved-tensor hooks on Llama
# layers (tests/training/planner): multiples of the width of the residual stream and of the
# feed-forward part. Kept are, of each of two norms, its input and its normalised input (float32
# both) and its output; queries, keys and values, each as wide as all heads, and the attention's
# output; of the feed-forward part the gate before and after SiLU, the other branch, the product.
_KEPT = {"fp32": (40, 16), "bf16": (34, 8)}

# Bytes that one logit takes at the peak: itself, its log-softmax and its gradient; under bf16 each
# also passes through float32.
_LOGIT = {"fp32": 12, "bf16": 16}

# On a CPU in bf16, rows of up to `_LONGEST` tokens keep the weights of their pairs: each query's
# with the keys up to the end of its block of `_QUERIES` (mowa/training/_blocked.py).
_LONGEST, _QUERIES = 2048, 128

_FLOAT = 4
_BF16 = 2


@dataclass(frozen=True)
class Memory:
    """Bytes on one device at the peak of an update.

    Attributes:
        weights: float32 masters, or this device's shard of them.
        casts: Weights in bf16, as they are multiplied: all of them, or with sharding two layers,
            one at work and one on its way, and the embeddings.
        gradients: float32, or this device's shard and one whole layer. Where an update has more
            than one pass, nothing is added up among the devices before the last: until then every
            device keeps the sums of all gradients whole, and in the last pass they give way to the
            shard, layer by layer.
        moments: The optimizer's state: AdamW two float32 a weight, Muon one for layers' matrices.
        activations: What autograd keeps of one micro-batch.
        logits: Of one chunk of the loss.
    """

    weights: float
    casts: float
    gradients: float
    moments: float
    activations: float
    logits: float

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(float(getattr(self, field.name)) for field in fields(self))


def memory_per_device(
    sizes: DecoderSizes,
    *,
    optimizer: str,
    precision: str,
    micro_tokens: int,
    row_tokens: int | None = None,
    shards: int = 1,
    passes: int = 1,
    checkpointing: bool = False,
) -> Memory:
    """The peak by formula; buffers of the libraries and fragmentation come on top.

    Args:
        sizes: Of the model.
        optimizer: ``adamw`` or ``muon``.
        precision: ``bf16`` or ``fp32``.
        micro_tokens: Tokens that go through the model at once on one device.
        row_tokens: Tokens of a row, on a CPU; None on a GPU, whose attention keeps no pairs.
        shards: Devices that share one copy of weights, gradients and moments; 1: none do.
        passes: Micro-batches of one update on one device.
        checkpointing: Only the input of every layer is kept, and one layer at a time made again
            (Chen et al. 2016).
    """
    whole = sizes.parameters
    matrices = sizes.layers * sizes.layer_matrices
    moments = (
        _FLOAT * matrices + 2 * _FLOAT * (whole - matrices)
        if optimizer == "muon"
        else 2 * _FLOAT * whole
    )
    embeddings = sizes.embedding * (1 if sizes.tied else 2)
    if precision == "fp32" and shards == 1:
        casts = 0
    else:
        size = _BF16 if precision == "bf16" else _FLOAT
        held = whole if shards == 1 else min(2 * sizes.layer_matrices + embeddings, whole)
        casts = size * held
    one_layer = _FLOAT * sizes.layer_matrices if shards > 1 else 0
    return Memory(
        weights=_FLOAT * whole / shards,
        casts=casts,
        gradients=_FLOAT * whole / (shards if passes == 1 else 1) + one_layer,
        moments=moments / shards,
        activations=_activations(
            sizes, precision, micro_tokens, row_tokens=row_tokens, checkpointing=checkpointing
        ),
        logits=_LOGIT[precision] * min(_LOGITS_AT_ONCE, micro_tokens * sizes.vocabulary),
    )


def _activations(
    sizes: DecoderSizes,
    precision: str,
    micro_tokens: int,
    *,
    row_tokens: int | None,
    checkpointing: bool,
) -> float:
    stream, feed_forward = _KEPT[precision]
    layer: float = stream * sizes.hidden + feed_forward * sizes.feed_forward * sizes.active_experts
    if row_tokens and row_tokens <= _LONGEST and precision == "bf16":
        layer += _BF16 * sizes.heads * (row_tokens + min(_QUERIES, row_tokens)) / 2
    kept = _FLOAT * sizes.hidden * sizes.layers + layer if checkpointing else layer * sizes.layers
    final_norm = 3 * _FLOAT * sizes.hidden
    return float(micro_tokens * (kept + final_norm))
