"""What every scorer gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from mowa.evaluation._measures import Measure


@dataclass(frozen=True)
class Scored:
    """Figures over answers.

    Attributes:
        values: What each answer adds to the task's metric; None where it is not scored.
        measures: All that was measured, by name.
        main: The name of the task's own metric among them.
        counts: How many answers were empty, cut off, not readable …
        outputs: By id, what a scorer understood an answer as, where that differs from its text.
    """

    values: list[float | None]
    measures: dict[str, Measure]
    main: str
    counts: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
