"""Why a document was kept or not: every rule with the value that it saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mowa.corpus._language import iso_639_3
from mowa.corpus._parts import part_labels
from mowa.corpus._policy import Policy
from mowa.corpus._read import find_document, manifest_of, row_at
from mowa.corpus._rules import EXACT_DUPLICATE, HOST_CAP, NEAR_DUPLICATE, PERSONAL_DATA_DENSITY
from mowa.corpus._twins import Twin, twins

_EXCERPT_CHARACTERS = 300
_TWINS = 20


@dataclass(frozen=True)
class Rule:
    """One rule, what it saw, the bounds it has, and whether the document passed it."""

    name: str
    value: str | float | None
    minimum: float | None
    maximum: float | None
    passed: bool
    origin: str


@dataclass(frozen=True)
class Explanation:
    """What is known of one document.

    Attributes:
        doc_id: Its whole id.
        shard: The shard it lies in, and
        row: its row there, from 0.
        provenance: Where it comes from: `source`, `licence`, `legal_basis`, `agreement`,
            `release`, `url`, `host`, `title`, `author`, `date`, `language` (as declared),
            `collected_at`, `locator`, `parts` (``page=1 … page=12``), `content_hash`.
        decision: ``keep``, ``reject``, ``duplicate`` or ``quarantine``.
        reason: The first rule that it failed; None where it is kept.
        detail: What the rule saw.
        split: ``train`` or ``held_out``; None where it is not kept.
        rules: Every rule in force, in order, those after the reason too.
        duplicate_of: The id of the copy that stays in its place, and
        duplicate_locator: where that one lies.
        twins: The first 20 other documents with the same text or nearly the same, and
        twins_in_all: how many there are; `twins` goes through all.
        excerpt: The first 300 characters of its text.
    """

    doc_id: str
    shard: str
    row: int
    provenance: dict[str, str | None]
    decision: str
    reason: str | None
    detail: str | None
    split: str | None
    rules: tuple[Rule, ...]
    duplicate_of: str | None
    duplicate_locator: str | None
    twins: tuple[Twin, ...]
    twins_in_all: int
    excerpt: str


_PROVENANCE = (
    "source",
    "licence",
    "legal_basis",
    "agreement",
    "release",
    "url",
    "host",
    "title",
    "author",
    "date",
    "language",
    "collected_at",
    "locator",
    "parts",
    "content_hash",
)


def why(corpus: Path, doc_id: str) -> Explanation:
    """Explain the decision about one document.

    Args:
        corpus: The folder of the corpus.
        doc_id: The document's id, or at least six of its first digits.

    Raises:
        UsageError: Where no document, or more than one, has an id that begins so.
    """
    document = find_document(corpus, doc_id)
    shard, row = document["shard"], document["row"]
    signals: dict[str, Any] = {}
    for name in manifest_of(corpus)["signals"]:
        signals |= row_at(corpus / "signals" / name / f"{shard}.parquet", row)
    policy = Policy.from_json(_policy(corpus))
    decided = row_at(corpus / "decisions" / f"{shard}.parquet", row)
    late = decided["decision"] == "duplicate"
    first = (decided["detail"] or "").removeprefix("of ") if late else None
    provenance = {name: document[name] for name in _PROVENANCE}
    provenance["parts"] = part_labels(provenance["parts"])
    shown: list[Twin] = []
    count = 0
    for count, twin in enumerate(twins(corpus, document["doc_id"]), 1):  # noqa: B007 - wanted
        if len(shown) < _TWINS:
            shown.append(twin)
    return Explanation(
        doc_id=document["doc_id"],
        shard=shard,
        row=row,
        provenance=provenance,
        decision=decided["decision"],
        reason=decided["reason"],
        detail=decided["detail"],
        split=decided["split"],
        rules=(
            *_rules(policy, document["language"], signals),
            *_late(policy, decided["reason"], first),
        ),
        duplicate_of=first,
        duplicate_locator=find_document(corpus, first)["locator"] if first else None,
        twins=tuple(shown),
        twins_in_all=count,
        excerpt=document["text"][:_EXCERPT_CHARACTERS],
    )


def _policy(corpus: Path) -> dict[str, Any]:
    manifest = manifest_of(corpus)
    return {
        name: manifest[name]
        for name in (*Policy.__dataclass_fields__, "thresholds")
        if name in manifest
    }


def _rules(policy: Policy, declared: str | None, signals: dict[str, Any]) -> tuple[Rule, ...]:
    language = signals["language"]
    spoken = (iso_639_3(declared), language)
    protected = next((code for code in spoken if code in policy.protected), None)
    rules = [
        Rule("empty", signals["characters"], 1, None, signals["characters"] > 0, "always"),
        Rule("protected-variety", protected, None, None, protected is None, "the language pack"),
    ]
    if "c4" in policy.cut_lines and "c4_kept_lines" in signals:
        left = signals["c4_kept_lines"]
        rules.insert(1, Rule("empty", left, 1, None, left > 0, "C4's lines are cut"))
    if policy.judges_language:
        sure = policy.minimum_language_confidence
        confidence = signals["confidence"]
        passed = language == policy.language and confidence >= sure
        value = f"{language} {round(confidence, 4)}"
        rules.append(Rule("language", value, sure, None, passed, "the recipe"))
    if policy.personal_data_density is not None:
        least = policy.personal_data_density
        persons, density = (signals[f"personal_data_{name}"] for name in ("personal", "density"))
        few = persons < least["findings"] or density < least["density"]
        value = f"{persons} findings, {round(density, 2)} per 1,000 characters"
        rules.append(Rule(PERSONAL_DATA_DENSITY, value, None, None, few, least["origin"]))
    for limit in policy.limits:
        value = signals[limit.signal]
        low = limit.minimum is None or value >= limit.minimum
        high = limit.maximum is None or value <= limit.maximum
        rules.append(
            Rule(limit.signal, value, limit.minimum, limit.maximum, low and high, limit.origin)
        )
    for column, kept in policy.keep_classes.items():
        passed = signals[column] in kept
        rules.append(Rule(column, signals[column], None, None, passed, "the recipe"))
    return tuple(rules)


def _late(policy: Policy, reason: str | None, first: str | None) -> tuple[Rule, ...]:
    """The rules that look at several documents at once, those passed too."""
    rules = [Rule(EXACT_DUPLICATE, first, None, None, reason != EXACT_DUPLICATE, "always")]
    if policy.near_duplicates:
        rules.append(
            Rule(NEAR_DUPLICATE, first, None, None, reason != NEAR_DUPLICATE, "the recipe")
        )
    if policy.host_documents is not None:
        cap = policy.host_documents
        rules.append(Rule(HOST_CAP, None, None, cap, reason != HOST_CAP, "the recipe"))
    return tuple(rules)
