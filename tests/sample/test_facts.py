import re
import unicodedata
from collections import Counter

import pytest

from mowa.sample import facts, questions, split_facts
from mowa.sample._compose import Document, compose
from mowa.sample._facts import tables
from mowa.sample._leaks import Leaks, forms
from mowa.sample._relations import NONE, _relation, relations
from mowa.sample._template import names_used

KNOWN, HELD_OUT = split_facts(0.2, seed=1)


def sentences(documents: list[Document]) -> list[str]:
    paragraphs = [paragraph for document in documents for paragraph in document.paragraphs]
    return [s for text in paragraphs for s in re.split(r"(?<=[.!?])\s+", text)]


def spaced(text: str) -> str:
    words = " ".join(re.findall(r"[^\W_]+", text.lower()))
    return f" {words} "


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    seen: set[str] = set()
    return compose("web", 1_400, seed=7, seen=seen) + compose("notes", 1_400, seed=7, seen=seen)


def test_there_are_hundreds_of_facts_in_dozens_of_relations_each_with_its_own_id():
    assert len(facts()) >= 800
    assert len({fact.relation for fact in facts()}) >= 25
    assert len({fact.id for fact in facts()}) == len(facts())
    assert {fact.about for fact in facts()} >= {"geography", "nature", "science", "history"}


def test_wordings_name_columns_of_their_table_or_whole_tables():
    for relation in relations().values():
        columns = set(tables()[relation.table][0])
        for wording in (
            *relation.statements,
            *relation.questions,
            *relation.held_out_statements,
            *relation.held_out_questions,
        ):
            for name, form in names_used(wording):
                if isinstance(form, int):
                    assert name == "s", (relation.name, wording)
                    assert "g" in columns, (relation.name, wording)
                else:
                    found = columns if name == "s" else set(tables()[name.rstrip("0123456789")][0])
                    assert form in found, (relation.name, wording)


def test_every_wording_is_a_clean_sentence():
    for fact in facts():
        assert fact.answer in fact.accepted
        for kind, wordings in (("statement", fact.statements), ("question", fact.questions)):
            assert {wording.held_out for wording in wordings} == {False, True}, fact.id
            for text in (wording.text for wording in wordings):
                assert unicodedata.is_normalized("NFC", text)
                assert not re.search(r"[\[\]{}<>|\"]|  | [,.;:?!]| - |-[.?!]$", text), text
                assert text[0].isupper() or text[0].isdigit() or text[0] == "„", text
                assert text.endswith("?" if kind == "question" else (".", ".”", "!")), text


def test_rows_without_an_answer_give_no_fact():
    lacking = [
        (relation.name, row["nom"])
        for relation in relations().values()
        for row in tables()[relation.table]
        if row[relation.answer] == NONE
    ]
    assert lacking
    assert not {f"{name}/{nom}" for name, nom in lacking} & {fact.id for fact in facts()}


def test_a_statement_gives_subject_and_answer_in_forms_that_the_tables_know():
    # What the tables do not know of can't be held out, so hardly any statement may escape them.
    escaped, total = [], 0
    for fact in facts():
        leaks = Leaks([fact])
        for wording in fact.statements:
            total += 1
            if len(leaks.mentioned(wording.text)) < 2:
                escaped.append(wording.text)
    assert len(escaped) / total < 0.02, escaped[:20]


def test_a_relation_with_a_misspelt_key_or_column_is_refused():
    raw = {"table": "rivers", "answer": "into", "about": "x", "statements": "", "questions": ""}
    with pytest.raises(ValueError, match=r"unknown keys \['anser'\]"):
        _relation("r", raw | {"anser": "x"})
    with pytest.raises(ValueError, match=r"rivers has no \['depth'\]"):
        _relation("r", raw | {"answer": "depth"})


def test_facts_are_split_by_their_id_and_stay_on_their_side():
    assert split_facts(0.2, seed=1) == (KNOWN, HELD_OUT)
    assert 0.15 < len(HELD_OUT) / len(facts()) < 0.25
    assert set(KNOWN) | set(HELD_OUT) == set(facts())
    assert split_facts(0.2, seed=2)[1] != HELD_OUT
    few = facts()[::3]
    assert set(split_facts(0.2, seed=1, among=few)[1]) == set(HELD_OUT) & set(few)
    assert set(HELD_OUT) < set(split_facts(0.4, seed=1)[1])


def test_a_question_has_one_right_choice_among_answers_of_the_same_column():
    found = questions(facts())
    by_id = {fact.id: fact for fact in facts()}
    for question in found:
        relation = relations()[by_id[question.fact].relation]
        column = {row[relation.answer] for row in tables()[relation.table]}
        assert set(question.choices) <= column
        assert 2 <= len(question.choices) == len(set(question.choices)) <= 4
        assert [one for one in question.choices if one in question.accepted] == [question.answer]
    assert len(Counter(q.choices.index(q.answer) for q in found)) == 4
    assert found == questions(facts())


def test_train_and_held_out_wordings_of_questions_do_not_meet():
    train = {question.text for question in questions(facts())}
    held_out = {question.text for question in questions(facts(), wordings="held_out")}
    assert len(train) > len(facts())
    assert held_out
    assert not train & held_out


def stated(documents: list[Document]) -> float:
    leaks = Leaks(facts())
    found: set[int] = set()
    for sentence in sentences(documents):
        mentioned = leaks.mentioned(sentence)
        found |= {n for n, _ in mentioned if {(n, True), (n, False)} <= mentioned}
    return len(found) / len(facts())


def test_most_facts_are_stated_in_two_megabytes(documents):
    assert stated(documents) > 0.8


@pytest.mark.slow
def test_nearly_every_fact_is_stated_in_the_large_sample():
    seen: set[str] = set()
    shares = {"stories": 560, "web": 3_150, "notes": 3_290}
    large = [d for place, n in shares.items() for d in compose(place, n, seed=7, seen=seen)]
    assert sum(len(document.text) for document in large) > 5_000_000
    assert stated(large) > 0.95


def test_no_held_out_wording_is_in_the_texts(documents):
    said = set(sentences(documents))
    held_out = {
        one.text for fact in facts() for one in (*fact.statements, *fact.questions) if one.held_out
    }
    assert not said & held_out
    assert said & {one.text for fact in facts() for one in fact.statements}


def test_a_document_composed_without_facts_tells_none_of_them(documents):
    def leaking(pages: list[Document]) -> set[str]:
        found = set()
        for page in pages:
            text = spaced(page.page)
            for fact in HELD_OUT:
                if all(any(spaced(form) in text for form in side) for side in forms(fact)):
                    found.add(fact.id)
        return found

    assert len(leaking(documents[:250])) > 20
    without = compose("web", 250, seed=7, seen=set(), without=HELD_OUT)
    assert leaking(without) == set()
    assert {page.kind for page in without} >= {"town", "city", "river", "scholar", "event"}


def test_forms_are_found_across_tables_and_without_prepositions():
    fact = next(fact for fact in facts() if fact.id == "city_river/Kraków")
    subject, answer = forms(fact)
    assert {"Kraków", "Krakowa", "Krakowie"} <= subject
    assert {"Wisła", "Wisły", "Wisłą"} <= answer
    leaks = Leaks([fact])
    leaks.start()
    assert leaks.admits("Byłem w Krakowie.")
    assert not leaks.admits("Tam poszedłem nad Wisłę.")
    leaks.start()
    assert leaks.admits("Poszedłem nad Wisłę.")
    assert Leaks([]).mentioned("Kraków leży nad Wisłą.") == set()
