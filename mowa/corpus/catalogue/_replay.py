"""What other thresholds would keep, at once, from the signals alone: texts are never read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus._choose import copies, grouped, over_cap
from mowa.corpus._config import Bounds, CorpusConfig, HoldOut
from mowa.corpus._hold_out import set_aside
from mowa.corpus._policy import Policy
from mowa.corpus._policy import policy as policy_of
from mowa.corpus._rules import KEEP, decide, judge
from mowa.corpus.catalogue._frames import (
    aligned,
    checked_manifest,
    known_signal,
    measured,
    signals_of,
    table,
)
from mowa.errors import UsageError
from mowa.languages import LanguagePack, Threshold

_SETTING = re.compile(r"(?:thresholds\.)?([^=]+?)(?:\.(minimum|maximum))?=([^=]+)")
_ABOUT = ("doc_id", "language", "source", "licence", "release", "host", "content_hash")
_OFF = {"off", "none", "{}"}
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a corpus would be under other thresholds.

    Attributes:
        thresholds: The bounds that change: signal to minimum and maximum, None for none.
        sources: By source, kept documents and characters before and after.
        reasons: By reason, documents not kept for it before and after.
        gained: How many documents would be kept that are not, and
        lost: the other way about.
        examples: Of both, the first few: `doc_id`, `source`, `before`, `after`, `detail`.
    """

    thresholds: dict[str, dict[str, float | None]]
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
    frames = [
        _compared(frame, after)
        for _, frame, after in _decided(corpus, before["shards"], new, splits=False)
    ]
    whole = pl.concat(frames)
    moved = whole.filter(pl.col("was_kept") != pl.col("is_kept"))
    sources = whole.group_by("source").agg(
        pl.col("was_kept").sum().alias("documents_before"),
        pl.col("is_kept").sum().alias("documents_after"),
        pl.col("characters").filter("was_kept").sum().alias("characters_before"),
        pl.col("characters").filter("is_kept").sum().alias("characters_after"),
    )
    examples = moved.group_by("is_kept", maintain_order=True).head(_EXAMPLES)
    return Replayed(
        thresholds=changed,
        sources={row.pop("source"): row for row in sources.sort("source").to_dicts()},
        reasons=_reasons(whole),
        gained=int(moved["is_kept"].sum()),
        lost=int(moved["was_kept"].sum()),
        examples=tuple(examples.select("doc_id", "source", "before", "after", "detail").to_dicts()),
    )


def decisions_under(corpus: Path, policy: Policy) -> pl.DataFrame:
    """The decisions, as a corpus step under `policy` would write them, shards one after another."""
    shards = checked_manifest(corpus)["shards"]
    return pl.concat([after for _, _, after in _decided(corpus, shards, policy, splits=True)])


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


def _decided(
    corpus: Path, shards: Sequence[Mapping[str, Any]], policy: Policy, *, splits: bool
) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """Of each shard its name, what decides and how it was decided, and the new decisions."""
    files = [(str(s["name"]), corpus / "documents" / f"{s['name']}.parquet") for s in shards]
    keys = HoldOut.model_fields
    entries = [
        HoldOut(**{key: entry[key] for key in keys if entry.get(key) is not None})
        for entry in policy.hold_out
    ]
    [folder] = [
        name for name in checked_manifest(corpus)["signals"] if name.startswith("duplicates@")
    ]
    aside: Collection[str] = _Everything()
    if splits:
        duplicates = corpus / "signals" / folder
        aside = set_aside(files, duplicates, entries, near=policy.near_duplicates).clusters
    frames, judged = [], []
    for shard, path in files:
        about = table(path, _ABOUT).rename({"language": "declared"})
        frames.append(aligned(corpus, shard, [about, *measured(corpus, shard)], about.height))
        judged.append(judge(frames[-1], policy))
    gone = _gone(frames, judged, policy)
    for (shard, _), frame, by_rules in zip(files, frames, judged, strict=True):
        old = table(corpus / "decisions" / f"{shard}.parquet", ("decision", "reason"))
        was = old.rename({"decision": "was", "reason": "was_for"})
        about = frame.select("doc_id", "source", "characters")
        found = aligned(corpus, shard, [about, was], frame.height)
        yield shard, found, decide(by_rules, frame, gone, policy, aside)


class _Everything(Collection[str]):
    """Holds whatever it is asked for: with it, no text is hashed for a split that nobody reads."""

    def __contains__(self, item: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _gone(
    frames: Sequence[pl.DataFrame], judged: Sequence[pl.DataFrame], policy: Policy
) -> pl.DataFrame:
    """Documents that go because another copy stays, or by the cap of their host."""
    columns = ("source", "licence", "release", "characters", "host", "content_hash")
    whole = pl.concat(
        [
            found.select("doc_id", (pl.col("decision") == KEEP).alias("eligible"))
            .hstack(frame.select(columns))
            .hstack(grouped(frame, policy))
            for frame, found in zip(frames, judged, strict=True)
        ]
    )
    gone = copies(whole.filter(pl.col("group").is_not_null()), policy)
    if policy.host_documents is None:
        return gone
    open_ones = whole.filter(pl.col("eligible") & pl.col("host").is_not_null())
    capped = over_cap(open_ones, gone.select("doc_id"), policy.host_documents)
    return pl.concat([gone, capped])


def _compared(frame: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    return frame.hstack(after.select("decision", "reason", "detail")).select(
        "doc_id",
        "source",
        "characters",
        "detail",
        (pl.col("was") == KEEP).alias("was_kept"),
        (pl.col("decision") == KEEP).alias("is_kept"),
        pl.coalesce("was_for", "was").alias("before"),
        pl.coalesce("reason", "decision").alias("after"),
    )


def _reasons(whole: pl.DataFrame) -> dict[str, dict[str, int]]:
    counts = {
        when: dict(whole.filter(pl.col(when) != KEEP)[when].value_counts().rows())
        for when in ("before", "after")
    }
    names = sorted({*counts["before"], *counts["after"]})
    return {n: {when: int(found.get(n, 0)) for when, found in counts.items()} for n in names}
