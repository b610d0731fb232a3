"""Converters: what comes with Mowa on rows of its form, mistakes in one, and spans in the text."""

import json
from importlib import resources

import polars as pl
import pytest
from real_data import real

from mowa.corpus import DocumentsConfig, _documents
from mowa.corpus._normalise import normalised
from mowa.errors import UsageError
from mowa.instructions import Dialogue
from mowa.instructions._converter import (
    Case,
    Converter,
    Stand,
    convert,
    load_converter,
    pieces,
    shipped,
)
from mowa.instructions.importers import BadRowError
from mowa.workspace import Inputs

BASE = Dialogue("z-miejsca", (), licence="CC-BY-4.0", source="rozmowy")
CONTEXT = "Wybory  odbywają się\r\nco pięć lat. Zgłoszono go na drugą kadencję, co pięć lat."
SQUAD = {
    "version": "1",
    "data": [
        {
            "id": 1010,
            "title": "Wybory",
            "url": "https://pl.wikipedia.org/wiki/Wybory",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {
                            "question": "Co ile lat odbywają się wybory?",
                            "answers": [
                                {
                                    "text": "co pięć lat",
                                    "answer_start": 22,
                                    "answer_end": 33,
                                    "generative_answer": "co pięć lat",
                                }
                            ],
                            "is_impossible": False,
                        },
                        {
                            "question": "Czy zgłoszono go na drugą kadencję?",
                            "answers": [
                                {
                                    "text": "Zgłoszono go na drugą kadencję",
                                    "answer_start": 35,
                                    "answer_end": 65,
                                    "generative_answer": "tak",
                                }
                            ],
                            "is_impossible": False,
                        },
                        {
                            "question": "Kto liczy głosy?",
                            "plausible_answers": [{"text": "lat", "answer_start": 30}],
                            "is_impossible": True,
                        },
                    ],
                }
            ],
        }
    ],
}
EXAM = {
    "id": 1,
    "question": "Zgodnie z Kodeksem karnym, przygotowanie jest karalne:",
    "choices": {"A": "tylko wtedy, gdy ustawa tak stanowi,", "B": "zawsze,", "C": "nigdy."},
    "answer": "A",
    "legal_basis": "art. 16 § 2 k.k.",
    "legal_basis_content": "Przygotowanie jest karalne tylko wtedy, gdy ustawa tak stanowi.",
    "exam_type": "adwokacki_radcowy",
    "year": 2012,
}


def all_of(name, value):
    converter, _ = load_converter(name, None)
    return [
        convert(converter, piece, BASE, 0)[0] for piece in pieces(converter, value, "a.json", 1)
    ]


def test_every_converter_that_comes_with_mowa_is_read_and_named_as_its_file():
    assert {"poquad", "egzaminy-prawnicze"} <= set(shipped())
    folder = resources.files("mowa.instructions") / "converters"
    for name in shipped():
        converter, mark = load_converter(name, None)
        assert converter.name == name
        assert len(mark) == 32
        text = (folder / f"{name}.toml").read_text("utf-8")
        assert pl.Series([text]).str.normalize("NFC").item() == text


def test_questions_about_a_paragraph_are_answered_from_it_or_not_at_all():
    plain, yes, none = all_of("poquad", SQUAD)
    assert [one.id for one in (plain, yes, none)] == [f"poquad-0-0-{n}" for n in range(3)]
    assert "Co ile lat" in plain.messages[0].content
    assert "ięć lat" in plain.messages[1].content
    assert plain.messages[1].content.endswith(".")
    assert yes.messages[1].content.startswith("Tak.")
    assert json.loads(yes.details)["data.title"] == "Wybory"
    assert "lat" not in none.messages[1].content
    assert none.documents == ()


def test_the_innermost_licence_that_a_row_states_is_the_dialogues():
    first, *rest = SQUAD["data"]
    whole = {**SQUAD, "license": "cc-by-nc-4.0", "data": [{**first, "licence": "CC0-1.0"}, *rest]}
    assert {one.licence for one in all_of("poquad", SQUAD)} == {BASE.licence}
    poquad, _ = load_converter("poquad", None)
    assert poquad.licence == "CC-BY-SA-4.0 AND GPL-3.0-only"  # the paragraphs', the questions'
    assert poquad.author
    assert {one.licence for one in all_of("poquad", whole)} == {"CC0-1.0"}
    whole["data"] = SQUAD["data"]
    assert {one.licence for one in all_of("poquad", whole)} == {"CC-BY-NC-4.0"}
    [exam] = all_of("egzaminy-prawnicze", {**EXAM, "license": "jak wyżej"})
    assert exam.licence is None  # what is said of the set is not true of this row


