"""What other thresholds would keep, at once, from the signals alone: texts are never read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from mowa.corpus._choose import copies, grouped, over_cap
from mowa.corpus._config import Bounds, CorpusConfig
from mowa.corpus._policy import Policy
from mowa.corpus._policy import policy as policy_of
from mowa.corpus._rules import KEEP, judge, needed, settle
from mowa.corpus.catalogue._frames import (
    aligned,
    checked_manifest,
    columns_by_signal,
    known_signal,
    measured,
    signals_of,
    table,
)
from mowa.errors import UsageError
from mowa.languages import LanguagePack, Threshold

_SETTING = re.compile(r"(?:thresholds\.)?([^=]+?)(?:\.(minimum|maximum))?=([^=]+)")
_OFF = {"off", "none", "{}"}
_EXAMPLES = 5
_AT_ONCE = 64  # frames of documents that move, before all but the first of them are let go


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a corpus would be under other thresholds.

    Attributes:
        thresholds: The bounds that change: signal to minimum and maximum, None for none.
        minimum_language_confidence: The new one; None where it stays.
        sources: By source, kept documents and characters before and after.
        reasons: By reason, documents not kept for it before and after.
        gained: How many documents would be kept that are not, and
        lost: the other way about.
        examples: Of both, the first few: `doc_id`, `source`, `before`, `after`, `detail`.
    """

    thresholds: dict[str, dict[str, float | None]]
    minimum_language_confidence: float | None
    sources: dict[str, dict[str, int]]
    reasons: dict[str, dict[str, int]]
    gained: int
    lost: int
    examples: tuple[dict[str, str | None], ...]


def replay(corpus: Path, settings: Sequence[str], pack: LanguagePack | None = None) -> Replayed:
    """Decide again with some bounds changed.

    Args:
        corpus: The folder of the corpus.
        settings: As ``thresholds.words.minimum=50``, ``thresholds.words=off`` or
            ``minimum_language_confidence=0.7``; bounds that are not named stay as they are.
        pack: The language pack, which knows the order of rules that are switched off now.

    Raises:
        UsageError: Where a setting is malformed, or names a signal that is not measured.
    """
    before = checked_manifest(corpus)
    old = _policy(before)
    new, changed = changed_policy(corpus, old, settings, pack)
    sums, counts, moved = [], [], []
    for frame in decided_again(corpus, new):
        compared = _compared(frame)
        sums.append(_by_source(compared))
        counts += [_by_reason(compared, when) for when in ("before", "after")]
        moved.append(compared.filter(pl.col("was_kept") != pl.col("is_kept")))
        if len(moved) > _AT_ONCE:
            moved = [_first(moved)]
    sources = pl.concat(sums).group_by("source").sum().sort("source")
    gained, lost = (int(sources[name].sum()) for name in ("gained", "lost"))
    return Replayed(
        thresholds=changed,
        minimum_language_confidence=new.minimum_language_confidence
        if new.minimum_language_confidence != old.minimum_language_confidence
        else None,
        sources={row.pop("source"): row for row in sources.drop("gained", "lost").to_dicts()},
        reasons=_reasons(pl.concat(counts)),
        gained=gained,
        lost=lost,
        examples=tuple(
            _first(moved).select("doc_id", "source", "before", "after", "detail").to_dicts()
        ),
    )


def decided_again(corpus: Path, policy: Policy) -> Iterator[pl.DataFrame]:
    """What a corpus step under `policy` would decide of every document, in some order.

    Each frame has `shard` (its number), `row`, `doc_id`, `source`, `characters`, `decision`,
    `reason` and `detail`, and in `was` and `was_for` decision and reason as they stand. Only
    documents that others bear upon are held in memory: those with copies, and of hosts over
    their cap.
    """
    shards = [str(shard["name"]) for shard in checked_manifest(corpus)["shards"]]
    where = columns_by_signal(corpus)
    columns = _columns(corpus, policy, where)
    several, crowded = _bound_together(corpus, shards, where["cluster"][0], policy)
    late = []
    for number, shard in enumerate(shards):
        frame = _judged(corpus, shard, columns, policy).with_columns(
            pl.lit(number, pl.UInt32).alias("shard")
        )
        bound = pl.col("group").hash().is_in(several.implode()) & pl.col("group").is_not_null()
        bound |= pl.col("host").is_in(crowded.implode()).fill_null(value=False)
        late.append(frame.filter(bound))
        yield frame.filter(~bound)
    rest = pl.concat(late)
    gone = copies(rest.filter(pl.col("group").is_not_null()), policy)
    if policy.host_documents is not None:
        open_ones = rest.filter(pl.col("eligible") & pl.col("host").is_not_null())
        capped = over_cap(
            open_ones.select("doc_id", "host", "content_hash"),
            gone.select("doc_id"),
            policy.host_documents,
        )
        gone = pl.concat([gone, capped])
    yield settle(rest, gone)


