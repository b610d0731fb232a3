"""What a recipe says of the tokens step."""

from __future__ import annotations

from mowa.workspace import StepConfig, runtime


class TokensConfig(StepConfig):
    """The kept documents of a corpus as token shards; its inputs decide all that comes out."""

    batch_bytes: int = runtime(
        4_000_000, "about so much text is encoded at once; more takes more memory", ge=1
    )
