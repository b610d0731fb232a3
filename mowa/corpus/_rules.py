"""The rules that decide about a document, in their order, as Polars expressions.

1. `empty`: there is no text, or C4's rules, where their lines are cut, leave none.
2. `protected-variety`: the declared or the identified language is a variety that the language pack
   protects: such a document is set apart (`quarantine`), never rejected for its language.
3. `language`: another language than the corpus's was identified, or not surely enough. Where the
   identifier does not know the corpus's language, this rule is off.
4. `personal-data-density`: so much personal data in so little text that it is a dump of leaked
   records, or a directory of people.
5. The thresholds: those of the language pack in its order, then others that the recipe sets.
6. The classes that the recipe keeps, of classifiers.

The first rule that a document fails is its reason. Of the documents that pass them all only one of
several copies stays (`exact-duplicate`, `near-duplicate`), and of a host only so many as the recipe
says (`host-cap`): a copy that a rule rejects never takes a good one with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import polars as pl

from mowa.corpus._language import iso_639_3
from mowa.corpus._policy import Policy

PERSONAL_DATA_DENSITY = "personal-data-density"
KEEP, REJECT, DUPLICATE, QUARANTINE = "keep", "reject", "duplicate", "quarantine"
TRAIN, HELD_OUT = "train", "held_out"
EXACT_DUPLICATE, NEAR_DUPLICATE, HOST_CAP = "exact-duplicate", "near-duplicate", "host-cap"


def judge(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """`doc_id`, `decision`, `reason` and `detail` of each document, by itself.

    Args:
        frame: `doc_id`, `declared` (language) and the columns of the signals, one row a document.
        policy: The rules in force.
    """
    rules = _rules(policy, frame.columns)
    null = pl.lit(None, pl.String)
    decision, reason, detail = pl.lit(KEEP), null, null
    # From the last rule to the first, each over what those after it say.
    for failed, verdict, name, text in reversed(rules):
        decision = pl.when(failed).then(pl.lit(verdict)).otherwise(decision)
        reason = pl.when(failed).then(pl.lit(name)).otherwise(reason)
        detail = pl.when(failed).then(text).otherwise(detail)
    tags = {tag: iso_639_3(tag) for tag in frame["declared"].drop_nulls().unique().to_list()}
    numbered = (
        frame.select(needed(policy, frame.columns))
        .with_row_index("row")
        .with_columns(pl.col("declared").replace_strict(tags, default=None, return_dtype=pl.String))
    )
    # Most documents pass: the texts of all details are made for the others alone.
    told = numbered.filter(pl.any_horizontal(failed for failed, *_ in rules)).select(
        "row", decision.alias("decision"), reason.alias("reason"), detail.alias("detail")
    )
    return (
        frame.select("doc_id")
        .with_row_index("row")
        .join(told, on="row", how="left", maintain_order="left")
        .select("doc_id", pl.col("decision").fill_null(KEEP), "reason", "detail")
    )


def needed(policy: Policy, measured: Collection[str]) -> list[str]:
    """Of the columns `measured` those that `judge` looks at, besides `doc_id`, in order."""
    columns: set[str] = {"declared"}
    for failed, _, _, text in _rules(policy, measured):
        columns.update(failed.meta.root_names(), text.meta.root_names())
    return sorted(columns)


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
    split = pl.when("held_out").then(pl.lit(HELD_OUT)).otherwise(pl.lit(TRAIN))
    kept = pl.col("decision") == KEEP
    return (
        settle(judged, gone)
        .with_columns(held_out)
        .select("doc_id", "decision", "reason", "detail", pl.when(kept).then(split).alias("split"))
    )


def settle(judged: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """`judged`, with the decision about documents that go for the sake of others.

    Args:
        judged: What `judge` says of each; other columns stay beside it.
        gone: `doc_id`, `reason` and `detail` of kept documents of which another copy stays, or that
            are over the cap of their host.
    """
    late = judged.join(gone, on="doc_id", how="left", suffix="_late", maintain_order="left")
    falls = (pl.col("decision") == KEEP) & pl.col("reason_late").is_not_null()
    verdict = (
        pl.when(pl.col("reason_late") == HOST_CAP).then(pl.lit(REJECT)).otherwise(pl.lit(DUPLICATE))
    )
    return late.with_columns(
        pl.when(falls).then(verdict).otherwise("decision").alias("decision"),
        *(
            pl.when(falls).then(f"{name}_late").otherwise(name).alias(name)
            for name in ("reason", "detail")
        ),
    ).select(judged.columns)


def is_held_out(content_hash: str, policy: Policy) -> bool:
    """Is a document with this text set aside? Equal texts always fall on the same side."""
    state = hashlib.blake2b(f"{policy.seed}\0{content_hash}".encode(), digest_size=8)
    return int.from_bytes(state.digest()) < policy.held_out * 2**64


def number(value: float) -> str:
    """A bound as people write it: 200, not 200.0."""
    return str(int(value)) if float(value).is_integer() else str(value)


def _rules(policy: Policy, measured: Collection[str]) -> list[tuple[pl.Expr, str, str, pl.Expr]]:
    """Of each rule, in order: when a document fails it, the decision, its name, the detail."""
    rules = [
        (pl.col("characters") == 0, REJECT, "empty", pl.lit(None, pl.String)),
    ]
    if "c4" in policy.cut_lines and "c4_kept_lines" in measured:
        text = pl.lit("C4's rules leave no line")
        rules.append((pl.col("c4_kept_lines") == 0, REJECT, "empty", text))
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
    if policy.personal_data_density is not None:
        least = policy.personal_data_density
        persons, density = pl.col("personal_data_personal"), pl.col("personal_data_density")
        dump = (persons >= least["findings"]) & (density >= least["density"])
        text = pl.format("{} findings, {} per 1,000 characters", persons, density.round(2))
        rules.append((dump, REJECT, PERSONAL_DATA_DENSITY, text))
    for limit in policy.limits:
        value = pl.col(limit.signal)
        # Six digits: a value just past its bound must not read like the bound.
        shown = value.round(6).cast(pl.String)
        if limit.minimum is not None:
            text = pl.format(f"{limit.signal} {{}} < {number(limit.minimum)}", shown)
            rules.append((value < limit.minimum, REJECT, limit.signal, text))
        if limit.maximum is not None:
            text = pl.format(f"{limit.signal} {{}} > {number(limit.maximum)}", shown)
            rules.append((value > limit.maximum, REJECT, limit.signal, text))
    for column, kept in policy.keep_classes.items():
        other = ~pl.col(column).is_in(list(kept)).fill_null(value=False)
        rules.append((other, REJECT, column, pl.format(f"{column} {{}}", pl.col(column))))
    return rules
