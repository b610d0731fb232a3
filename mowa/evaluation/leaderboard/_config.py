"""The configuration of the leaderboard step; light, so that a recipe is checked without Polars."""

from __future__ import annotations

from pydantic import Field

from mowa.workspace import StepConfig

ITEMS = 1_000
"""Items of a task that can be looked at: enough to see a pattern, a few megabytes a task."""


class LeaderboardConfig(StepConfig):
    """What the site is called, and how much of the items it shows."""

    title: str | None = Field(
        None,
        min_length=1,
        max_length=120,
        description="the site's title, the same in all languages",
    )
    items: int = Field(
        ITEMS,
        ge=0,
        description="show at most so many items of each task with the models' answers; 0 for none,"
        " where the licence of a task does not let its items be published",
    )
