import json
import re
import subprocess
import sys
import tomllib
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import py3langid
import pytest
from fastwarc.warc import ArchiveIterator

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.corpus._extract import extract
from mowa.errors import UsageError
from mowa.sample import SampleSummary, write_sample

SIZE = 300


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def text_of(record: Record) -> str:
    if record.html is not None:
        return extract(record.html, charset=record.encoding).text.strip()
    assert record.text is not None
    return record.text.strip()


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> SampleSummary:
    return write_sample(tmp_path_factory.mktemp("sample"), seed=3, size=SIZE)


@pytest.fixture(scope="module")
def truth(sample) -> list[dict]:
    lines = (sample.folder / "truth.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def read(sample) -> dict[tuple[str, str], list[Record]]:
    """Every record that can become a document, by its file and key."""
    found = defaultdict(list)
    for form in ("web", "stories", "notes"):
        for path in sorted((sample.folder / form).iterdir()):
            for record in read_file(path, path.name, ReaderOptions()):
                if isinstance(record, Record):
                    found[f"{form}/{path.name}", record.key].append(record)
    return found


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(sample, tmp_path):
    write_sample(tmp_path / "again", seed=3, size=SIZE)
    write_sample(tmp_path / "other", seed=4, size=SIZE)
    assert contents(tmp_path / "again") == contents(sample.folder)
    assert contents(tmp_path / "other").keys() == contents(sample.folder).keys()
    assert contents(tmp_path / "other") != contents(sample.folder)


def test_a_second_call_leaves_files_alone_and_mends_only_what_was_changed(tmp_path):
    first = write_sample(tmp_path, size=40)
    assert {path.relative_to(tmp_path).as_posix() for path in first.written} == set(
        contents(tmp_path)
    )
    before = contents(tmp_path)
    times = {path: (tmp_path / path).stat().st_mtime_ns for path in before}
    assert write_sample(tmp_path, size=40).written == []
    assert {path: (tmp_path / path).stat().st_mtime_ns for path in before} == times
    (tmp_path / "notes/notes-03.jsonl").write_text("zepsute", "utf-8")
    assert write_sample(tmp_path, size=40).written == [tmp_path / "notes/notes-03.jsonl"]
    assert contents(tmp_path) == before


def test_a_smaller_sample_leaves_no_stories_of_the_larger_one_and_touches_no_other_file(tmp_path):
    write_sample(tmp_path, size=80)
    (tmp_path / "stories/moje.txt").write_text("To napisał ktoś inny.", "utf-8")
    write_sample(tmp_path, size=40)
    left = contents(tmp_path)
    assert left.pop("stories/moje.txt")
    write_sample(tmp_path / "fresh", size=40)
    assert contents(tmp_path / "fresh") == {
        path: content for path, content in left.items() if not path.startswith("fresh/")
    }


def test_a_sample_too_small_to_plant_everything_is_refused(tmp_path):
    with pytest.raises(UsageError, match="at least 40"):
        write_sample(tmp_path, size=39)


def test_the_truth_has_one_line_for_each_record_that_the_readers_find(sample, truth, read):
    counts = Counter(line["path"] for line in truth)
    for form in ("web", "stories", "notes"):
        for path in (sample.folder / form).iterdir():
            records = list(read_file(path, path.name, ReaderOptions()))
            assert counts.pop(f"{form}/{path.name}") == len(records)
    assert not counts
    documents = [line for line in truth if line["kind"] != "skipped"]
    assert {(line["path"], line["key"]) for line in documents} == read.keys()
    assert all(len(records) == 1 for records in read.values())


def test_the_summary_counts_what_the_truth_says(sample, truth):
    assert sample.records == Counter(line["kind"] for line in truth)
    assert sample.records["good"] == sample.documents == SIZE
    assert {"duplicate", "foreign", "empty", "short", "garbage", "spam-list", "skipped"} < set(
        sample.records
    )


def test_skipped_records_are_skipped_for_the_reason_in_the_truth(sample, truth):
    for path in (sample.folder / "web").iterdir():
        expected = Counter(
            line["reason"]
            for line in truth
            if line["kind"] == "skipped" and line["path"] == f"web/{path.name}"
        )
        records = read_file(path, path.name, ReaderOptions())
        assert Counter(r.reason for r in records if isinstance(r, Skipped)) == expected


def test_good_texts_differ_and_duplicates_are_identical_after_extraction(truth, read):
    by_document = defaultdict(list)
    good = Counter()
    for line in truth:
        if "document" in line:
            text = text_of(read[line["path"], line["key"]][0])
            by_document[line["document"]].append((line["kind"], line["path"].split("/")[0], text))
            good[text] += line["kind"] == "good"
    assert max(good.values()) == 1
    pairs = Counter()
    for copies in by_document.values():
        assert [kind for kind, _, _ in copies].count("good") == 1
        assert len({text for _, _, text in copies}) == 1
        original = next(form for kind, form, _ in copies if kind == "good")
        pairs.update((original, form) for kind, form, _ in copies if kind == "duplicate")
    assert set(pairs) == {
        ("web", "web"),
        ("web", "stories"),
        ("web", "notes"),
        ("stories", "stories"),
        ("stories", "web"),
        ("stories", "notes"),
        ("notes", "notes"),
    }


def test_what_is_extracted_from_a_good_page_is_its_article_without_the_furniture(truth, read):
    for line in truth:
        if line["kind"] == "good" and line["path"].startswith("web/"):
            text = text_of(read[line["path"], line["key"]][0])
            assert len(text) >= 300
            assert "cookie" not in text
            assert "Strona główna" not in text
            assert "Wszystkie prawa" not in text


def test_foreign_texts_are_foreign_and_good_ones_polish_to_the_identifier(truth, read):
    codes = {"eng": "en", "deu": "de", "ces": "cs", "ukr": "uk"}
    for line in truth:
        if line["kind"] in ("good", "foreign"):
            text = text_of(read[line["path"], line["key"]][0])
            expected = codes[line["language"]] if line["kind"] == "foreign" else "pl"
            assert py3langid.classify(text)[0] == expected, text


def test_empty_and_short_records_are_what_they_are_called(truth, read):
    for line in truth:
        if line["kind"] in ("empty", "short"):
            text = text_of(read[line["path"], line["key"]][0])
            assert (not text) if line["kind"] == "empty" else 0 < len(text) < 60


def test_texts_are_nfc_with_polish_quotation_marks(truth, read):
    for line in truth:
        if line["kind"] == "good":
            text = text_of(read[line["path"], line["key"]][0])
            assert unicodedata.is_normalized("NFC", text)
            assert text.count("„") == text.count("”")
            assert not re.search(r"[\[\]{}<>|\"]| [,.;:!?]|,[,.]|  |(?<!\.)\.\.(?!\.)", text), text


def test_fewer_than_two_sentences_in_five_come_more_than_once():
    # Facts, greetings and questions recur, as they do on the web; whole paragraphs hardly do.
    from mowa.sample._compose import compose

    texts = compose("web", 600, seed=7, seen=set()) + compose("notes", 600, seed=7, seen=set())
    paragraphs = [paragraph for text in texts for paragraph in text.paragraphs]
    sentences = [s for paragraph in paragraphs for s in re.split(r"(?<=[.!?”])\s+", paragraph)]
    characters = sum(map(len, sentences))
    assert 1 - sum(map(len, set(sentences))) / characters < 0.40
    long = [paragraph for paragraph in paragraphs if len(paragraph) > 80]
    assert 1 - len(set(long)) / len(long) < 0.05


def test_the_archive_is_a_warc_with_a_gzip_member_for_each_record(sample):
    kinds = Counter()
    for path in sorted((sample.folder / "web").iterdir()):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, parse_http=False):
                kinds[record.headers["WARC-Type"]] += 1
                assert record.verify_block_digest()
        data = path.read_bytes()
        assert data[4:8] == bytes(4)  # no time in the gzip header
        assert data.count(b"\x1f\x8b\x08") >= kinds["response"] / 2
    assert kinds["warcinfo"] == 2
    assert kinds["request"] == kinds["response"] > SIZE * 0.45


def test_hosts_serve_several_encodings_and_none_loses_a_letter(sample, truth, read):
    encodings = {
        record.encoding
        for records in read.values()
        for record in records
        if record.html is not None
    }
    assert encodings >= {"utf-8", "windows-1250"}
    everything = "".join(text_of(records[0]) for records in read.values())
    assert "\ufffd" not in everything
    assert set("ąćęłńóśźżŁŚŻ„”–") <= set(everything)


def test_importing_the_sample_loads_nothing_heavy():
    heavy = "fastwarc zstandard polars pyarrow torch transformers tokenizers numpy"
    code = f"import sys, mowa.sample; print([m for m in {heavy.split()} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_the_sources_of_the_sample_are_valid_and_open():
    from importlib import resources

    from mowa.rights import load_source

    with resources.as_file(resources.files("mowa.sample") / "project" / "sources") as folder:
        for form in ("web", "stories", "notes"):
            source = load_source(folder, f"sample-{form}")
            assert (source.licence, source.release, source.language) == ("CC0-1.0", "open", "pol")
            raw = tomllib.loads((folder / f"sample-{form}.toml").read_text("utf-8"))
            assert raw["collected_how"] == "generated by mowa.sample"
