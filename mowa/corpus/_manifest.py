"""The manifest of a corpus: its rules, and counts of its documents in every way, which add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mowa.corpus._policy import Policy
from mowa.corpus._report import LENGTH_EDGES
from mowa.corpus._rules import (
    DUPLICATE,
    EXACT_DUPLICATE,
    HELD_OUT,
    KEEP,
    NEAR_DUPLICATE,
    QUARANTINE,
    REJECT,
    TRAIN,
)
from mowa.corpus._schema import read_frame, shards_in
from mowa.corpus._table import Signal
from mowa.workspace import Artifact

DIMENSIONS = ("decision", "reason", "split", "source", "licence", "release")
_SUMS = ("documents", "characters", "bytes")
_HOSTS = 100


def manifest_from(
    results: Sequence[dict[str, Any]],
    documents: Sequence[Artifact],
    rules: Policy,
    signals: Sequence[Signal],
) -> dict[str, Any]:
    """What `manifest.json` says, but for how many documents each `hold_out` matched.

    Args:
        results: What `decide_shard` counted, a shard each.
        documents: The artifacts with the documents.
        rules: The rules in force.
        signals: The signals that there are.
    """
    cells = [
        (dict(zip(DIMENSIONS, cell, strict=False)), dict(zip(_SUMS, cell[6:], strict=True)))
        for result in results
        for cell in result["cells"]
    ]
    total = _sum(sums for _, sums in cells)
    manifest: dict[str, Any] = {**rules.to_json(), **total}
    for dimension, plural in zip(DIMENSIONS, _PLURALS, strict=True):
        names = sorted({str(cell[dimension]) for cell, _ in cells if cell[dimension] is not None})
        manifest[plural] = {
            name: _sum(sums for cell, sums in cells if cell[dimension] == name) for name in names
        }
    for dimension, plural in (
        ("source", "sources"),
        ("licence", "licences"),
        ("release", "releases"),
    ):
        for name, entry in manifest[plural].items():
            for verdict in (KEEP, REJECT, DUPLICATE, QUARANTINE):
                entry[verdict] = sum(
                    sums["documents"]
                    for cell, sums in cells
                    if cell[dimension] == name and cell["decision"] == verdict
                )
    kinds = _added(result["personal_data"] for result in results)
    manifest["edits"] = dict(sorted(_added(result["edits"] for result in results).items()))
    manifest["hosts"], manifest["host_characters"] = _largest_hosts(results)
    manifest["personal_data"] = {kind: count for kind, count in kinds.items() if count}
    copies = {name: manifest["reasons"].get(name) for name in (EXACT_DUPLICATE, NEAR_DUPLICATE)}
    manifest["duplicates"] = {name: item["documents"] for name, item in copies.items() if item}
    skipped = _skipped(documents)
    manifest["skipped"] = dict(sorted(skipped.items()))
    manifest["records"] = total["documents"] + skipped.total()
    manifest["languages"] = dict(sorted(_added(result["languages"] for result in results).items()))
    manifest["lengths"] = {
        "edges": LENGTH_EDGES,
        **{
            name: [sum(bins) for bins in zip(*(r["lengths"][name] for r in results), strict=True)]
            for name in ("all", "kept")
        },
    }
    manifest["shards"] = [_shard(result) for result in results]
    manifest["signals"] = [signal.folder for signal in signals]
    manifest["made_with"] = {
        signal.folder: dict(signal.about) for signal in signals if signal.about
    }
    manifest["classes"] = _classes(results, signals)
    manifest["quality"] = _quality(manifest["classes"], signals)
    _check_sums(manifest)
    return manifest


_PLURALS = ("decisions", "reasons", "splits", "sources", "licences", "releases")


def _classes(
    results: Sequence[dict[str, Any]], signals: Sequence[Signal]
) -> dict[str, dict[str, dict[str, int]]]:
    """Of each signal that gives classes, the documents of each class: all, and those kept."""
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for signal in signals:
        if signal.class_column is None:
            continue
        total: Counter[tuple[str, str]] = Counter()
        for result in results:
            for name, *numbers in result["classes"][signal.class_column]:
                for key, number in zip(("documents", KEEP, "characters"), numbers, strict=True):
                    total[name, key] += number
        counted[signal.folder] = {
            name: {key: total[name, key] for key in ("documents", KEEP, "characters")}
            for name in signal.classes
        }
    return counted


def _quality(
    classes: Mapping[str, Mapping[str, Mapping[str, int]]], signals: Sequence[Signal]
) -> dict[str, Any]:
    """Shares of the kept documents by quality: of the first classifier of quality, else by rules.

    The rules are SpeakLeash's. Without either there are no shares.
    """
    judges = [
        *(signal for signal in signals if signal.about.get("kind") == "quality"),
        *(signal for signal in signals if signal.name == "speakleash"),
    ]
    if not judges:
        return {}
    counts = {name: entry[KEEP] for name, entry in classes[judges[0].folder].items()}
    kept = sum(counts.values())
    shares = {name: round(count / kept, 4) if kept else 0.0 for name, count in counts.items()}
    return {"signal": judges[0].folder, "documents": counts, "shares": shares}


def _sum(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    total = dict.fromkeys(_SUMS, 0)
    for part in parts:
        for key in _SUMS:
            total[key] += part[key]
    return total


def _added(parts: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total


def _largest_hosts(results: Sequence[dict[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
    """The hosts with most kept documents, and their characters."""
    documents: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for result in results:
        for host, count, size in result["hosts"]:
            documents[host] += count
            characters[host] += size
    largest = sorted(documents, key=lambda host: (-documents[host], host))[:_HOSTS]
    return {h: documents[h] for h in largest}, {h: characters[h] for h in largest}


def _skipped(documents: Sequence[Artifact]) -> Counter[str]:
    found: Counter[str] = Counter()
    for artifact in documents:
        for shard in shards_in(artifact.path / "skipped"):
            reasons = read_frame(artifact.path / "skipped" / f"{shard}.parquet", ("reason",))
            found.update(dict(reasons["reason"].value_counts(sort=False).rows()))
    return found


def _shard(result: dict[str, Any]) -> dict[str, Any]:
    of_split: Counter[str] = Counter()
    for cell in result["cells"]:
        of_split[cell[2] or ""] += cell[6]
    return {
        "name": result["shard"],
        "documents": of_split.total(),
        TRAIN: of_split[TRAIN],
        HELD_OUT: of_split[HELD_OUT],
    }


def _check_sums(manifest: dict[str, Any]) -> None:
    """Whatever way the documents are counted, the sum is the same."""
    for plural in ("decisions", "sources", "licences", "releases"):
        for key in _SUMS:
            assert sum(entry[key] for entry in manifest[plural].values()) == manifest[key], plural
    count = {
        plural: sum(entry["documents"] for entry in manifest[plural].values())
        for plural in ("reasons", "splits")
    }
    kept = manifest["decisions"].get(KEEP, {"documents": 0})["documents"]
    assert count["splits"] == kept, "splits"
    assert count["reasons"] == manifest["documents"] - kept, "reasons"
    assert sum(manifest["languages"].values()) == manifest["documents"], "languages"
    assert sum(shard["documents"] for shard in manifest["shards"]) == manifest["documents"], (
        "shards"
    )
