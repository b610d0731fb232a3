"""What a corpus made of the sample found of what was planted in it, against the truth table."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mowa.corpus import (
    decided_documents,
    document_id,
    kept_documents,
    shard_names,
    skipped_records,
)
from mowa.errors import DataError
from mowa.sample._rows import ALL, Row, with_all
from mowa.sample._truth import Truth

__all__ = ["measure"]

# The step that looks for what is planted. None: nothing does yet, so nothing is measured.
_STEPS: dict[str, str | None] = {
    "broken records": "documents",
    "bad papers": "documents",
    "encodings": "documents",
    "mojibake": "documents",
    "main text": "documents",
    "licence of the page": "documents",
    "exact duplicates": "corpus",
    "near duplicates": "corpus",
    "other languages": "corpus",
    "protected varieties": "corpus",
    "machine garbage": "corpus",
    "lists of keywords": "corpus",
    "templated spam": "corpus",
    "nothing to read": "corpus",
    "personal data": "corpus",
    "reservations": None,
    "documents to keep": "corpus",
}

# Letters that the encodings of Polish put in different places (ą ś ź), so that a word with one of
# them comes out right only where its page was decoded right.
_TELLING = re.compile(r"\w*[ąśźĄŚŹ]\w*")
# A page is decoded as one: its telling words are all right or all wrong, and what the extraction
# lost is no fault of the decoding.
_DECODED = 0.3
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A record of the truth and what became of it; `decision` is `skip` where it is no document.

    `text` is the document's, `read` what is read of it where it is kept: without what was cut.
    """

    truth: Truth
    decision: str
    reason: str
    detail: str
    text: str
    licence: str | None
    read: str = ""

    @property
    def kept(self) -> bool:
        return self.decision == "keep"

    @property
    def words(self) -> Counter[str]:
        return Counter(_WORD.findall(self.text.casefold()))


def measure(truth: Iterable[Truth], corpus_path: Path, documents_path: Path) -> list[Row]:
    """Compare a corpus with the truth about the sample that it was made from.

    Args:
        truth: What `read_truth` gives; forms that the corpus was not made from are passed over.
        corpus_path: The folder of a `corpus` artifact.
        documents_path: The folder of the `documents` artifact that it was made from.

    Raises:
        DataError: Where the corpus was not made from this sample.
    """
    seen = _joined(truth, corpus_path, documents_path)
    kinds: dict[str, list[_Seen]] = defaultdict(list)
    for item in seen:
        kinds[item.truth.kind].append(item)
    fine = [item for item in seen if item.truth.expected == "keep"]
    return [
        *_by("broken records", kinds["broken"], _what, lambda item: item.decision == "skip"),
        *_by("bad papers", kinds["bad-paper"], _what, lambda item: not item.kept),
        *_encodings(fine),
        *_by("mojibake", kinds["mojibake"], lambda truth: truth.mojibake or "", _is_decoded),
        *_main_text(kinds["good"]),
        *_licences(seen),
        *_exact_duplicates(seen, kinds),
        *_near_duplicates(seen, kinds["near-duplicate"]),
        *_languages(seen, kinds["foreign"], "other languages", "language"),
        *_languages(seen, kinds["variety"], "protected varieties", "protected-variety"),
        *_by("machine garbage", kinds["garbage"], _what, lambda item: not item.kept),
        *_by("lists of keywords", kinds["spam-list"], _nothing, lambda item: not item.kept),
        *_by("templated spam", kinds["templated-spam"], _nothing, lambda item: not item.kept),
        *_by(
            "nothing to read",
            [item for kind in _NOTHING_TO_READ for item in kinds[kind]],
            lambda truth: truth.kind,
            lambda item: not item.kept,
        ),
        *_personal_data(seen),
        *_reservations(seen),
        *_to_keep(seen, fine),
    ]


_NOTHING_TO_READ = ("empty", "short", "furniture", "soft-404", "login-wall")


