"""The dialogues of the sample: what they tell, what they keep back, how they are written."""

import json
import random
import re
import unicodedata
from collections import Counter, defaultdict

import pytest

from mowa.evaluation._rules import accepts
from mowa.evaluation._task import find_tasks
from mowa.instructions import fault_of, from_row
from mowa.sample import facts
from mowa.sample._compose import compose
from mowa.sample._facts import tables
from mowa.sample._leaks import Leaks
from mowa.sample._relations import relations
from mowa.sample.assistant import dialogue_files, dialogues, only_read, preferences, told
from mowa.sample.assistant._answers import row_of, short_answers, wrong_row
from mowa.sample.assistant._forms import forms
from mowa.sample.assistant._texts import read_toml
from mowa.sample.assistant._unknown import invented_names, unknowns

TALKS = dialogues(7)
PAIRS = preferences(7)
FACTS = {fact.id: fact for fact in facts()}


def details(talk):
    return json.loads(talk.details)


def texts(talk):
    answers = [answer for answer in (talk.chosen, talk.rejected) if answer]
    return [turn.content for turn in talk.messages] + answers


def test_every_dialogue_and_preference_can_be_used_and_has_its_own_id():
    for made in (TALKS, PAIRS):
        assert {fault_of(talk) for talk in made} == {None}
        assert len({talk.id for talk in made}) == len(made)
        assert len({(talk.messages, talk.chosen) for talk in made}) == len(made)
        assert {talk.licence for talk in made} == {"CC0-1.0"}
    assert not any(talk.is_preference for talk in TALKS)
    assert all(talk.is_preference for talk in PAIRS)
    assert len(TALKS) > 4_000
    assert len(PAIRS) > 800


def test_there_are_dialogues_of_every_kind_and_talks_of_several_turns():
    kinds = Counter(details(talk)["kind"] for talk in TALKS)
    assert min(kinds[kind] for kind in ("fact", "talk", "unknown", "form")) > 250
    turns = Counter(len(talk.messages) for talk in TALKS)
    assert turns[4] > 200
    assert turns[6] > 5
    registers = {details(talk).get("register") for talk in TALKS} - {None}
    assert registers == set(read_toml("registers"))


def test_every_text_is_clean():
    for talk in (*TALKS, *PAIRS):
        for text in texts(talk):
            assert unicodedata.is_normalized("NFC", text)
            assert text == text.strip()
            assert not re.search(r"[\[\]<>|]|  | [,.;:?!]|\.\.|//|\b-\b[^\w]", text), text
            assert ("{" in text) is text.endswith("}"), text
            assert text[0].isupper() or text[0] in "„{" or text[0].isdigit() or "," in text, text


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others_of_the_same_facts():
    assert dialogues(7) == TALKS
    assert preferences(7) == PAIRS
    files, other = dialogue_files(7), dialogue_files(8)
    assert set(files) == set(other)
    assert all(files[name] != other[name] for name in files)
    rows = [from_row(json.loads(line)) for line in files["dialogues/chat.jsonl"].splitlines()]
    assert rows == TALKS


def test_no_dialogue_tells_both_ends_of_a_fact_that_is_only_read():
    assert len(only_read()) > 500
    assert not {fact.id for fact in only_read()} & {fact.id for fact in told()}
    leaks = Leaks(only_read())
    for seed_made in (TALKS, PAIRS, dialogues(8)):
        for talk in seed_made:
            leaks.start()
            assert all(leaks.admits(text) for text in texts(talk)), talk.id
    assert not {id_ for talk in TALKS for id_ in details(talk).get("facts", ())} & {
        fact.id for fact in only_read()
    }


def test_most_facts_that_are_only_read_stand_in_the_texts():
    seen: set[str] = set()
    pages = [*compose("web", 700, seed=7, seen=seen), *compose("notes", 700, seed=7, seen=seen)]
    leaks = Leaks(only_read())
    found = set()
    for page in pages:
        for paragraph in page.paragraphs:
            sides = leaks.mentioned(paragraph)
            found |= {number for number, _ in sides if {(number, True), (number, False)} <= sides}
    assert len(found) / len(only_read()) > 0.6


def test_every_told_fact_is_asked_for_by_itself_and_most_in_many_wordings():
    asked = Counter(
        id_.rpartition("/")[0] for talk in TALKS if (id_ := talk.id).startswith("fact/")
    )
    counts = [asked[f"fact/{fact.id}"] for fact in told()]
    assert min(counts) >= 1
    assert sum(count >= 5 for count in counts) / len(counts) > 0.85


