"""How far people who labelled the same documents agree: Krippendorff's alpha."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

from mowa.corpus.labels._file import Label

Level = Literal["nominal", "ordinal"]


@dataclass(frozen=True)
class Agreement:
    """What several people said of the same texts.

    Attributes:
        annotators: Labels by person.
        texts: Labelled texts, and
        shared: those of them that two or more people labelled.
        nominal: Krippendorff's alpha with all classes equally far apart; None where no text is
            shared or all labels are one class.
        ordinal: The same with the classes in their order; None too where they have none.
        classes: Of each class: `labels`, and on shared texts the pairs of people who `agree` and
            those of whom only one said it, `disagree`.
    """

    annotators: dict[str, int]
    texts: int
    shared: int
    nominal: float | None
    ordinal: float | None
    classes: dict[str, dict[str, int]]


def agreement(labels: Iterable[Label], classes: Sequence[str], *, ordered: bool) -> Agreement:
    """Compare what people said; copies of one text count as one.

    Args:
        labels: As `read_labels` gives them.
        classes: All classes, in their order.
        ordered: Do the classes have an order?
    """
    said: dict[str, dict[str, str]] = defaultdict(dict)
    for label in labels:
        assert label.label is not None
        said[label.content_hash].setdefault(label.annotator, label.label)
    units = [list(by.values()) for by in said.values()]
    counts = {name: {"labels": 0, "agree": 0, "disagree": 0} for name in classes}
    for unit in units:
        found = Counter(unit)
        for name, count in found.items():
            counts[name]["labels"] += count
            counts[name]["agree"] += count * (count - 1) // 2
            counts[name]["disagree"] += count * (len(unit) - count)
    people = Counter(person for by in said.values() for person in by)
    return Agreement(
        annotators=dict(sorted(people.items())),
        texts=len(units),
        shared=sum(len(unit) > 1 for unit in units),
        nominal=krippendorff_alpha(units, classes, "nominal"),
        ordinal=krippendorff_alpha(units, classes, "ordinal") if ordered else None,
        classes=counts,
    )


def krippendorff_alpha(
    units: Iterable[Sequence[str]], classes: Sequence[str], level: Level
) -> float | None:
    """Krippendorff's alpha: 1 is full agreement, 0 what chance gives.

    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", with its coincidence
    matrix: within each unit every ordered pair of values weighs 1/(m - 1), m its values.

    Args:
        units: The values that each thing got, by whomever; those with one value are left out.
        classes: Every value there is, in order.
        level: ``nominal``: two values are the same or not; ``ordinal``: they are as far apart as
            there are values between them.

    Returns:
        None where no unit has two values, or all values are one.

    Example:
        >>> krippendorff_alpha([["a", "a"], ["b", "b"], ["a", "b"]], ["a", "b"], "nominal")
        0.4444444444444444
    """
    place = {name: index for index, name in enumerate(classes)}
    weights: dict[tuple[int, int], float] = defaultdict(float)
    totals = [0] * len(classes)
    for unit in units:
        if len(unit) < 2:
            continue
        found = Counter(place[value] for value in unit)
        for one, count in found.items():
            totals[one] += count
            for other, again in found.items():
                ordered = count * (again - (one == other))
                weights[one, other] += ordered / (len(unit) - 1)
    distance = _distances(totals, level)
    whole = sum(totals)
    observed = sum(weight * distance(*pair) for pair, weight in sorted(weights.items()))
    used = [index for index, count in enumerate(totals) if count]
    expected = sum(totals[a] * totals[b] * distance(a, b) for a in used for b in used)
    if not expected:
        return None
    return 1 - (whole - 1) * observed / expected


def _distances(totals: Sequence[int], level: Level) -> Callable[[int, int], float]:
    """Squared distance of two classes, given how often each occurs."""
    until = [0, *accumulate(totals)]

    def distance(one: int, other: int) -> float:
        if one == other:
            return 0.0
        if level == "nominal":
            return 1.0
        low, high = min(one, other), max(one, other)
        between = until[high + 1] - until[low]
        return (between - (totals[low] + totals[high]) / 2) ** 2

    return distance


def as_rows(found: Agreement) -> dict[str, Any]:
    """The agreement as plain values, for `metrics.json`."""
    return {
        "annotators": found.annotators,
        "texts": found.texts,
        "shared": found.shared,
        "alpha_nominal": found.nominal,
        "alpha_ordinal": found.ordinal,
        "classes": found.classes,
    }
