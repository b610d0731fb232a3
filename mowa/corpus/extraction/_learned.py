"""Main text by boosted trees that say of each block whether it is a part of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mowa.corpus._trees import Trees, load, predict_proba
from mowa.corpus.extraction._blocks import Block, Blocks
from mowa.corpus.extraction._features import features

# What is more likely than this to be main text is kept.
THRESHOLD = 0.5


def main_blocks(page: Blocks, title: str) -> list[Block]:
    """The blocks that are main text, in their order."""
    if not page.blocks:
        return []
    likely = probabilities(page, title) > THRESHOLD
    return [block for block, is_main in zip(page.blocks, likely, strict=True) if is_main]


def probabilities(page: Blocks, title: str) -> NDArray[np.float64]:
    """How likely each block is main text."""
    return predict_proba(_model(), features(page, title))[:, 1]


@cache
def _model() -> Trees:
    return load(Path(__file__).with_name("_model.npz"))