def test_no_held_out_wording_is_in_a_dialogue():
    withheld = {
        one.text for fact in facts() for one in (*fact.questions, *fact.statements) if one.held_out
    }
    withheld |= {one.question for one in unknowns(0, held_out=True)}
    said = "\n".join(text for talk in (*TALKS, *PAIRS) for text in texts(talk))
    assert not [text for text in withheld if text in said]
    for form in read_toml("forms").values():
        for ask in form.get("held_out_asks", ()):
            longest = max(re.split(r"\{[^}]*\}", ask), key=len).strip()
            assert longest not in said


def test_a_short_answer_is_an_accepted_one_or_a_form_of_it():
    for fact in told():
        row = row_of(fact)
        known = {str(value) for value in row.values() if isinstance(value, str)} | set(
            fact.accepted
        )
        for question, answer in short_answers(fact).items():
            assert any(answer.endswith(value) for value in known), (question, answer)
            assert not answer.endswith("-"), (question, answer)
    beginnings = {
        name: set(known) for name, known in read_toml("answers").items() if name in relations()
    }
    assert beginnings.keys() == read_toml("answers").keys()
    for name, starts in beginnings.items():
        asked = (*relations()[name].questions, *read_toml("wordings")[name])
        assert all(any(one.startswith(f"{start} ") for one in asked) for start in starts), name


@pytest.mark.parametrize(
    ("fact", "question", "answer"),
    [
        ("peak_range/Śnieżka", "W jakich górach leży Śnieżka?", "w Karkonoszach"),
        ("town_river/Płock", "Nad jaką rzeką leży Płock?", "nad Wisłą"),
        ("town_river/Płock", "Jaka rzeka płynie przez miasto Płock?", "Wisła"),
        ("author_of_book/„Pan Tadeusz”", "Czyim dziełem jest „Pan Tadeusz”?", "Adama Mickiewicza"),
        ("river_mouth/Narew", "Gdzie kończy swój bieg Narew?", "uchodzi do Wisły"),
    ],
)
def test_a_short_answer_stands_in_the_case_that_its_question_asks_for(fact, question, answer):
    assert short_answers(FACTS[fact])[question] == answer


def test_another_row_gives_a_wrong_answer_of_the_same_column():
    for fact in told()[::7]:
        row = wrong_row(fact, random.Random(fact.id))
        if row is None:
            continue
        assert row["nom"] == fact.subject
        wrong = short_answers(fact, row=row)
        assert set(wrong) == set(short_answers(fact))
        right = {answer.casefold() for answer in fact.accepted}
        assert not {answer.casefold() for answer in wrong.values()} & right


def test_what_is_invented_stands_nowhere_in_the_tables():
    known = {str(value).casefold() for table in tables().values() for row in table
             for value in row.values()}  # fmt: skip
    names = [name for found in invented_names().values() for name in found]
    assert len(names) == len(set(names)) > 100
    assert not {name.casefold() for name in names} & known
    assert set(invented_names()) <= set(tables())


def test_kinds_of_unknown_things_are_trained_on_or_tried_never_both():
    trained, tried = unknowns(7), unknowns(0, held_out=True)
    assert not {one.what for one in trained} & {one.what for one in tried}
    assert not {one.question for one in trained} & {one.question for one in tried}
    assert len({one.what for one in tried}) >= 6
    assert all(one.decline for one in trained)


def test_every_answer_in_a_form_keeps_it_and_the_worse_one_breaks_it_or_is_wrong():
    for seed, held_out in ((7, False), (0, True)):
        for one in forms(told(), seed, held_out=held_out):
            assert accepts(one.answer, one.rule), one
            assert not accepts(one.broken, one.rule) or one.what == "word", one


def test_a_fact_is_asked_for_in_a_form_in_dialogues_or_in_tests_never_both():
    by_form = defaultdict(set)
    for one in forms(told(), 7):
        by_form[one.what] |= set(one.facts)
    for one in forms(told(), 0, held_out=True):
        assert not by_form[one.what] & set(one.facts)


def test_preferences_are_of_every_sort_and_differ():
    sorts = Counter((details(pair)["kind"], details(pair).get("what")) for pair in PAIRS)
    assert min(sorts["fact", what] for what in ("value", "declined", "statement")) > 50
    assert all(sorts["form", what] for what in ("word", "number", "upper", "claim", "object"))
    assert all(pair.chosen != pair.rejected for pair in PAIRS)


def test_the_tasks_of_the_assistant_are_found_by_their_family():
    assert len(find_tasks(["assistant-facts"])) == 2
