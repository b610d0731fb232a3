import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import real

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.errors import DataError


def token(identifier, form, misc="_"):
    return "\t".join([str(identifier), form, *"_______", misc]) + "\n"


def sentence(text, *comments):
    """A sentence whose tokens say something else than its text does."""
    lines = "".join(f"# {comment}\n" for comment in comments)
    return f"{lines}# text = {text}\n{token(1, 'żeton')}\n"


def conllu(*pieces):
    return "".join(pieces).encode()


def test_a_document_is_a_record_with_its_paragraphs(read):
    raw = conllu(
        sentence("Pierwsze.", "newdoc id = weblog-1", "newpar id = p1", "sent_id = 1"),
        sentence("Drugie."),
        sentence("Nowy akapit.", "newpar"),
        sentence("Inny tekst.", "newdoc id = weblog-2"),
        sentence("Bez akapitów."),
    )
    assert read("ud/a.conllu", raw) == [
        Record(
            key="ud/a.conllu#weblog-1",
            locator="ud/a.conllu#doc=weblog-1",
            text="Pierwsze. Drugie.\n\nNowy akapit.",
        ),
        Record(
            key="ud/a.conllu#weblog-2",
            locator="ud/a.conllu#doc=weblog-2",
            text="Inny tekst.\nBez akapitów.",
        ),
    ]


def test_without_its_text_a_sentence_is_put_together_of_tokens(read):
    raw = conllu(
        "# sent_id = 1\n",
        token("1-2", "Zrobiłbym"),
        token(1, "Zrobił", "SpaceAfter=No"),
        token(2, "bym"),
        token(3, "to", "SpaceAfter=No|Translit=to"),
        token("3.1", "pusty"),
        token(4, ",", "SpaceAfter=No"),
        token(5, "„", "SpaceAfter=No"),
        token("6-7", "gdybyś", "SpaceAfter=No"),
        token(6, "gdyby"),
        token(7, "ś"),
        token(8, "”"),
        token(9, "chciał", "SpaceAfter=No"),
        token(10, "."),
    )
    assert read("a.conllu", raw)[0].text == "Zrobiłbym to,„gdybyś” chciał."


def test_an_empty_node_before_the_first_word_is_no_text(read):
    raw = conllu(token("0.1", "x"), token(1, "Ala"), token("1.1", "y"), token(2, "ma"))
    assert read("a.conllu", raw)[0].text == "Ala ma"


def test_sentences_of_a_paragraph_touch_where_no_space_follows(read):
    first = "# newpar\n# text = Raz.\n" + token(1, "Raz.", "SpaceAfter=No") + "\n"
    assert read("a.conllu", conllu(first, sentence("Dwa.")))[0].text == "Raz.Dwa."


def test_sentences_without_documents_are_a_record_a_hundred(read):
    raw = conllu(*(sentence(f"Zdanie {number}.") for number in range(1, 251)))
    found = read("a.conllu.gz", gzip.compress(raw, mtime=0))
    assert [(record.key, record.locator) for record in found] == [
        ("a.conllu#1", "a.conllu.gz#sentences=1-100"),
        ("a.conllu#101", "a.conllu.gz#sentences=101-200"),
        ("a.conllu#201", "a.conllu.gz#sentences=201-250"),
    ]
    lines = [line for record in found for line in record.text.split("\n")]
    assert lines == [f"Zdanie {number}." for number in range(1, 251)]


def test_sentences_before_the_first_document_are_not_lost(read):
    raw = conllu(sentence("Luźne."), sentence("Tekst.", "newdoc id = a"), sentence("B.", "newdoc"))
    found = read("a.conllu", raw)
    assert [record.locator for record in found] == [
        "a.conllu#sentences=1-1",
        "a.conllu#doc=a",
        "a.conllu#line=8",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1\tza\tmalo\n", "invalid-conllu"),
        (token("x", "a").encode(), "invalid-conllu"),
        (token("0", "a").encode(), "invalid-conllu"),
        (token(1, "a").encode().replace(b"a", b"\xb3"), "invalid-utf-8"),
        (token(1, "a" * 500).encode(), "record-too-large"),
        (("# text = " + "a" * 500 + "\n").encode(), "record-too-large"),
    ],
)
def test_a_broken_line_costs_its_document_alone(read, line, reason):
    raw = (
        conllu(sentence("Dobry.", "newdoc id = a"), sentence("Zły.", "newdoc id = b"))
        + line
        + b"\n"
        + conllu(sentence("Dobry.", "newdoc id = c"))
    )
    found = read("a.conllu", raw, bad_input="skip", max_record_bytes=300)
    assert [item.locator for item in found] == [f"a.conllu#doc={name}" for name in "abc"]
    assert isinstance(found[1], Skipped)
    assert found[1].reason == reason
    with pytest.raises(DataError, match="doc=b"):
        read("a.conllu", raw, max_record_bytes=300)


def test_a_document_too_large_is_counted(outline):
    raw = conllu(sentence("a", "newdoc id = x"), *(sentence("b" * 90) for _ in range(20)))
    raw += conllu(sentence("c", "newdoc id = y"))
    found = outline("a.conllu", raw, bad_input="skip", max_record_bytes=1000)
    assert found == ["-record-too-large", "a.conllu#y"]


def test_a_file_cut_short_gives_its_whole_documents(outline):
    raw = conllu(sentence("a", "newdoc id = x"), sentence("b", "newdoc id = y"))
    found = outline("a.conllu.gz", gzip.compress(raw, mtime=0)[:-4], bad_input="skip")
    assert found == ["a.conllu#x", "-truncated-gzip"]


def test_a_file_without_sentences_holds_nothing(outline):
    assert outline("a.conllu", b"# global.columns = ID\n\n\n") == []


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))))
def test_any_lines_give_records_or_reasons(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("conllu") / "a.conllu"
    path.write_text("\n".join(lines), "utf-8")
    found = list(read_file(path, "a.conllu", ReaderOptions(bad_input="skip")))
    assert all(isinstance(item, Record | Skipped) for item in found)


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("ud-polish-pud/pl_pud-ud-test.conllu", 1000),
        ("ud-polish-mpdt/pl_mpdt-ud-dev.conllu", 162),
        ("ud-polish-mpdt/pl_mpdt-ud-test.conllu", 423),
        ("ud-polish-mpdt/pl_mpdt-ud-train.conllu", 1433),
    ],
)
def test_treebanks_give_every_sentence_and_tokens_rebuild_its_text(tmp_path, name, sentences):
    path = real(f"text/{name}")
    found = list(read_file(path, name, ReaderOptions()))
    texts = "\n".join(record.text for record in found).split("\n")
    assert len(texts) == sentences
    bare = [line for line in path.read_text("utf-8").split("\n") if not line.startswith("# text =")]
    (tmp_path / "a.conllu").write_text("\n".join(bare), "utf-8")
    rebuilt = list(read_file(tmp_path / "a.conllu", "a.conllu", ReaderOptions()))
    again = "\n".join(record.text for record in rebuilt).split("\n")
    # Three sentences of PUD have two spaces in their text.
    assert [text.split() for text in again] == [text.split() for text in texts]
