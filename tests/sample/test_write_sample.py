import io
import json
import re
import subprocess
import sys
import tomllib
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.errors import DataError, UsageError
from mowa.sample import SampleSummary, Truth, read_truth, write_sample

SIZE = 200
FORMS = ("web", "stories", "notes")
OPTIONS = ReaderOptions(bad_input="skip")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> SampleSummary:
    return write_sample(tmp_path_factory.mktemp("sample"), seed=3, size=SIZE)


@pytest.fixture(scope="module")
def truth(sample) -> list[Truth]:
    return read_truth(sample.folder)


@pytest.fixture(scope="module")
def read(sample) -> dict[str, list[Record | Skipped]]:
    """What the readers make of every file but the papers, in order."""
    return {
        f"{form}/{path.name}": list(read_file(path, path.name, OPTIONS))
        for form in FORMS
        for path in sorted((sample.folder / form).iterdir())
    }


@pytest.fixture(scope="module")
def records(read) -> dict[tuple[str, str], Record]:
    """Every record that can become a document, by its file and key."""
    return {
        (path, item.key): item
        for path, items in read.items()
        for item in items
        if isinstance(item, Record)
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        write_sample(tmp_path / name, seed=seed, size=60)
    assert contents(tmp_path / "again") == contents(tmp_path / "one")
    assert contents(tmp_path / "other").keys() == contents(tmp_path / "one").keys()
    assert contents(tmp_path / "other") != contents(tmp_path / "one")


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


def test_a_smaller_sample_leaves_nothing_of_the_larger_one_and_touches_no_other_file(tmp_path):
    write_sample(tmp_path, size=240)
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


def test_the_truth_has_one_line_for_each_record_that_the_readers_find(sample, truth, read, records):
    counts = Counter(line.path for line in truth)
    papers = {f"papers/{path.name}" for path in (sample.folder / "papers").iterdir()}
    assert {path: count for path, count in counts.items() if path in papers} == dict.fromkeys(
        papers, 1
    )
    assert {path: len(items) for path, items in read.items()} == {
        path: count for path, count in counts.items() if path not in papers
    }
    assert len({(line.path, line.key) for line in truth}) == len(truth)
    to_come = {
        (line.path, line.key)
        for line in truth
        if line.expected != "skip"
        and line.path not in papers
        # The reader of text files takes UTF-8 only.
        and not (line.path.startswith("stories/") and line.encoding != "utf-8")
    }
    assert to_come <= records.keys()


def test_the_summary_counts_what_the_truth_says(sample, truth):
    assert sample.records == Counter(line.kind for line in truth)
    assert sample.records["good"] == sample.documents == SIZE


def test_records_to_be_skipped_are_skipped_for_the_reason_in_the_truth(truth, read):
    for path, items in read.items():
        expected = Counter(
            line.reason for line in truth if line.expected == "skip" and line.path == path
        )
        found = Counter(item.reason for item in items if isinstance(item, Skipped))
        if path.startswith("web/"):
            assert found == expected
    ends = Counter(line.reason for line in truth if line.kind == "broken")
    assert ends.keys() == {"truncated-gzip", "truncated-warc", "bad-http-body"}


def test_good_texts_differ_and_copies_have_the_same_words(truth):
    by_document = defaultdict(list)
    for line in truth:
        if line.document and line.kind in ("good", "duplicate", "mirror"):
            by_document[line.document].append(line)
    words = Counter()
    pairs = Counter()
    for copies in by_document.values():
        [original] = [line for line in copies if line.kind == "good"]
        words[original.text] += 1
        form = original.path.split("/")[0]
        for line in copies:
            if line is not original:
                assert line.duplicate_of == original.document
                assert line.text.endswith(original.text) or original.text.endswith(line.text)
                pairs[form, line.path.split("/")[0], line.what] += 1
    assert max(words.values()) == 1
    assert {
        ("web", "web", "other-host"), ("web", "web", "same-page"), ("web", "web", "mirror"),
        ("web", "stories", "other-form"), ("web", "notes", "other-form"),
        ("stories", "stories", "same-form"), ("stories", "web", "other-form"),
        ("stories", "notes", "other-form"), ("notes", "notes", "same-form"),
    } == set(pairs)  # fmt: skip


def test_the_same_page_at_two_addresses_is_the_same_to_the_byte(truth, records):
    by_url = {line.url: line for line in truth if line.make}
    pairs = [line for line in truth if line.what == "same-page"]
    assert pairs
    for line in pairs:
        original = by_url[line.url.partition("?")[0]]
        assert records[line.path, line.key].html == records[original.path, original.key].html


def test_the_mirror_copies_every_good_page_of_its_host(truth):
    mirrored = {line.mirror_of: line for line in truth if line.mirror_of}
    assert len({line.host for line in mirrored.values()}) == 1
    hosts = {line.document: line.host for line in truth if line.kind == "good" and line.host}
    [host] = {hosts[name] for name in mirrored}
    assert set(mirrored) == {name for name, where in hosts.items() if where == host}
    assert {line.host for line in mirrored.values()} != {host}


def test_near_duplicates_share_most_of_their_words_with_the_original_but_not_all(truth):
    originals = {line.document: line for line in truth if line.kind == "good"}
    near = [line for line in truth if line.near_duplicate_of]
    assert {line.change for line in near} == {
        "few-words", "paragraph-left-out", "paragraph-added", "other-header", "reordered",
    }  # fmt: skip
    for line in near:
        original = originals[line.near_duplicate_of]
        assert line.text != original.text
        assert 0.1 < line.similarity < 1
        ours, theirs = (Counter(text.split()) for text in (line.text, original.text))
        assert (ours & theirs).total() > 0.4 * theirs.total()


def test_texts_are_nfc_with_polish_quotation_marks(truth):
    for line in truth:
        if line.kind == "good" and line.encoding != "iso-8859-2":
            text = line.text
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


def test_the_archives_are_warcs_with_a_gzip_member_for_each_record(sample, truth):
    kinds = Counter()
    for path in sorted((sample.folder / "web").iterdir()):
        data = path.read_bytes()
        assert data[4:8] == bytes(4)  # no time in the gzip header
        for record in ArchiveIterator(io.BytesIO(data), parse_http=False):
            kinds[record.headers["WARC-Type"]] += 1
            key = record.record_id.strip("<>")
            whole = not any(line.key == key and line.kind == "broken" for line in truth)
            assert not whole or record.verify_block_digest()
    assert kinds["warcinfo"] == 4
    assert kinds["response"] > SIZE * 0.45


def test_papers_are_the_files_that_their_truth_describes(sample, truth):
    papers = {line.key: line for line in truth if line.path.startswith("papers/")}
    good = [line for line in papers.values() if line.kind == "good"]
    assert len(good) == max(2, round(0.015 * SIZE))
    for name, line in papers.items():
        content = (sample.folder / "papers" / name).read_bytes()
        assert content.startswith(b"%PDF-")
        assert (b"%%EOF" in content[-16:]) == (line.what != "cut")
        assert (b"/Encrypt" in content) == (line.what == "encrypted")
        assert len(re.findall(rb"/Type /Page\b", content)) == (
            1 if line.what else pytest.approx(4, abs=2)
        )
    assert {line.what for line in papers.values()} == {None, "scanned", "encrypted", "cut"}


def test_a_truth_table_that_is_not_ours_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_truth(tmp_path)
    (tmp_path / "truth.jsonl").write_text(json.dumps({"kind": "good", "colour": "red"}) + "\n")
    with pytest.raises(DataError, match="line 1 is not a line of a truth table"):
        read_truth(tmp_path)
    (tmp_path / "truth.jsonl").write_text("[1, 2]\n")
    with pytest.raises(DataError, match="line 1"):
        read_truth(tmp_path)


def test_importing_the_sample_loads_nothing_heavy():
    heavy = "fastwarc zstandard jinja2 polars pyarrow torch transformers tokenizers numpy"
    code = f"import sys, mowa.sample; print([m for m in {heavy.split()} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_the_sources_of_the_sample_are_valid_and_open():
    from importlib import resources

    from mowa.rights import load_source

    with resources.as_file(resources.files("mowa.sample") / "project" / "sources") as folder:
        for form in ("web", "stories", "notes", "papers", "dialogues"):
            source = load_source(folder, f"sample-{form}")
            assert (source.licence, source.release, source.language) == ("CC0-1.0", "open", "pol")
            raw = tomllib.loads((folder / f"sample-{form}.toml").read_text("utf-8"))
            assert raw["collected_how"] == "generated by mowa.sample"