def test_an_exam_names_the_right_choice_and_its_legal_basis():
    [dialogue] = all_of("egzaminy-prawnicze", EXAM)
    asked, told = (turn.content for turn in dialogue.messages)
    assert "tylko wtedy, gdy ustawa tak stanowi" in told
    assert "art. 16 § 2 k.k." in told
    assert "stanowi," not in asked
    assert "{" not in asked + told
    assert dialogue.id == "adwokacki_radcowy-2012-1"


@pytest.mark.parametrize(
    ("name", "row", "parts"),
    [
        ("classification", {"text": "Bramkarz obronił karnego.", "label": 6}, ["sport"]),
        ("summaries", {"id": "1", "text": "Ala ma kota. " * 40,
          "summary": "Ala ma rudego kota w domu."},
         ["Ala ma rudego kota w domu."]),
        ("dictionary", {"word": "gżegżółka", "definition": "dawna nazwa kukułki."},
         ["„gżegżółka”: dawna nazwa kukułki."]),
        ("dictionary", {"word": "kot", "definition": "zwierzę", "example": "kot śpi"},
         ["Kot śpi."]),
        ("legal-articles", {"148": "§ 1. Kto za-\n   bija\n człowieka\n  § 2. Kto zabija dwóch"},
         ["§ 1. Kto zabija człowieka\n§ 2. Kto zabija dwóch"]),
    ],
)  # fmt: skip
def test_the_examples_convert_their_rows(name, row, parts):
    [dialogue] = all_of(name, row)
    assert all(part in dialogue.messages[-1].content for part in parts)


def test_wordings_are_drawn_by_the_seed_and_the_row_and_by_nothing_else():
    converter = Converter(
        name="a", id="{id}", cases=(Case(prompts=tuple("abcdefgh"), answers=("{x}",)),)
    )

    def drawn(seed):
        rows = [{"id": str(n), "x": "y"} for n in range(200)]
        return [convert(converter, row, BASE, seed)[0].messages[0].content for row in rows]

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1)) == set("abcdefgh")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"label": 9, "text": "a" * 30}, "unknown label"),
        ({"label": True, "text": "a" * 30}, "unknown label"),
        ({"label": 1, "text": "krótki"}, "left out by the converter"),
        ({"label": 1}, "left out by the converter"),
    ],
)
def test_a_row_that_is_not_converted_says_why(row, reason):
    converter, _ = load_converter("classification", None)
    with pytest.raises(BadRowError, match=reason):
        convert(converter, row, BASE, 0)


def test_a_missing_field_is_named():
    converter, _ = load_converter("dictionary", None)
    with pytest.raises(BadRowError, match="a field is missing") as caught:
        convert(converter, {"word": "kot"}, BASE, 0)
    assert caught.value.detail == "definition"


def test_conditions_tell_true_from_one():
    case = Case(where={"a": [True, "tak"]}, prompts=("b",), answers=("c",))
    converter = Converter(name="a", cases=(case,))
    assert convert(converter, {"a": True}, BASE, 0)
    for other in (1, "Tak", None, [True]):
        with pytest.raises(BadRowError):
            convert(converter, {"a": other}, BASE, 0)


