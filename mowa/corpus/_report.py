"""The pages that show documents, signals and a corpus to a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mowa.report import Bars, Block, Figures, Histogram, Page, Preformatted, Section, Table, Text

# Characters of a document, four bins a decade; the last takes a long book.
LENGTH_EDGES = [round(10 ** (step / 4), 3) for step in range(32)] + [1e9]


def documents_report(metrics: Mapping[str, Any], path: Path) -> None:
    """How many records became documents, by source, and why the others did not."""
    sources = [
        [name, own["records"], own["documents"], own["skipped"], own["characters"], own["bytes"]]
        for name, own in metrics["sources"].items()
    ]
    notes = [
        [what, metrics[key]]
        for key, what in (
            ("empty", "documents without text"),
            ("unknown_licences", "licences of records that are no SPDX expression"),
            ("replaced_characters", "lone surrogates replaced"),
            ("html_too_deep", "pages nested too deeply to tell their main content"),
            ("html_cut", "pages cut at a tag with too many attributes"),
        )
    ]
    sections = [
        Section(
            "Records",
            [
                Figures(
                    [
                        ("records", f"{metrics['records']:,}"),
                        ("documents", f"{metrics['documents']:,}"),
                        ("skipped", f"{sum(metrics['skipped'].values()):,}"),
                        ("characters", f"{metrics['characters']:,}"),
                    ]
                ),
                Table(
                    ["source", "records", "documents", "skipped", "characters", "bytes"], sources
                ),
            ],
        ),
        Section(
            "Skipped",
            [Bars("Records, by reason", _bars(metrics["skipped"]))],
            "An archive holds much that is no page; each such record is listed in skipped/.",
        ),
        Section("Noticed", [Table(["what", "how many"], notes)]),
    ]
    if metrics["notes"]:
        done = [[name, count] for name, count in metrics["notes"].items()]
        sections.append(
            Section(
                "Done on the way in",
                [Table(["note", "records"], done)],
                "What readers and repair did to records; a record may have several notes.",
            )
        )
    Page("Documents", "records that became documents", sections).write(path)


def signals_report(metrics: Mapping[str, Any], path: Path) -> None:
    """Which languages were identified, and how many documents are duplicates."""
    sections = [
        Section(
            "Documents",
            [
                Figures(
                    [
                        (what, f"{metrics[key]:,}")
                        for what, key in (
                            ("documents", "documents"),
                            ("exact copies", "exact_copies"),
                            ("near copies, exact ones included", "near_copies"),
                        )
                        if key in metrics
                    ]
                )
            ],
        ),
        Section("Languages", [_languages(metrics["languages"])]),
    ]
    Page("Signals", "what was measured of each document", sections).write(path)


def corpus_report(
    manifest: Mapping[str, Any], examples: Mapping[str, list[tuple[str, str, str]]], path: Path
) -> None:
    """What came from where, what was left out and why, and what the kept documents are like.

    Sections on hosts, quality, duplicates, personal data and edits appear where the manifest has
    `hosts`, `quality`, `duplicates`, `personal_data` or `edits`, each of counts by name; beside
    `hosts` may stand `host_characters`.
    """
    kept = manifest["decisions"]["keep"]
    lengths = manifest["lengths"]
    splits = manifest["splits"]
    sections = [
        Section(
            "Corpus",
            [
                Figures(
                    [
                        ("records", f"{manifest['records']:,}"),
                        ("documents", f"{manifest['documents']:,}"),
                        ("kept", f"{kept['documents']:,}"),
                        ("kept characters", f"{kept['characters']:,}"),
                        ("share kept", _share(kept["documents"], manifest["documents"])),
                        ("for training", f"{splits['train']['documents']:,}"),
                        ("held out", f"{splits['held_out']['documents']:,}"),
                    ]
                ),
                Bars("Documents, by decision", _bars(_documents(manifest["decisions"]))),
            ],
        ),
        Section(
            "What came from where",
            [_origins("source", manifest["sources"]), _origins("licence", manifest["licences"])],
            "Characters are those of all documents, kept or not.",
        ),
        Section(
            "What was left out, and why",
            [_funnel(manifest), Bars("Documents not kept, by reason", _reasons(manifest))],
            "A document stops at the first rule that it fails. The rules stand in their order;"
            " what is left after one goes to the next. Examples are further down.",
        ),
        Section(
            "Lengths",
            [
                _lengths("All documents", lengths["edges"], lengths["all"]),
                _lengths("Kept documents", lengths["edges"], lengths["kept"]),
            ],
            "Documents without text are not drawn.",
        ),
        Section("Languages", [_languages(manifest["languages"])]),
        *_hosts(manifest),
        *_classes(manifest),
        *(
            Section(heading, [Bars(title, _top(manifest[key]))], note)
            for key, (heading, title, note) in _COUNTED.items()
            if manifest.get(key)
        ),
        Section(
            "Rules",
            [
                Table(
                    ["signal", "minimum", "maximum", "origin"],
                    [
                        [name, rule["minimum"], rule["maximum"], rule["origin"]]
                        for name, rule in manifest["thresholds"].items()
                    ]
                    + [
                        [name, " ".join(kept), None, "the recipe"]
                        for name, kept in manifest.get("keep_classes", {}).items()
                    ],
                )
            ],
            f"Language {manifest['language']}, identified with a confidence of at least"
            f" {manifest['minimum_language_confidence']:g}; before these come the rules empty,"
            " exact-duplicate, protected-variety and language"
            f"{_dense(manifest.get('personal_data_density'))}. Of a class those that are kept.",
        ),
        *_hold_out(manifest["hold_out"]),
        *(_examples(reason, found) for reason, found in examples.items()),
    ]
    Page("Corpus", "what is kept, what is not, and why", sections).write(path)


_COUNTED = {
    "duplicates": (
        "Duplicates",
        "Documents, by kind of duplicate",
        "Which copy stays is decided by source and licence, never by chance.",
    ),
    "personal_data": (
        "Personal data",
        "Found and replaced, by kind",
        "Counts only: what was found is neither shown nor stored.",
    ),
    "edits": ("Edits", "Changes within kept texts, by kind", ""),
}
_FIRST_RULES = (
    "empty",
    "exact-duplicate",
    "protected-variety",
    "language",
    "personal-data-density",
)
_SHOWN = 15


def _dense(rule: Mapping[str, Any] | None) -> str:
    if rule is None:
        return ""
    return (
        f", and personal-data-density ({rule['findings']} findings of persons or more, and"
        f" {rule['density']:g} or more by 1,000 characters)"
    )


def _classes(manifest: Mapping[str, Any]) -> list[Section]:
    """What classifiers say of the documents, kept or not: of many classes the largest."""
    sections = []
    for folder, classes in manifest.get("classes", {}).items():
        name = folder.partition("@")[0]
        made_with = manifest.get("made_with", {}).get(folder, {})
        judge = made_with.get("classifier", "SpeakLeash's rules")
        order = sorted(classes, key=lambda one: -classes[one]["documents"])
        shown = list(classes) if len(classes) <= _SHOWN else order[:_SHOWN]
        kept = sum(entry["keep"] for entry in classes.values())
        rows = [
            [
                one,
                classes[one]["documents"],
                classes[one]["keep"],
                _share(classes[one]["keep"], kept),
                classes[one]["characters"],
            ]
            for one in shown
        ]
        columns = ["class", "documents", "kept", "share of those kept", "characters kept"]
        bars = Bars("Kept documents, by class", _top({k: v["keep"] for k, v in classes.items()}))
        note = f"As {judge} says." + (
            f" The {_SHOWN} largest of {len(classes):,} classes." if len(classes) > _SHOWN else ""
        )
        sections.append(Section(f"Classes: {name}", [bars, Table(columns, rows)], note))
    return sections


def _origins(what: str, entries: Mapping[str, Mapping[str, int]]) -> Table:
    """Largest first, with the share that is kept."""
    rows = [
        [
            name,
            entry["documents"],
            entry["keep"],
            _share(entry["keep"], entry["documents"]),
            entry["reject"],
            entry["duplicate"],
            entry["quarantine"],
            entry["characters"],
        ]
        for name, entry in sorted(entries.items(), key=lambda i: (-i[1]["characters"], i[0]))
    ]
    columns = ["documents", "kept", "share", "rejected", "duplicates", "set apart", "characters"]
    return Table([what, *columns], rows)


def _ordered_reasons(manifest: Mapping[str, Any]) -> list[str]:
    """Reasons in the order of their rules; those of rules unknown here come last."""
    rules = [*_FIRST_RULES, *manifest["thresholds"], *manifest.get("keep_classes", {})]
    order = {name: place for place, name in enumerate(rules)}
    return sorted(manifest["reasons"], key=lambda name: (order.get(name, len(order)), name))


def _funnel(manifest: Mapping[str, Any]) -> Table:
    """From records to what is kept: what each rule takes, and what is left after it."""
    left = manifest["documents"]
    skipped = manifest["records"] - left
    rows: list[list[Any]] = [["records", None, "", manifest["records"]]]
    rows.append(["no document (skipped)", skipped, "", left])
    for name in _ordered_reasons(manifest):
        count = manifest["reasons"][name]["documents"]
        left -= count
        rows.append([name, count, _share(count, manifest["documents"]), left])
    return Table(["rule", "takes", "of all documents", "left"], rows)


def _reasons(manifest: Mapping[str, Any]) -> list[tuple[str, float]]:
    counts = _documents(manifest["reasons"])
    return [(name, float(counts[name])) for name in _ordered_reasons(manifest)]


def _hosts(manifest: Mapping[str, Any]) -> list[Section]:
    blocks: list[Block] = [
        Bars(title, _top(manifest[key]))
        for key, title in (
            ("hosts", "Kept documents, by host"),
            ("host_characters", "Kept characters, by host"),
        )
        if manifest.get(key)
    ]
    note = f"The {_SHOWN} largest; the others together."
    return [Section("Hosts", blocks, note)] if blocks else []


def _top(counts: Mapping[str, int]) -> list[tuple[str, float]]:
    """The largest few, and the others together."""
    bars = _bars(counts)
    rest = sum(count for _, count in bars[_SHOWN:])
    return bars[:_SHOWN] + ([("others", rest)] if rest else [])


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _hold_out(entries: list[dict[str, Any]]) -> list[Section]:
    if not entries:
        return []
    rows = [
        [
            entry.get("source"),
            entry.get("author"),
            "–".join(map(str, entry.get("years", []))) or None,
            entry["documents"],
        ]
        for entry in entries
    ]
    table = Table(["source", "author", "years", "documents"], rows)
    return [Section("Set aside by the recipe", [table], "With every copy of the same text.")]


def _examples(reason: str, found: list[tuple[str, str, str]]) -> Section:
    blocks: list[Block] = []
    for doc_id, detail, text in found:
        blocks += [Text(f"{doc_id}: {detail}" if detail else doc_id), Preformatted(text)]
    return Section(f"Not kept: {reason}", blocks, "The first of them, and how their texts begin.")


def _lengths(title: str, edges: list[float], counts: list[int]) -> Histogram:
    """The bins from the first to the last that hold a document."""
    filled = [index for index, count in enumerate(counts) if count]
    first, last = (filled[0], filled[-1]) if filled else (0, 0)
    return Histogram(
        title, edges[first : last + 2], counts[first : last + 1], "characters", log_x=True
    )


def _languages(found: Mapping[str, int]) -> Bars:
    return Bars("Documents, by identified language", _top(found))


def _documents(entries: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {name: entry["documents"] for name, entry in entries.items()}


def _bars(counts: Mapping[str, int]) -> list[tuple[str, float]]:
    """Largest first; equals in the order of their names."""
    return sorted(((k, float(n)) for k, n in counts.items()), key=lambda item: (-item[1], item[0]))
