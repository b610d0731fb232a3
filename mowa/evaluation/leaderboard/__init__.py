"""The leaderboard: results of evaluation as a site that opens from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mowa.evaluation.leaderboard._config import LeaderboardConfig

if TYPE_CHECKING:
    from mowa.evaluation.leaderboard._build import Built, build

__all__ = ["Built", "LeaderboardConfig", "build"]


def __getattr__(name: str) -> Any:
    if name not in ("Built", "build"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}._build"), name)