@pytest.mark.parametrize("value", [{"data": 5}, {"data": [{"paragraphs": None}]}, 7, None])
def test_where_a_list_is_missing_an_error_stands_for_it(value):
    converter, _ = load_converter("poquad", None)
    [found] = pieces(converter, value, "a.json", 1)
    assert found.reason == "there is no such list"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name = [", "not TOML"),
        ('name = "a"', "cases"),
        ('name = "a"\ncolour = 1\n[[cases]]\nprompts = ["b"]\nanswers = ["c"]', "colour"),
        ('name = "a"\n[[cases]]\nprompts = ["{b"]\nanswers = ["c"]', "bracket stands alone"),
        ('name = "a"\n[[cases]]\nprompts = []\nanswers = ["c"]', "prompts"),
        ('name = "a"\nlicence = "wolna"\n[[cases]]\nprompts = ["b"]\nanswers = ["c"]', "SPDX"),
        ('name = "a"\n[[cases]]\nwhere = { "a b" = 1 }\nprompts = ["b"]\nanswers = ["c"]',
         "no field"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_converter_is_named_with_its_key(tmp_path, text, fault):
    (tmp_path / "a.toml").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=fault):
        load_converter("a.toml", tmp_path)


def test_a_converter_that_is_not_there_is_a_mistake_of_the_recipe(tmp_path):
    with pytest.raises(UsageError, match="no converter 'nie-ma'"):
        load_converter("nie-ma", tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        load_converter("nie-ma.toml", tmp_path)


def texts_of(world, inventory, **reader):
    """Texts of the same files read as documents, by their ids."""
    out = world.root / "made" / "documents"
    out.mkdir()
    config = DocumentsConfig(reader=reader)
    _documents.run(config, Inputs((inventory,)), out, world.context("documents"))
    parts = [pl.read_parquet(path) for path in (out / "documents").iterdir()]
    return dict(pl.concat(parts).select("doc_id", "text").rows())


def test_spans_are_those_of_the_documents_that_the_corpus_has(world):
    world.file("zbior/a.json", json.dumps(SQUAD, indent=1))
    inventory = world.inventory()
    made = world.dialogues(inventory, converter="poquad")
    texts = texts_of(world, inventory, format="squad")
    spans = [span for one in made.taken for span in one.documents]
    assert [texts[span.document][span.start : span.end] for span in spans] == [
        "co pięć lat",
        "Zgłoszono go na drugą kadencję",
    ]
    assert [span.start for span in spans] == [20, 33]


def test_articles_stand_on_their_whole_documents(world):
    world.file("zbior/kk.json", json.dumps({"1": "Kto  zabija człowieka, podlega karze."}))
    inventory = world.inventory()
    [dialogue] = world.dialogues(inventory, converter="legal-articles").taken
    texts = texts_of(world, inventory, format="json")
    [span] = dialogue.documents
    assert texts[span.document][span.start : span.end] == "Kto zabija człowieka, podlega karze."


def test_a_quote_that_the_text_does_not_have_gives_no_span():
    stand = Stand(document="{id}", text="text", quote="quote", start="start")
    case = Case(prompts=("a",), answers=("b",), span=stand)
    converter = Converter(name="a", cases=(case,))
    row = {"id": "1", "text": "Ala ma kota, a kot ma Alę.", "quote": "kot", "start": 15}
    dialogue, unbound = convert(converter, row, BASE, 0)
    assert ([span.start for span in dialogue.documents], unbound) == ([15], False)
    for other in ({"quote": "pies"}, {"start": 16}, {"start": 0}, {"text": None}, {"quote": ""}):
        dialogue, unbound = convert(converter, {**row, **other}, BASE, 0)
        assert (dialogue.documents, unbound) == ((), True)


def test_real_questions_about_paragraphs_all_stand_on_their_text(world):
    path = real("text/poquad-wikipedia/data.json")
    world.file("zbior/data.json", path.read_bytes())
    inventory = world.inventory(name="poquad-wikipedia")
    made = world.dialogues(inventory, converter="poquad", near_duplicates=False)
    assert made.metrics["rows"] == made.metrics["candidates"] == 2_377
    assert made.metrics["unbound"] == 0
    texts = texts_of(world, inventory, format="squad")
    quotes = {
        f"poquad-{a}-{p}-{q}": qa["answers"][0]["text"]
        for a, article in enumerate(json.loads(path.read_text("utf-8"))["data"])
        for p, paragraph in enumerate(article["paragraphs"])
        for q, qa in enumerate(paragraph["qas"])
        if not qa["is_impossible"]
    }
    spans = {one.id: span for one in made.taken for span in one.documents}
    assert len(spans) > 1_850
    frame = pl.DataFrame({"quote": [quotes[id_] for id_ in spans]})
    wanted = frame.select(normalised(pl.col("quote")))["quote"].to_list()
    assert [texts[s.document][s.start : s.end] for s in spans.values()] == wanted


def test_real_examinations_are_all_converted(world):
    folder = real("eval/egzaminy-prawnicze/data/tasks/exams")
    for path in sorted(folder.rglob("*.jsonl")):
        world.file(f"zbior/{path.parent.name}/{path.name}", path.read_bytes())
    made = world.dialogues(converter="egzaminy-prawnicze", near_duplicates=False)
    assert made.metrics["rows"] == made.metrics["candidates"] == 1_262
    assert set(made.metrics["rejected"]) <= {"exact duplicate", "other language"}
