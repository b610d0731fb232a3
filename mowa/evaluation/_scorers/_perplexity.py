"""How many bits a model needs for a byte of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mowa.evaluation._answers import Answer
from mowa.evaluation._measures import Array, Measure, ratio
from mowa.evaluation._scorers._scored import Scored
from mowa.evaluation._task import Task


def perplexity(task: Task, answers: Sequence[Answer]) -> Scored:
    """Bits per byte over all documents; perplexity per byte, and per word, beside it."""
    del task
    nats = [-answer.logprobs[0] for answer in answers]
    sizes = [answer.bytes[0] for answer in answers]
    words = [len(answer.choices[0].split()) for answer in answers]
    bits = [value / math.log(2) for value in nats]
    return Scored(
        values=[one / max(size, 1) for one, size in zip(bits, sizes, strict=True)],
        measures={
            "bits-per-byte": ratio(bits, sizes),
            "byte_perplexity": _exponential(ratio(nats, sizes)),
            "word_perplexity": _exponential(ratio(nats, words)),
        },
        main="bits-per-byte",
    )


def _exponential(measure: Measure) -> Measure:
    def of(sums: Array) -> Array:
        with np.errstate(over="ignore"):
            found: Array = np.exp(measure.of(sums))
        return found

    return Measure(measure.columns, of)
