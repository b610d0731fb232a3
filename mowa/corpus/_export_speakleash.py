"""What SpeakLeash's form says of a document, and of a dataset in its manifest.

Whoever reads the form sums every number in ``meta`` over the documents into ``stats``. So ``meta``
holds no other numbers than ``characters`` and, where the signal `speakleash` was measured, its
metrics, which come of another analysis than SpeakLeash's own (docs/signals.md).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mowa.corpus._export_metrics import Totals, metrics_of
from mowa.corpus._language import UNDETERMINED, shortest_tag
from mowa.errors import UsageError
from mowa.rights import Source, load_source

_STRINGS = ("url", "title", "author", "date", "licence", "source", "release", "doc_id")
_RESEARCH = "Holds texts that may be used for research only (release in the meta of each)."


@dataclass(frozen=True, slots=True)
class About:
    """What the manifest says of a dataset; `sources` are names with a licence each."""

    name: str
    description: str
    language: str
    totals: Totals
    file_size: int
    sources: Collection[tuple[str, str]]
    for_research: bool
    now: datetime


def record(row: dict[str, Any]) -> dict[str, Any]:
    """One line of ``NAME.jsonl.zst``: a row of documents with `identified` and `confidence`."""
    meta: dict[str, Any] = {"name": row["title"] or row["doc_id"]}
    meta |= {name: row[name] for name in _STRINGS if row[name] is not None}
    meta["characters"] = len(row["text"])
    meta |= metrics_of(row)
    if row.get("identified") not in {None, UNDETERMINED}:
        score = round(row["confidence"], 4)
        meta["language"] = {"lang": shortest_tag(row["identified"]), "score": score}
    return {"text": row["text"], "meta": meta}


def manifest(about: About, register: Path | None) -> dict[str, Any]:
    """``NAME.manifest``, its keys in SpeakLeash's order.

    Several licences are joined with AND, as SPDX does for parts under licences of their own.
    """
    names = sorted({source for source, _ in about.sources})
    known = {name: _registered(register, name) for name in names}
    licences = {
        name: _joined({licence for source, licence in about.sources if source == name})
        for name in names
    }
    time = about.now.strftime("%Y-%m-%d %H:%M:%S")
    credits_ = [source.attribution for source in known.values() if source and source.attribution]
    sure = bool(about.totals.categories)
    disclaimer = " ".join([*([_RESEARCH] if about.for_research else []), *credits_])
    return {
        "project": "SpeakLeash",
        "name": about.name,
        "description": about.description,
        "license": _joined({licence for _, licence in about.sources}),
        "category": "Other",
        "language": shortest_tag(about.language),
        "file_size": about.file_size,
        "sources": [
            {
                "name": name,
                "url": (source.url if source else None) or "",
                "license": licences[name],
            }
            for name, source in known.items()
        ],
        "stats": about.totals.stats(),
        "creation_date": time,
        "updated_date": time,
        **({"disclaimer": disclaimer} if disclaimer else {}),
        **({"category=95%": dict(about.totals.categories.most_common())} if sure else {}),
    }


def _joined(licences: Collection[str]) -> str:
    if len(licences) > 1 and any(not licence or "NOASSERTION" in licence for licence in licences):
        return "NOASSERTION"
    several = len(licences) > 1
    return " AND ".join(
        f"({licence})" if several and " OR " in licence else licence for licence in sorted(licences)
    )


def _registered(register: Path | None, name: str) -> Source | None:
    """The source's record, where the register is at hand and still has it."""
    if register is None or not (register / f"{name}.toml").is_file():
        return None
    try:
        return load_source(register, name)
    except UsageError:
        return None
