"""The rules that decide about a document, in their order, as Polars expressions.

1. `empty`: there is no text.
2. `exact-duplicate`: an earlier document has the same text but for case and white space.
3. `protected-variety`: the declared or the identified language is a variety that the language pack
   protects: such a document is set apart (`quarantine`), never rejected for its language.
4. `language`: another language than the corpus's was identified, or not surely enough. Where the
   identifier does not know the corpus's language, this rule is off.
5. The thresholds: those of the language pack in its order, then others that the recipe sets.

The first rule that a document fails is its reason.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from mowa.corpus._config import Bounds, CorpusConfig
from mowa.corpus._language import identifiable, iso_639_3
from mowa.corpus._schema import COUNTS
from mowa.errors import UsageError
from mowa.languages import LanguagePack

KEEP, REJECT, DUPLICATE, QUARANTINE = "keep", "reject", "duplicate", "quarantine"
TRAIN, HELD_OUT = "train", "held_out"


@dataclass(frozen=True)
class Limit:
    """A threshold in force: the least and the greatest value of a signal, and who set it."""

    signal: str
    minimum: float | None
    maximum: float | None
    origin: str


@dataclass(frozen=True)
class Policy:
    """All that decides, but for the documents and their signals."""

    language: str
    judges_language: bool
    minimum_language_confidence: float
    protected: tuple[str, ...]
    limits: tuple[Limit, ...]
    held_out: float
    seed: int
    hold_out: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it stands in `manifest.json`."""
        record = asdict(self)
        record["thresholds"] = {item.pop("signal"): item for item in record.pop("limits")}
        record["protected"] = list(self.protected)
        record["hold_out"] = list(self.hold_out)
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Policy:
        """Read back what `to_json` wrote."""
        values = dict(record)
        limits = tuple(Limit(name, **item) for name, item in values.pop("thresholds").items())
        for name in ("protected", "hold_out"):
            values[name] = tuple(values[name])
        return cls(**{**values, "limits": limits})


def policy(config: CorpusConfig, pack: LanguagePack) -> Policy:
    """The language pack's rules with what the recipe puts in their place.

    Raises:
        UsageError: Where a threshold names a signal that is not measured.
    """
    origins: dict[str, tuple[Bounds, str]] = {
        name: (Bounds(minimum=given.minimum, maximum=given.maximum), given.origin)
        for name, given in pack.thresholds.items()
    }
    # The order of keys in a recipe is no part of a fingerprint, so it may not matter here.
    for name in COUNTS.names:
        if name in config.thresholds:
            origins[name] = (config.thresholds[name], "the recipe")
    for name in [*pack.thresholds, *config.thresholds]:
        if name not in COUNTS.names:
            near = difflib.get_close_matches(name, COUNTS.names, n=1)
            raise UsageError(
                f"no signal is called {name!r}",
                where=f"thresholds.{name}",
                fix=f"did you mean {near[0]!r}?"
                if near
                else f"choose one of: {', '.join(COUNTS.names)}",
            )
    limits = tuple(
        Limit(name, bounds.minimum, bounds.maximum, origin)
        for name, (bounds, origin) in origins.items()
        if bounds.minimum is not None or bounds.maximum is not None
    )
    return Policy(
        language=pack.code,
        judges_language=pack.code in identifiable(),
        minimum_language_confidence=config.minimum_language_confidence,
        protected=tuple(code for code in pack.protected if code != pack.code),
        limits=limits,
        held_out=config.held_out,
        seed=config.seed,
        hold_out=tuple(
            entry.model_dump(mode="json", exclude_none=True) for entry in config.hold_out
        ),
    )


