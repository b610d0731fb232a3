"""How likely continuations are: rows of like length together, what they share computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from mowa.inference._attention import PADDING, TRUNK, Places, SharedKeys
from mowa.inference._beginnings import Beginnings
from mowa.inference._forward import TOKENS_AT_ONCE, Forward
from mowa.inference._pairs import Pair, Row, rows

_SEEN_AT_ONCE = 1 << 26  # pairs of positions in a mask: 64 MB


class ChoiceScorer:
    """Scores pairs with one model."""

    def __init__(self, forward: Forward, beginnings: Beginnings) -> None:
        self._forward, self._beginnings = forward, beginnings

    def scores(self, found: Sequence[Pair]) -> Iterator[tuple[Pair, float, bool]]:
        """Yield each pair, the sum of ln p over its continuation, and whether all is greedy."""
        for pair in found:
            if pair.start == len(pair.ids):
                yield pair, 0.0, True
        found = [pair for pair in found if pair.start < len(pair.ids)]
        if self._forward.sight is None:
            # Each alone: not every model that sees text in its own way leaves padding out.
            for pair in found:
                ids = torch.tensor([pair.ids[:-1]], device=self._forward.device)
                yield from self._read(
                    self._forward.plain(ids)[0], [Row([pair], pair.ids[:-1], [[]])]
                )
            return
        whole = rows([pair for pair in found if not pair.cut])
        cut = rows([pair for pair in found if pair.cut])
        # What foretells a continuation's first token is not shared: its hidden state is needed.
        shared = self._beginnings.of([row.trunk[: row.pairs[0].start - 1] for row in whole])
        for group, held in ((whole, shared), (cut, SharedKeys({}))):
            for batch in _batches(group, held.get_seq_length()):
                yield from self._score(batch, held)

    def _score(self, batch: list[Row], held: SharedKeys) -> Iterator[tuple[Pair, float, bool]]:
        device = self._forward.device
        first = held.get_seq_length()
        longest = max(map(len, batch)) - first
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        position = torch.zeros_like(ids)
        branch = torch.full_like(ids, PADDING)
        for number, row in enumerate(batch):
            at = 0
            trunk = len(row.trunk)
            for name, part in enumerate([row.trunk[first:], *row.branches]):
                begin = trunk if name else first
                stop = at + len(part)
                ids[number, at:stop] = torch.tensor(part, dtype=torch.long)
                position[number, at:stop] = torch.arange(begin, begin + len(part))
                branch[number, at:stop] = name or TRUNK
                at = stop
        queries = Places(position.to(device), branch.to(device))
        keys = Places.trunk(0, first, device).before(queries) if first else queries
        hidden = self._forward.seeing(ids.to(device), queries, keys, held)
        yield from self._read(hidden.flatten(0, 1), batch, first=first, stride=longest)

    def _read(
        self, hidden: Tensor, batch: list[Row], *, first: int = 0, stride: int = 0
    ) -> Iterator[tuple[Pair, float, bool]]:
        """Look up each token of each continuation where it is foretold.

        Args:
            hidden: Hidden states, of shape (positions, width), row after row.
            batch: The rows.
            first: Tokens of each row that stand before its hidden states.
            stride: Positions a row.
        """
        owners: list[Pair] = []
        targets: list[tuple[int, int, int]] = []  # place of the hidden state, token, owner
        for number, row in enumerate(batch):
            trunk = len(row.trunk)
            after = trunk
            for pair, part in zip(row.pairs, row.branches, strict=True):
                for at in range(pair.start, len(pair.ids)):
                    place = at - 1 if at - 1 < trunk else after + at - 1 - trunk
                    targets.append((number * stride + place - first, pair.ids[at], len(owners)))
                after += len(part)
                owners.append(pair)
        sums, greedy = self._looked_up(hidden, targets, len(owners))
        yield from zip(owners, sums, greedy, strict=True)

    def _looked_up(
        self, hidden: Tensor, targets: list[tuple[int, int, int]], owners: int
    ) -> tuple[list[float], list[bool]]:
        if not targets:
            return [0.0] * owners, [True] * owners
        place, token, owner = torch.tensor(targets, device=hidden.device).T
        needed, slot = place.unique(return_inverse=True)  # each hidden state once
        order = slot.argsort(stable=True)
        token, owner, slot = token[order], owner[order], slot[order]
        logprobs = torch.empty(len(slot), dtype=torch.float64, device=hidden.device)
        likeliest = torch.empty(len(slot), dtype=torch.bool, device=hidden.device)
        size = self._forward.positions_at_once
        for begin in range(0, len(needed), size):
            logits = self._forward.logits(hidden[needed[begin : begin + size]])
            low, high = torch.searchsorted(
                slot, torch.tensor([begin, begin + size], device=slot.device)
            ).tolist()
            row, wanted = slot[low:high] - begin, token[low:high]
            totals = logits.logsumexp(-1)
            logprobs[low:high] = (logits[row, wanted] - totals[row]).double()
            likeliest[low:high] = logits.argmax(-1)[row] == wanted
        sums = torch.zeros(owners, dtype=torch.float64, device=hidden.device)
        sums.index_add_(0, owner, logprobs)
        misses = torch.zeros(owners, dtype=torch.long, device=hidden.device)
        misses.index_add_(0, owner, (~likeliest).long())
        return sums.tolist(), [missed == 0 for missed in misses.tolist()]


def _batches(found: list[Row], shared: int) -> Iterator[list[Row]]:
    """Rows of like length together, the longest first: too little memory then shows at once."""
    left = sorted(found, key=lambda row: (-len(row), row.pairs[0].request, row.pairs[0].choice))
    while left:
        longest = len(left[0]) - shared
        count = min(TOKENS_AT_ONCE // longest, _SEEN_AT_ONCE // (longest * (longest + shared)))
        batch, left = left[: max(count, 1)], left[max(count, 1) :]
        yield batch
