"""What a recipe says of a classifier; free of heavy imports."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mowa.workspace import StepConfig, runtime

Kind = Literal["quality", "topic"]


class ClassifierConfig(StepConfig):
    """A classifier trained on labelled documents of one corpus.

    Where the label files lie does not change what is made of them: the fingerprint holds the hash
    of each.
    """

    labels: list[str] = runtime(..., "files of labels, relative to the recipe's data folder")
    kind: Kind = Field("quality", description="quality: from signals; topic: from words")
    classes: list[str] = Field(
        [],
        description="the classes in their order; empty: HIGH, MEDIUM, LOW for quality, and for"
        " topic those of the labels",
    )
