import contextlib
import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.sample._compose import _paragraphs, compose
from mowa.sample._facts import lines, tables
from mowa.sample._registers import _draw, _plan, kinds
from mowa.sample._relations import may_follow_that
from mowa.sample._template import Scene, names_used, parse, render

GENDERS = "mfnp"
TABLES = {
    "people": [{"g": "f", "nom": "Ola", "gen": "Oli"}, {"g": "m", "nom": "Jan", "gen": "Jana"}],
    "towns": [{"nom": "Łódź", "facts": ("[leży|stoi] tu", "jest tu dom")}],
}


def scene(**bound) -> Scene:
    people = {entry["nom"]: entry for entry in TABLES["people"]}
    return Scene(random.Random(1), TABLES, {name: people[who] for name, who in bound.items()})


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{hero.nom} posz<edł/ła> do {friend.gen}.", "Ola poszła do Jana."),
        ("<friend:ten/ta> {friend.nom}", "Ten Jan"),
        ("[|] „żółw” , [a][b|b]!", "„Żółw”, ab!"),
        ("– ale {Towns.nom} i {towns.nom}", "– Ale Łódź i Łódź"),
        ("{#7-7} [x [y|y]|x y] [z]", "7 x y z"),
        ("nas<friend:z/za> dom", "Nasz dom"),
        ("<hero+friend:szli/szły>, <hero+hero:szli/szły>", "Szli, szły"),
    ],
)
def test_a_template_is_drawn_agreed_and_capitalised(template, expected):
    assert render(template, scene(hero="Ola", friend="Jan")) == expected


@pytest.mark.parametrize("template", ["[a|b", "{a.b", "<a/b", "a]", "a|b", "{a}", "a>", "{9.x}"])
def test_a_malformed_template_is_refused(template):
    with pytest.raises(ValueError, match=r"closed|unexpected|malformed"):
        parse(template)


@given(st.text(alphabet="ab [|]{}<>./:#1", max_size=30))
def test_any_text_is_parsed_or_refused(template):
    with contextlib.suppress(ValueError):
        assert isinstance(parse(template), tuple)


@given(st.text(alphabet=st.characters(blacklist_characters="[]|{}<>", codec="utf-8"), max_size=40))
def test_text_without_signs_is_taken_as_it_is(text):
    assert "".join(str(node) for node in parse(text)) == text


def test_another_digit_is_another_entity_and_the_document_tires_of_none_before_all_were_seen():
    world = scene()
    seen = {render("{people.nom} i {people2.nom}", world) for _ in range(20)}
    assert seen <= {"Ola i Jan", "Jan i Ola"}
    assert world.draw("people", "f")["nom"] == "Ola"


def test_malformed_plans_and_tables_are_refused():
    with pytest.raises(ValueError, match="malformed token"):
        _draw("a**2")
    with pytest.raises(ValueError, match="malformed token"):
        _draw("@city")
    assert [[draw.name for draw in paragraph] for paragraph in _plan("a b*2 / @c.d>3?")] == [
        ["a", "b"],
        ["c"],
    ]
    from mowa.sample._facts import _table

    with pytest.raises(ValueError, match="2 fields, not 1"):
        _table("t", {"columns": "nom", "rows": "a | b"})
    with pytest.raises(ValueError, match="no rows"):
        _table("t", {"columns": "nom", "rows": "a", "facts": {"b": "c", "a": "d"}})
    from mowa.sample._registers import _kind

    raw = {"host": "h", "places": {}, "bind": {}, "title": "t", "blocks": {"a": "b"}}
    with pytest.raises(ValueError, match="no block 'b'"):
        _kind("k", raw | {"plans": "b"}, {})
    with pytest.raises(ValueError, match="bound as 'x'"):
        _kind("k", raw | {"plans": "@x.facts"}, {})


def test_dialogue_stands_in_paragraphs_of_its_own():
    sentences = ["Szedł.", "Padało.", "– Kto tam? // – Ja.", "Otworzył."]
    assert _paragraphs(sentences) == ["Szedł. Padało.", "– Kto tam?", "– Ja.", "Otworzył."]


