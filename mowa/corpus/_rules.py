"""The rules that decide about a document, in their order, as Polars expressions.

1. `empty`: there is no text.
2. `protected-variety`: the declared or the identified language is a variety that the language pack
   protects: such a document is set apart (`quarantine`), never rejected for its language.
3. `language`: another language than the corpus's was identified, or not surely enough. Where the
   identifier does not know the corpus's language, this rule is off.
4. The thresholds: those of the language pack in its order, then others that the recipe sets.

The first rule that a document fails is its reason. Of the documents that pass them all only one of
several copies stays (`exact-duplicate`, `near-duplicate`), and of a host only so many as the recipe
says (`host-cap`): a copy that a rule rejects never takes a good one with it.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from mowa.corpus._config import Bounds, CorpusConfig
from mowa.corpus._language import identifiable, iso_639_3
from mowa.corpus._table import SIGNALS, full_name, numeric
from mowa.corpus.personal._kinds import whole_policy
from mowa.errors import UsageError
from mowa.languages import LanguagePack, Threshold

KEEP, REJECT, DUPLICATE, QUARANTINE = "keep", "reject", "duplicate", "quarantine"
TRAIN, HELD_OUT = "train", "held_out"
EXACT_DUPLICATE, NEAR_DUPLICATE, HOST_CAP = "exact-duplicate", "near-duplicate", "host-cap"


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
    near_duplicates: bool = True
    priority: tuple[str, ...] = ()
    host_documents: int | None = None
    cut_lines: tuple[str, ...] = ()
    redaction: dict[str, str] = field(default_factory=dict)
    minimum_protected_confidence: float = 0.2

    def to_json(self) -> dict[str, Any]:
        """As it stands in `manifest.json`."""
        record = asdict(self)
        record["thresholds"] = {item.pop("signal"): item for item in record.pop("limits")}
        record["protected"] = list(self.protected)
        record["hold_out"] = list(self.hold_out)
        record["priority"] = list(self.priority)
        record["cut_lines"] = list(self.cut_lines)
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Policy:
        """Read back what `to_json` wrote."""
        values = dict(record)
        limits = tuple(Limit(name, **item) for name, item in values.pop("thresholds").items())
        for name in ("protected", "hold_out", "priority", "cut_lines"):
            values[name] = tuple(values[name])
        return cls(**{**values, "limits": limits})


def policy(
    config: CorpusConfig, pack: LanguagePack, measured: Collection[str] | None = None
) -> Policy:
    """The language pack's rules with what the recipe puts in their place.

    Args:
        config: What the recipe says.
        pack: The language pack; its thresholds for what was not measured are left out.
        measured: Folders of the signals that there are; None for all of the table.

    Raises:
        UsageError: Where a threshold of the recipe names no signal, or one that is not measured.
    """
    everything = numeric(signal.folder for signal in SIGNALS.values())
    present = everything if measured is None else numeric(measured)
    given_by_pack = _of_pack(config, pack)
    for name in [*given_by_pack, *config.thresholds]:
        if name not in everything:
            near = difflib.get_close_matches(name, everything, n=1)
            raise UsageError(
                f"no signal is called {name!r}",
                where=f"thresholds.{name}",
                fix=f"did you mean {near[0]!r}?"
                if near
                else f"choose one of: {', '.join(present)}",
            )
    origins: dict[str, tuple[Bounds, str]] = {
        name: (Bounds(minimum=given.minimum, maximum=given.maximum), given.origin)
        for name, given in given_by_pack.items()
        if name in present
    }
    # The order of keys in a recipe is no part of a fingerprint, so it may not matter here.
    for name in everything:
        if name not in config.thresholds:
            continue
        if name not in present:
            [folder] = [signal.name for signal in SIGNALS.values() if name in signal.columns.names]
            raise UsageError(
                f"{name!r} was not measured",
                where=f"thresholds.{name}",
                fix=f"add {folder!r} to `measure` of the signals step",
            )
        origins[name] = (config.thresholds[name], "the recipe")
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
        near_duplicates=config.near_duplicates,
        priority=tuple(config.priority),
        host_documents=config.host_documents,
        cut_lines=tuple(sorted(config.cut_lines)),
        redaction=whole_policy(dict(config.personal_data)),
        minimum_protected_confidence=config.minimum_protected_confidence,
    )


def _of_pack(config: CorpusConfig, pack: LanguagePack) -> dict[str, Threshold]:
    """The pack's thresholds and the bounds of its filters, by column.

    Raises:
        UsageError: Where the recipe names a filter that the pack does not have.
    """
    names = list(pack.filters) if config.filters is None else config.filters
    for name in names:
        if name not in pack.filters:
            near = difflib.get_close_matches(name, pack.filters, n=1)
            raise UsageError(
                f"the language pack {pack.code} has no filter {name!r}",
                where="filters",
                fix=f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(pack.filters)}",
            )
    bounds: dict[str, Threshold] = dict(pack.thresholds)
    for name in pack.filters:
        for bound in pack.filters[name] if name in names else ():
            column = full_name(bound.signal.partition("@")[0], bound.column)
            assert column not in bounds, f"two bounds on {column}"
            bounds[column] = bound
    return bounds


def judge(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """`doc_id`, `decision`, `reason` and `detail` of each document, by itself.

    Args:
        frame: `doc_id`, `declared` (language) and the columns of the signals, one row a document.
        policy: The rules in force.
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
    return frame.select(
        "doc_id", decision.alias("decision"), reason.alias("reason"), detail.alias("detail")
    )