def _joined(truth: Iterable[Truth], corpus: Path, documents: Path) -> list[_Seen]:
    rows = decided_documents(corpus, ("doc_id", "text", "licence", "source"))
    found = {row["doc_id"]: row for row in rows.iter_rows(named=True)}
    read = {
        doc_id: text
        for shard in shard_names(corpus)
        for split in ("train", "held_out")
        for doc_id, text in kept_documents(corpus, shard, split).iter_rows()
    }
    left_out = skipped_records(documents)
    sources = {*rows["source"].to_list(), *left_out["source"].to_list()}
    skipped = left_out.height
    seen: list[_Seen] = []
    used = 0
    for line in truth:
        source = f"sample-{line.path.partition('/')[0]}"
        if source not in sources:
            continue
        row = found.get(document_id(source, line.key))
        used += row is not None
        seen.append(
            _Seen(line, "skip", "", "", "", None)
            if row is None
            else _Seen(
                line,
                row["decision"],
                row["reason"] or "",
                row["detail"] or "",
                row["text"],
                row["licence"],
                read.get(row["doc_id"], ""),
            )
        )
    if used < len(found) or used + skipped != len(seen):
        raise DataError(
            f"this corpus was made of {len(found):,} documents and {skipped:,} skipped records;"
            f" of the {len(seen):,} records of the truth, {used:,} are among the documents",
            where=str(corpus),
            fix="measure a corpus that the quickstart recipe made of this very sample: a step of"
            " it must neither split records nor leave out files",
        )
    return seen


def _what(truth: Truth) -> str:
    return truth.what or ""


def _nothing(_: Truth) -> str:
    return ""


def _by(
    group: str,
    items: Iterable[_Seen],
    label: Callable[[Truth], str],
    found: Callable[[_Seen], bool],
    false_alarms: Callable[[str], int] | None = None,
) -> list[Row]:
    """A row for each label, in the order of the labels."""
    step = _STEPS[group]
    sorts: dict[str, list[_Seen]] = defaultdict(list)
    for item in items:
        sorts[label(item.truth)].append(item)
    return [
        Row(
            group,
            name,
            len(sort),
            None if step is None else sum(map(found, sort)),
            None if step is None or false_alarms is None else false_alarms(name),
            step,
        )
        for name, sort in sorted(sorts.items())
    ]


def _encodings(fine: list[_Seen]) -> list[Row]:
    def label(truth: Truth) -> str:
        if truth.path.startswith("stories/"):
            return f"{truth.encoding}, text file"
        header, page = truth.claimed_encoding or "nothing", truth.claimed_in_page or "nothing"
        return f"{truth.encoding}, header says {header}, page {page}"

    plain = {"utf-8, header says utf-8, page utf-8", "utf-8, text file"}
    chosen = [
        item
        for item in fine
        if item.truth.encoding and item.truth.kind != "mojibake" and label(item.truth) not in plain
    ]
    return _by("encodings", chosen, label, _is_decoded)


def _is_decoded(item: _Seen) -> bool:
    telling = set(_TELLING.findall(item.truth.text or ""))
    if not telling:
        return bool(item.text)
    return len(telling & set(_WORD.findall(item.text))) >= _DECODED * len(telling)


def _main_text(good: list[_Seen]) -> list[Row]:
    """Words of the text that came out against the words of the text that should have: as bags."""

    def row(label: str, items: list[_Seen]) -> Row:
        gold = common = extra = 0
        for item in items:
            words, right = item.words, Counter(_WORD.findall((item.truth.text or "").casefold()))
            shared = (words & right).total()
            gold, common = gold + right.total(), common + shared
            extra += words.total() - shared
        return Row("main text", label, gold, common, extra, _STEPS["main text"])

    sorts: dict[str, list[_Seen]] = defaultdict(list)
    for item in good:
        if item.truth.make:
            sorts[f"pages: {item.truth.make}"].append(item)
        elif item.truth.path.startswith("papers/"):
            sorts["papers"].append(item)
    whole = [item for items in sorts.values() for item in items]
    return [
        row(ALL, whole),
        *(row(name, items) for name, items in sorted(sorts.items())),
    ]


def _licences(seen: list[_Seen]) -> list[Row]:
    """False alarms: pages that state no licence, or another, and yet got one of those planted."""
    pages = [item for item in seen if item.truth.make and item.text]
    stated = [item for item in pages if item.truth.licence]
    known = {item.truth.licence for item in stated}
    alarms = sum(item.licence in known and item.licence != item.truth.licence for item in pages)
    rows = _by(
        "licence of the page",
        stated,
        lambda truth: f"{truth.licence}, {_STATED[truth.licence_form or '']}",
        lambda item: item.licence == item.truth.licence,
    )
    return with_all(rows, alarms)


_STATED = {
    "json": "in JSON-LD",
    "link": "by a link in the footer",
    "rel": "by a link with rel=license",
    "text": "in words",
}


