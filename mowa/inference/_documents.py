"""How likely whole documents are: in windows that overlap, where they are longer than one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mowa.inference._forward import TOKENS_AT_ONCE, Forward

_IGNORED = -100


def document_scores(
    forward: Forward, documents: Sequence[Sequence[int]], *, window: int, stride: int
) -> list[float]:
    """Sum of ln p over all tokens of each document but its first.

    Args:
        forward: The model.
        documents: Token ids.
        window: Most tokens that go in at once.
        stride: Tokens between the beginnings of two windows.
    """
    totals = [0.0] * len(documents)
    left = [
        _Window(index, begin, stop, first)
        for index, document in enumerate(documents)
        for begin, stop, first in windows(len(document), window, stride)
    ]
    # Windows of like length go together, so that little is padded; the longest first, so that
    # memory that does not suffice shows at once.
    left.sort(key=lambda item: (item.begin - item.stop, item.document, item.begin))
    while left:
        count = max(TOKENS_AT_ONCE // (left[0].stop - left[0].begin), 1)
        if forward.sight is None:
            count = 1  # not every model that sees text in its own way leaves padding out
        batch, left = left[:count], left[count:]
        for item, value in zip(batch, _score(forward, documents, batch), strict=True):
            totals[item.document] += value
    return totals


def windows(length: int, window: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """Begin, stop and first counted input of each window over ``length - 1`` inputs."""
    inputs, counted, begin = length - 1, 0, 0
    while counted < inputs:
        stop = min(begin + window, inputs)
        yield begin, stop, counted
        counted, begin = stop, begin + stride


@dataclass(frozen=True)
class _Window:
    """Inputs ``begin:stop`` of a document, counted from the input `first` on."""

    document: int
    begin: int
    stop: int
    first: int


def _score(
    forward: Forward, documents: Sequence[Sequence[int]], batch: list[_Window]
) -> list[float]:
    """Sum of ln p of the counted tokens of each window."""
    longest = max(window.stop - window.begin for window in batch)
    # Padding stands after the tokens, where no token of a causal model sees it.
    inputs = torch.zeros(len(batch), longest, dtype=torch.long)
    labels = torch.full((len(batch), longest), _IGNORED)
    for row, window in enumerate(batch):
        tokens = torch.tensor(documents[window.document][window.begin : window.stop + 1])
        inputs[row, : len(tokens) - 1] = tokens[:-1]
        labels[row, window.first - window.begin : len(tokens) - 1] = tokens[
            window.first - window.begin + 1 :
        ]
    with torch.inference_mode():
        hidden = forward.plain(inputs.to(forward.device)).flatten(0, 1)
        nll = _nll(forward, hidden, labels.flatten().to(forward.device))
    sums: list[float] = (-nll.view(len(batch), longest).double().sum(1)).tolist()
    return sums


def _nll(forward: Forward, hidden: Tensor, labels: Tensor) -> Tensor:
    size = forward.positions_at_once
    return torch.cat(
        [
            functional.cross_entropy(
                forward.logits(part), targets, reduction="none", ignore_index=_IGNORED
            )
            for part, targets in zip(
                torch.split(hidden, size), torch.split(labels, size), strict=True
            )
        ]
    )