def test_no_line_comes_twice_in_a_document():
    for document in compose("web", 60, seed=11, seen=set()):
        sentences = [s for p in document.paragraphs for s in re.split(r"(?<=[.!?])\s+", p)]
        long = [sentence for sentence in sentences if len(sentence) > 60]
        assert len(long) == len(set(long))


def templates():
    """Every template of a kind that a plan can reach, with the kind."""
    for kind in kinds():
        reached = {draw.name for plan in kind.plans for part in plan for draw in part}
        texts = [line for block, found in kind.blocks.items() if block in reached for line in found]
        for text in [*kind.titles, *texts]:
            yield kind, text
        for slot, source in kind.bind.items():
            for row in tables()[source.partition(":")[0]]:
                for value in row.values():
                    for text in [value] if isinstance(value, str) else value:
                        yield kind, text
            assert slot


def test_every_slot_has_its_form_and_every_agreement_its_genders():
    for kind, text in templates():
        for name, form in names_used(text):
            table = kind.bind.get(name, name.rstrip("0123456789")).partition(":")[0]
            for row in tables()[table]:
                if isinstance(form, int):
                    assert GENDERS.index(row["g"]) < form, (kind.name, text, row["nom"])
                else:
                    assert form in row, (kind.name, text)


def test_there_are_at_least_four_hundred_templates_and_every_block_is_used():
    assert len({text for _, text in templates()}) > 900
    for kind in kinds():
        assert lines("\n a \n\nb") == ("a", "b")
        assert kind.plans
        assert kind.titles


def test_every_row_of_a_table_has_every_column_and_every_template_parses():
    for name, table in tables().items():
        for row in table:
            assert set(row) == set(table[0]), name
            for value in row.values():
                for text in [value] if isinstance(value, str) else value:
                    assert parse(text), (name, row)
    for kind, text in templates():
        assert parse(text), kind.name


def test_composed_sentences_are_clean():
    for document in compose("web", 300, seed=13, seen=set()):
        for text in (document.title, *document.paragraphs):
            assert unicodedata.is_normalized("NFC", text)
            assert not re.search(r"[\[\]{}<>|]|  | [,.;:?!]|,,| - ", text), text
            first = next(sign for sign in text if sign.isalnum())
            assert first == first.upper(), text
        if document.kind in {"town", "peak", "park", "atlas_page", "scholar", "event", "plant"}:
            for text in document.paragraphs:  # other kinds have signatures and lists
                assert text.endswith((".", "!", "?", "”", ":")), (document.kind, text)


def test_only_a_single_clause_without_a_capital_is_put_after_that():
    assert may_follow_that("{s.nom} leży nad {s.river_ins}.")
    assert may_follow_that("[w|we] mieście.")
    assert not may_follow_that("{S.nom} leży.")
    assert not may_follow_that("Kto jedzie, ten jedzie.")
    assert not may_follow_that("to jedno. to drugie.")


def test_a_plan_draws_what_relations_state_and_ask_each_at_most_once():
    from mowa.sample._compose import _stated

    town = next(kind for kind in kinds() if kind.name == "town")
    row = next(row for row in tables()["towns"] if row["nom"] == "Kwidzyn")
    world = Scene(random.Random(4), tables(), {"town": row})
    used: dict[tuple[str, str], list[int]] = {}
    stated = _stated(_draw("@town.relations*2"), town, world, used)
    asked = _stated(_draw("@town.questions*9"), town, world, used)
    assert len(stated) == 2
    assert all("Kwidzyn" in text for text in (*stated, *asked))
    assert all(re.fullmatch(r"– .*\? // – .*\.", text) for text in asked)
    assert _stated(_draw("@town.relations*2"), town, world, used) == []
    assert "s" not in world.bound


def test_a_line_that_follows_on_begins_as_it_stands():
    assert render("w {Towns.nom} pada.", scene(), capital=False) == "w Łódź pada."
    assert render("w {Towns.nom} pada.", scene()) == "W Łódź pada."