def _exact_duplicates(seen: list[_Seen], kinds: dict[str, list[_Seen]]) -> list[Row]:
    """Of the copies of one text all but one are duplicates; which one stays does not matter."""
    groups: dict[str, list[_Seen]] = defaultdict(list)
    for item in seen:
        if item.truth.document:
            groups[item.truth.document].append(item)
    copies = [*kinds["duplicate"], *kinds["mirror"]]
    # The original may be the one that was found: then it counts for one of its copies.
    marked = {id(item) for item in copies if item.decision == "duplicate"}
    for group in groups.values():
        original, *rest = sorted(group, key=lambda item: item.truth.duplicate_of is not None)
        missed = [item for item in rest if id(item) not in marked]
        if original.decision == "duplicate" and missed:
            marked.add(id(missed[0]))
    also_fine = {
        "near-duplicate",
        "templated-spam",
        *_NOTHING_TO_READ,
        "garbage",
        "foreign",
        "variety",
    }
    alarms = sum(
        item.reason == "exact-duplicate" and len(groups.get(item.truth.document or "", [])) < 2
        for item in seen
        if item.truth.kind not in also_fine
    )
    rows = _by(
        "exact duplicates",
        copies,
        lambda truth: {"mirror": "of a mirror site"}.get(truth.what or "", truth.what or ""),
        lambda item: id(item) in marked,
    )
    return with_all(rows, alarms)


def _near_duplicates(seen: list[_Seen], near: list[_Seen]) -> list[Row]:
    """Of a text and its changed copy one goes; which one stays does not matter.

    A copy of a text that its page made different is no false alarm.
    """
    group = "near duplicates"
    originals = {item.truth.near_duplicate_of for item in near}
    gone = {item.truth.document for item in seen if item.decision == "duplicate"}
    texts = Counter(item.truth.document for item in seen if item.truth.document)
    known = {id(item) for item in near}
    alarms = sum(
        item.reason == "near-duplicate"
        and id(item) not in known
        and item.truth.document not in originals
        and texts[item.truth.document or ""] < 2
        for item in seen
    )
    return with_all(
        _by(
            group,
            near,
            lambda truth: truth.change or "",
            lambda item: item.decision == "duplicate" or item.truth.near_duplicate_of in gone,
        ),
        alarms,
    )


def _languages(seen: list[_Seen], items: list[_Seen], group: str, reason: str) -> list[Row]:
    """False alarms: documents in another language that were stopped as being in this one."""

    def alarms(language: str) -> int:
        return sum(
            item.reason == reason
            and language in item.detail.split()
            and item.truth.language not in (language, None)
            for item in seen
        )

    found = (lambda item: item.decision == "quarantine") if group != "other languages" else _stopped
    return _by(group, items, lambda truth: truth.language or "", found, alarms)


def _stopped(item: _Seen) -> bool:
    return not item.kept


def _personal_data(seen: list[_Seen]) -> list[Row]:
    """Found is a value that what is read of a kept document no longer holds."""
    step = _STEPS["personal data"]
    kept = [item for item in seen if item.kept]
    values: dict[str, list[bool]] = defaultdict(list)
    for item in kept:
        for datum in item.truth.personal_data:
            values[datum["kind"]].append(datum["value"] not in item.read)
    alike = [
        datum["value"] in item.text and datum["value"] not in item.read
        for item in kept
        for datum in item.truth.look_alikes
    ]
    rows = [
        Row("personal data", kind, len(gone), sum(gone) if step else None, None, step)
        for kind, gone in sorted(values.items())
    ]
    return with_all(rows, sum(alike))


def _reservations(seen: list[_Seen]) -> list[Row]:
    items = [item for item in seen if item.truth.reserved in ("deny", "review")]
    others = [item for item in seen if item.truth.reserved in ("allow", "unknown")]
    alarms = sum(item.reason.startswith("reserv") for item in others)
    rows = _by("reservations", items, lambda truth: ", ".join(truth.protocols), _stopped)
    return with_all(rows, alarms)


def _to_keep(seen: list[_Seen], fine: list[_Seen]) -> list[Row]:
    """Of a text that comes more than once one copy is to be kept, whichever it is."""
    copies: Counter[str] = Counter(
        item.truth.document for item in seen if item.kept and item.truth.document
    )
    wrong = sum(count - 1 for count in copies.values())
    wrong += sum(
        item.kept and item.truth.expected != "keep" and not item.truth.document for item in seen
    )
    wrong += sum(item.kept and item.truth.kind in _NEVER_KEPT for item in seen)

    def found(item: _Seen) -> bool:
        return item.kept or copies[item.truth.document or ""] > 0

    rows = _by("documents to keep", fine, lambda truth: truth.path.partition("/")[0], found)
    return with_all(rows, wrong)


_NEVER_KEPT = ("reserved", "broken")