def changed_policy(
    corpus: Path, old: Policy, settings: Sequence[str], pack: LanguagePack | None = None
) -> tuple[Policy, dict[str, dict[str, float | None]]]:
    """The rules with `settings` in their place, and the bounds that are changed."""
    bounds: dict[str, dict[str, float | None]] = {
        limit.signal: {"minimum": limit.minimum, "maximum": limit.maximum} for limit in old.limits
    }
    confidence, changed = old.minimum_language_confidence, {}
    for setting in settings:
        name, bound, value = _setting(setting)
        if name == "minimum_language_confidence":
            if value is None or not 0 <= value <= 1:
                raise UsageError("minimum_language_confidence lies between 0 and 1", where=setting)
            confidence = value
            continue
        known_signal(corpus, name)
        mine = dict(bounds.get(name, {"minimum": None, "maximum": None}))
        for end in [bound] if bound else ["minimum", "maximum"]:
            mine[end] = value
        bounds[name] = changed[name] = mine
    origins = {limit.signal: limit for limit in old.limits}
    order = [*(pack.thresholds if pack else ()), *origins]
    base = LanguagePack(
        code=old.language,
        code1="xx",
        name=old.language,
        letters="",
        stop_words=(),
        protected=old.protected,
        thresholds={
            name: Threshold(
                minimum=origins[name].minimum if name in origins else None,
                maximum=origins[name].maximum if name in origins else None,
                origin=origins[name].origin if name in origins else "",
            )
            for name in dict.fromkeys(order)
        },
    )
    try:
        config = CorpusConfig(
            thresholds={name: Bounds(**mine) for name, mine in changed.items()},
            held_out=old.held_out or 0.05,
        )
    except ValueError as error:
        raise UsageError(
            f"these bounds are in no order ({'; '.join(settings)})",
            fix="a minimum is at most its maximum",
        ) from error
    limits = policy_of(config, base, signals_of(corpus)).limits
    return replace(old, limits=limits, minimum_language_confidence=confidence), changed


def _setting(setting: str) -> tuple[str, str | None, float | None]:
    found = _SETTING.fullmatch(setting.strip())
    if found is None:
        raise UsageError(
            f"{setting!r} is no setting",
            fix="write thresholds.SIGNAL.minimum=NUMBER, .maximum=NUMBER, or thresholds.SIGNAL=off",
        )
    name, bound, text = found.groups()
    if text.lower() in _OFF:
        return name, bound, None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value != value or abs(value) == float("inf"):  # noqa: PLR0124 - NaN is unequal to itself
        raise UsageError(f"{text!r} is no number", where=setting, fix="write a number, or off")
    if bound is None and name != "minimum_language_confidence":
        raise UsageError(
            f"{setting!r} does not say which bound",
            fix=f"write thresholds.{name}.minimum={text} or thresholds.{name}.maximum={text}",
        )
    return name, bound, value


def _policy(manifest: Mapping[str, Any]) -> Policy:
    # What a corpus made before there was such a rule does not name is not in force.
    names = [*(name for name in Policy.__dataclass_fields__ if name in manifest), "thresholds"]
    try:
        return Policy.from_json({name: manifest[name] for name in names})
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"the manifest is damaged: its rules cannot be read ({error})",
            fix="`mowa verify` finds damaged artifacts; run the recipe again",
        ) from error


def _columns(
    corpus: Path, policy: Policy, where: Mapping[str, tuple[str, pa.DataType]]
) -> dict[str, list[str]]:
    """Of each signal's folder the columns that are read; of `documents` too."""
    wanted = {*needed(policy, where), "characters", "cluster", "near_cluster"} - {"declared"}
    absent = sorted(wanted - where.keys())
    if absent:
        raise UsageError(
            f"the corpus has no signal {', '.join(absent)}, which its rules look at",
            where=str(corpus),
            fix="`mowa verify` finds damaged artifacts; run the recipe again",
        )
    columns: dict[str, list[str]] = {}
    for name in sorted(wanted):
        columns.setdefault(where[name][0], []).append(name)
    about = ["doc_id", "language", "source", "licence", "release"]
    over_hosts = ["host", "content_hash"] if policy.host_documents is not None else []
    return {"documents": about + over_hosts, **columns}