def decide(
    judged: pl.DataFrame,
    frame: pl.DataFrame,
    gone: pl.DataFrame,
    policy: Policy,
    set_aside: Collection[str] = frozenset(),
) -> pl.DataFrame:
    """`doc_id`, `decision`, `reason`, `detail` and `split` of each document.

    Args:
        judged: What `judge` says of each.
        frame: `content_hash` and the columns of the signal `duplicates`, in the same order.
        gone: `doc_id`, `reason` and `detail` of kept documents of which another copy stays, or that
            are over the cap of their host.
        policy: The rules in force.
        set_aside: Clusters of texts that are held out whatever the share.
    """
    clusters = [name for name in ("cluster", "near_cluster") if name in frame.columns]
    held_out = pl.Series(
        "held_out",
        [
            any(cluster in set_aside for cluster in row[1:]) or is_held_out(row[0], policy)
            for row in frame.select("content_hash", *clusters).iter_rows()
        ],
        pl.Boolean,
    )
    kept = pl.col("decision") == KEEP
    late = judged.join(gone, on="doc_id", how="left", suffix="_late", maintain_order="left")
    falls = kept & pl.col("reason_late").is_not_null()
    verdict = (
        pl.when(pl.col("reason_late") == HOST_CAP).then(pl.lit(REJECT)).otherwise(pl.lit(DUPLICATE))
    )
    decided = late.with_columns(held_out).select(
        "doc_id",
        pl.when(falls).then(verdict).otherwise("decision").alias("decision"),
        pl.when(falls).then("reason_late").otherwise("reason").alias("reason"),
        pl.when(falls).then("detail_late").otherwise("detail").alias("detail"),
        "held_out",
    )
    split = pl.when("held_out").then(pl.lit(HELD_OUT)).otherwise(pl.lit(TRAIN))
    return decided.select(
        "doc_id", "decision", "reason", "detail", pl.when(kept).then(split).alias("split")
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
    ]
    for column, how in (("declared", "declared"), ("language", "identified")):
        protected = pl.col(column).is_in(list(policy.protected)).fill_null(value=False)
        rules.append((protected, QUARANTINE, "protected-variety", pl.format(f"{how} {{}}", column)))
    likely = pl.col("protected").is_in(list(policy.protected)).fill_null(value=False) & (
        pl.col("protected_confidence") >= policy.minimum_protected_confidence
    )
    score = pl.col("protected_confidence").round(4).cast(pl.String)
    rules.append(
        (likely, QUARANTINE, "protected-variety", pl.format("likely {} {}", "protected", score))
    )
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


_WHOLE = frozenset(
    column.name
    for signal in SIGNALS.values()
    for column in signal.columns
    if pa.types.is_integer(column.type)
)
