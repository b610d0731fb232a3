"""What a recipe says of the steps tokens and mixture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from mowa.workspace import StepConfig, runtime


class TokensConfig(StepConfig):
    """The kept documents of a corpus as token shards; its inputs decide all that comes out."""

    batch_bytes: int = runtime(
        4_000_000, "about so much text is encoded at once; more takes more memory", ge=1
    )

    def check_reads(self, kinds: Sequence[str]) -> None:
        """The tokenizer is one by itself, or a model's."""
        if kinds.count("tokenizer") + kinds.count("model") != 1:
            raise ValueError("read one tokenizer, or one model, whose tokenizer is taken")


class MixtureGroup(StepConfig):
    """Sources that are mixed as one."""

    sources: list[str] = Field(
        ["*"], min_length=1, description='names of sources; "*" takes those that no group names'
    )
    weight: float | None = Field(None, gt=0, description="its share of the tokens, before others")
    epochs: float | None = Field(
        None, ge=0, description="how many times its documents are read; 0 leaves them out"
    )

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.weight is None) == (self.epochs is None):
            raise ValueError("give either weight or epochs")
        return self


class MixtureConfig(StepConfig):
    """How much of which source goes into training: by weight, or by epochs."""

    groups: dict[str, MixtureGroup] = Field(
        min_length=1, description="groups of sources by a name of your choice"
    )
    tokens: int | None = Field(
        None,
        ge=1,
        description="tokens in all, for weights; without it, as many as there are before a document"
        " of any group is read twice",
    )
    max_epochs: float = Field(
        4.0,
        gt=0,
        description="refuse to read a group more often; up to four times costs little"
        " (Muennighoff et al. 2023, arXiv:2305.16264)",
    )
    host_tokens: float | None = Field(
        None, gt=0, le=1, description="the largest share of a group's tokens that one host may have"
    )
    seed: int = Field(0, description="which documents are taken where not all are")

    @model_validator(mode="after")
    def _all_alike(self) -> Self:
        by_weight = {name for name, group in self.groups.items() if group.weight is not None}
        if by_weight and by_weight != set(self.groups):
            raise ValueError("give weights to all groups, or epochs to all")
        if not by_weight and self.tokens is not None:
            raise ValueError("tokens goes with weights, not with epochs")
        named = [name for group in self.groups.values() for name in group.sources]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} stands in two groups")
        return self
