"""From documents to a trained model: token shards, packing plan, the loop, checkpoints."""

from typing import TYPE_CHECKING, Any

from mowa.training._config import PretrainConfig
from mowa.training._dialogue_config import FinetuneConfig, OriginWeights, PreferConfig
from mowa.training._tokens_config import MixtureConfig, MixtureGroup, TokensConfig

if TYPE_CHECKING:
    from mowa.training._split import TokenSplit

__all__ = [
    "FinetuneConfig",
    "MixtureConfig",
    "MixtureGroup",
    "OriginWeights",
    "PreferConfig",
    "PretrainConfig",
    "TokenSplit",
    "TokensConfig",
]


def __getattr__(name: str) -> Any:
    """What needs polars is imported when it is first asked for."""
    if name != "TokenSplit":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mowa.training._split import TokenSplit

    return TokenSplit
