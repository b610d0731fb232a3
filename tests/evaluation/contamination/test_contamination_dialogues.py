"""Items are found in dialogues as in a corpus: in any turn, in either answer of a preference."""

import json

import pytest
from real_data import real
from small_corpora import context_in
from test_contamination_find import AFTER, BEFORE, QUESTION, one

from mowa.errors import DataError
from mowa.evaluation.contamination import (
    Against,
    ContaminationIndexConfig,
    _texts,
    build_index,
    find_items,
    item_of,
)
from mowa.inference import Message
from mowa.instructions import Dialogue, write_dialogues
from mowa.instructions._converter import convert, load_converter, pieces

ASKED = (Message("user", BEFORE),)
ANSWERED = (*ASKED, Message("assistant", AFTER))

CASES = {
    "question": (Message("user", f"Odpowiedz.\n\n{QUESTION}"), Message("assistant", AFTER)),
    "answer": (*ASKED, Message("assistant", QUESTION)),
    "system": (Message("system", QUESTION), *ANSWERED),
    "later turn": (*ANSWERED, Message("user", QUESTION), Message("assistant", "Nie wiem.")),
}


def index(folder, dialogues):
    write_dialogues(folder, dialogues)
    out = folder / "index"
    out.mkdir()
    about = {"name": "zbiór", "fingerprint": "f"}
    config = ContaminationIndexConfig(lemmas="prefix")
    build_index(folder, out, context_in(folder), config=config, about=about)
    return Against("zbiór", "f", folder, out, "dialogues")


def others(count):
    return [Dialogue(f"other-{number}", ANSWERED) for number in range(count)]


@pytest.mark.parametrize("turns", CASES.values(), ids=CASES)
def test_an_item_is_found_in_any_turn_and_its_dialogue_named(tmp_path, turns):
    verdict = one(QUESTION, index(tmp_path, [*others(3), Dialogue("planted", turns)]))
    assert verdict.contaminated is True
    [hit] = verdict.hits
    assert (hit.corpus, hit.document, hit.share) == ("zbiór", "planted", 1.0)
    assert hit.text.split()[0].casefold() == QUESTION.split()[0].casefold()


@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_both_answers_of_a_preference_are_looked_through(tmp_path, side):
    answers = {"chosen": BEFORE, "rejected": AFTER} | {side: QUESTION}
    verdict = one(QUESTION, index(tmp_path, [*others(2), Dialogue("pair", ASKED, **answers)]))
    assert [hit.document for hit in verdict.hits] == ["pair"]


def test_a_question_and_its_answer_in_two_turns_are_one_text(tmp_path):
    words = QUESTION.split()
    turns = (
        Message("user", " ".join(words[:14])),
        Message("assistant", " ".join(words[14:])),
    )
    assert one(QUESTION, index(tmp_path, [Dialogue("split", turns)])).hits[0].share == 1.0


def test_dialogues_without_the_item_are_clean(tmp_path):
    assert one(QUESTION, index(tmp_path, others(5))).contaminated is False


def test_a_large_set_is_read_in_shards_of_a_few_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(_texts, "_SHARD_BYTES", 1)
    turns = CASES["later turn"]
    against = index(tmp_path, [*others(1500), Dialogue("late", turns), *others(700)])
    assert _texts.shard_names(tmp_path) == [
        f"00000-{number:06}-{number + 1:06}" for number in range(3)
    ]
    assert [hit.document for hit in one(QUESTION, against).hits] == ["late"]


def test_damaged_dialogues_are_named(tmp_path):
    write_dialogues(tmp_path, others(1))
    (tmp_path / "dialogues/00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        _texts.shard_names(tmp_path)


def test_every_question_of_an_exam_is_found_in_what_the_converter_made_of_it(tmp_path):
    path = real("eval/egzaminy-prawnicze/data/tasks/exams/2014/notarialny.jsonl")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    converter, _ = load_converter("egzaminy-prawnicze", None)
    made = [
        convert(converter, piece, Dialogue("", ()), 0)[0]
        for number, row in enumerate(rows, start=1)
        for piece in pieces(converter, row, "a.jsonl", number)
    ]
    items = [item_of(str(row["id"]), question=row["question"]) for row in rows]
    halves = len(made) // 2
    verdicts = find_items(items, [index(tmp_path, made[:halves])])
    found = [verdict.contaminated for verdict in verdicts]
    assert found[:halves] == [True] * halves
    assert sum(one is True for one in found[halves:]) <= 0.02 * len(rows)  # questions asked twice
