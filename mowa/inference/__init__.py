"""Text from models: one protocol, for now one engine, a checkpoint in torch."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mowa.inference._engine import TorchEngine

__all__ = ["TorchEngine"]


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is first asked for."""
    if name != "TorchEngine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mowa.inference._engine import TorchEngine

    return TorchEngine