def _bound_together(
    corpus: Path, shards: Sequence[str], duplicates: str, policy: Policy
) -> tuple[pl.Series, pl.Series]:
    """Hashes of groups that several documents are of, and hosts with more than their cap."""
    keys, hosts = [], [pl.DataFrame(schema={"host": pl.String, "len": pl.UInt32})]
    for shard in shards:
        found = table(corpus / "signals" / duplicates / f"{shard}.parquet", _GROUPS)
        keys.append(grouped(found, policy).select("group").drop_nulls()["group"].hash())
        if policy.host_documents is not None:
            path = corpus / "documents" / f"{shard}.parquet"
            hosts.append(table(path, ("host",)).drop_nulls().group_by("host").len())
    every = pl.concat(keys).sort() if keys else pl.Series("group", [], pl.UInt64)
    several = every.filter(every == every.shift(1)).unique()
    counted = pl.concat(hosts).group_by("host").agg(pl.col("len").sum())
    cap = policy.host_documents or 0
    return several, counted.filter(pl.col("len") > cap)["host"]


def _judged(
    corpus: Path, shard: str, columns: Mapping[str, Sequence[str]], policy: Policy
) -> pl.DataFrame:
    """The documents of a shard, and what the rules say of each by itself."""
    about = table(corpus / "documents" / f"{shard}.parquet", columns["documents"])
    signals = {name: wanted for name, wanted in columns.items() if name != "documents"}
    old = table(corpus / "decisions" / f"{shard}.parquet", ("decision", "reason"))
    parts = [
        about.rename({"language": "declared"}),
        *measured(corpus, shard, signals),
        old.rename({"decision": "was", "reason": "was_for"}),
    ]
    frame = aligned(corpus, shard, parts, about.height)
    found = frame.hstack(judge(frame, policy).drop("doc_id")).hstack(
        grouped(frame, policy).select("group")
    )
    absent = [pl.lit(None, pl.String).alias(n) for n in ("host", "content_hash")]
    return found.with_columns(
        (pl.col("decision") == KEEP).alias("eligible"),
        *(column for column in absent if column.meta.output_name() not in found.columns),
    ).select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), *_KEPT_COLUMNS)


_GROUPS = ("cluster", "near_cluster")
_KEPT_COLUMNS = (
    *("doc_id", "source", "licence", "release", "characters", "host", "content_hash"),
    *("cluster", "group", "eligible", "decision", "reason", "detail", "was", "was_for"),
)


def _compared(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "shard",
        "row",
        "doc_id",
        "source",
        "characters",
        "detail",
        (pl.col("was") == KEEP).alias("was_kept"),
        (pl.col("decision") == KEEP).alias("is_kept"),
        pl.coalesce("was_for", "was").alias("before"),
        pl.coalesce("reason", "decision").alias("after"),
    )


def _by_source(compared: pl.DataFrame) -> pl.DataFrame:
    return compared.group_by("source").agg(
        pl.col("was_kept").sum().cast(pl.Int64).alias("documents_before"),
        pl.col("is_kept").sum().cast(pl.Int64).alias("documents_after"),
        pl.col("characters").filter("was_kept").sum().alias("characters_before"),
        pl.col("characters").filter("is_kept").sum().alias("characters_after"),
        (pl.col("is_kept") & ~pl.col("was_kept")).sum().cast(pl.Int64).alias("gained"),
        (pl.col("was_kept") & ~pl.col("is_kept")).sum().cast(pl.Int64).alias("lost"),
    )


def _by_reason(compared: pl.DataFrame, when: str) -> pl.DataFrame:
    counted = compared.filter(pl.col(when) != KEEP).group_by(pl.col(when).alias("reason")).len()
    return counted.with_columns(pl.lit(when).alias("when"))


def _reasons(counts: pl.DataFrame) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    total = counts.group_by("reason", "when").agg(pl.col("len").sum()).sort("reason")
    for reason, when, count in total.iter_rows():
        found.setdefault(reason, {"before": 0, "after": 0})[when] = int(count)
    return found


def _first(moved: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The first few documents that move, each way, in the order of the corpus."""
    ordered = pl.concat(moved).sort("shard", "row")
    found = ordered.group_by("is_kept", maintain_order=True).head(_EXAMPLES)
    return found.select(ordered.columns)
