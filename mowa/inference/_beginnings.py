"""The beginning that many texts share, the examples of a task say: its keys and values, once."""

from __future__ import annotations

from collections.abc import Sequence

from mowa.inference._attention import SharedKeys
from mowa.inference._forward import Forward
from mowa.inference._pairs import common

# Fewer tokens cost less with each text than on their own.
_WORTH_SHARING = 16

# By chance a portion of the texts has a few tokens more in common than all have.
_AS_GOOD = 0.9


class Beginnings:
    """Keeps the last beginning, for texts that come in portions."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._ids: list[int] = []
        self._held = SharedKeys({})

    def of(self, texts: Sequence[list[int]]) -> SharedKeys:
        """Keys and values of what all `texts` begin with; of nothing where that is short."""
        count = common(texts) if len(texts) > 1 else 0
        if count < _WORTH_SHARING:
            return SharedKeys({})
        ids = texts[0][:count]
        known = len(self._ids)
        if not (_AS_GOOD * count <= known <= count and self._ids == ids[:known]):
            self._ids, self._held = ids, self._forward.beginning(ids)
        return self._held