def decide(
    frame: pl.DataFrame, policy: Policy, set_aside: Collection[str] = frozenset()
) -> pl.DataFrame:
    """`doc_id`, `decision`, `reason`, `detail` and `split` of each document.

    Args:
        frame: Columns `doc_id`, `declared` (language), `content_hash`, `language`, `confidence`,
            `cluster`, `duplicate_of` and those of `counts@1`, one row a document.
        policy: The rules in force.
        set_aside: Clusters of equal texts that are held out whatever the share.
    """
    tags = {tag: iso_639_3(tag) for tag in frame["declared"].drop_nulls().unique().to_list()}
    frame = frame.with_columns(
        pl.col("declared").replace_strict(tags, default=None, return_dtype=pl.String)
    )
    null = pl.lit(None, pl.String)
    decision, reason, detail = pl.lit(KEEP), null, null
    # From the last rule to the first, each over what those after it say.
    for failed, verdict, name, text in reversed(_rules(policy)):
        decision = pl.when(failed).then(pl.lit(verdict)).otherwise(decision)
        reason = pl.when(failed).then(pl.lit(name)).otherwise(reason)
        detail = pl.when(failed).then(text).otherwise(detail)
    held_out = pl.Series(
        "held_out",
        [
            cluster in set_aside or is_held_out(item, policy)
            for item, cluster in frame.select("content_hash", "cluster").iter_rows()
        ],
        pl.Boolean,
    )
    split = pl.when("held_out").then(pl.lit(HELD_OUT)).otherwise(pl.lit(TRAIN))
    return frame.with_columns(
        held_out, decision.alias("decision"), reason.alias("reason"), detail.alias("detail")
    ).select(
        "doc_id",
        "decision",
        "reason",
        "detail",
        pl.when(pl.col("decision") == KEEP).then(split).alias("split"),
    )


def is_held_out(content_hash: str, policy: Policy) -> bool:
    """Is a document with this text set aside? Equal texts always fall on the same side."""
    state = hashlib.blake2b(f"{policy.seed}\0{content_hash}".encode(), digest_size=8)
    return int.from_bytes(state.digest()) < policy.held_out * 2**64


def number(value: float) -> str:
    """A bound as people write it: 200, not 200.0."""
    return str(int(value)) if float(value).is_integer() else str(value)


def _rules(policy: Policy) -> list[tuple[pl.Expr, str, str, pl.Expr]]:
    """Of each rule, in order: when a document fails it, the decision, its name, the detail."""
    rules = [
        (pl.col("characters") == 0, REJECT, "empty", pl.lit(None, pl.String)),
        (
            pl.col("duplicate_of").is_not_null(),
            DUPLICATE,
            "exact-duplicate",
            pl.format("of {}", "duplicate_of"),
        ),
    ]
    for column, how in (("declared", "declared"), ("language", "identified")):
        protected = pl.col(column).is_in(list(policy.protected)).fill_null(value=False)
        rules.append((protected, QUARANTINE, "protected-variety", pl.format(f"{how} {{}}", column)))
    if policy.judges_language:
        sure = policy.minimum_language_confidence
        confidence = pl.col("confidence").round(4).cast(pl.String)
        other = pl.col("language") != policy.language
        unsure = pl.format(f"{{}} {{}} < {number(sure)}", "language", confidence)
        rules += [
            (other, REJECT, "language", pl.format("{} {}", "language", confidence)),
            (pl.col("confidence") < sure, REJECT, "language", unsure),
        ]
    for limit in policy.limits:
        value = pl.col(limit.signal)
        # Six digits: a value just past its bound must not read like the bound.
        shown = (value if limit.signal in _WHOLE else value.round(6)).cast(pl.String)
        if limit.minimum is not None:
            text = pl.format(f"{limit.signal} {{}} < {number(limit.minimum)}", shown)
            rules.append((value < limit.minimum, REJECT, limit.signal, text))
        if limit.maximum is not None:
            text = pl.format(f"{limit.signal} {{}} > {number(limit.maximum)}", shown)
            rules.append((value > limit.maximum, REJECT, limit.signal, text))
    return rules


_WHOLE = ("characters", "bytes", "words", "lines")
