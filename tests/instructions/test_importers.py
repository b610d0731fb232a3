"""Each form of rows as the projects write them, and what is no row of it."""

import json
from typing import get_args

import pytest

from mowa.inference import Message
from mowa.instructions import Dialogue, fault_of, to_row
from mowa.instructions._config import Format
from mowa.instructions.importers import IMPORTERS, BadRowError, gathered, importer_for

BASE = Dialogue("z-miejsca", (), licence="CC-BY-4.0", source="rozmowy")

SPEAKLEASH = {
    "instruct": "Podaj stolicę Polski.",
    "input": "",
    "output": "Stolicą Polski jest Warszawa.",
    "source_name": "Wikipedia",
    "source_url": "https://pl.wikipedia.org/",
    "source_description": "Wolna encyklopedia",
    "script_name": "stolice.py",
    "status": "ok",
    "updated_by": "ania",
    "id": 17,
    "category": "geografia",
}
ALPACA = {
    "instruction": "Popraw błędy w zdaniu.",
    "input": "Ide do domu.",
    "output": "Idę do domu.",
    "text": "Below is an instruction …",
}
SHAREGPT = {
    "id": "QWJhYvA_0",
    "system": "Odpowiadaj krótko.",
    "conversations": [
        {"from": "human", "value": "Ile to 2 + 2?"},
        {"from": "gpt", "value": "4"},
        {"from": "human", "value": "A 3 + 3?"},
        {"from": "gpt", "value": "6"},
    ],
}
MESSAGES = {
    "prompt": "Kto napisał „Lalkę”?",
    "prompt_id": "f0e3",
    "messages": [
        {"role": "system", "content": "Jesteś polonistą."},
        {"role": "user", "content": "Kto napisał „Lalkę”?"},
        {"role": "assistant", "content": "Bolesław Prus."},
    ],
}
TURNS = [{"role": "user", "content": "Kto napisał „Lalkę”?"}]
GOOD = {"role": "assistant", "content": "Bolesław Prus."}
BAD = {"role": "assistant", "content": "Henryk Sienkiewicz."}


def node(key, role, text, *replies, **more):
    return {
        "message_id": key,
        "parent_id": None,
        "role": role,
        "text": text,
        "lang": "pl",
        "review_count": 3,
        "review_result": True,
        "deleted": False,
        "rank": None,
        "synthetic": False,
        "model_name": None,
        "replies": list(replies),
        **more,
    }


TREE = {
    "message_tree_id": "t1",
    "tree_state": "ready_for_export",
    "prompt": node(
        "p1",
        "prompter",
        "Jak zrobić żurek?",
        node("a2", "assistant", "Kup w sklepie.", rank=2),
        node(
            "a0",
            "assistant",
            "Zacznij od zakwasu.",
            node(
                "p2",
                "prompter",
                "A jak zrobić zakwas?",
                node("a3", "assistant", "Z mąki żytniej i wody.", rank=0),
                node("a4", "assistant", "Z drożdży.", rank=1, synthetic=True, model_name="m"),
            ),
            node("p3", "prompter", "Dziękuję!"),
            rank=0,
        ),
        node("a1", "assistant", "Ugotuj kiełbasę.", rank=1),
        node("a9", "assistant", "Nie wiem.", rank=None, review_result=False),
        review_result=None,
    ),
}


def made(row, name=None):
    return IMPORTERS[name or importer_for(row)].make(row, BASE)


def said(dialogue):
    return [(turn.role, turn.content) for turn in dialogue.messages]


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (SPEAKLEASH, "speakleash"),
        (ALPACA, "alpaca"),
        (SHAREGPT, "sharegpt"),
        (MESSAGES, "messages"),
        ({"messages": TURNS, "weight": 0.5}, "messages"),
        ({"messages": TURNS, "chosen": "a", "rejected": "b"}, "allamo-dpo"),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preferences"),
        ({"chosen": [*TURNS, GOOD], "rejected": [*TURNS, BAD], "messages": []}, "preferences"),
        (TREE, "oasst-trees"),
        (node("p1", "prompter", "?"), "oasst-messages"),
        (to_row(Dialogue("a", (Message("user", "b"),))), "mowa"),
        ({"text": "proza"}, None),
    ],
)
def test_the_form_of_a_row_is_told_by_its_fields(row, name):
    assert importer_for(row) == name


def test_the_recipe_may_name_every_form():
    assert ["auto", *IMPORTERS] == list(get_args(Format))


def test_speakleash_keeps_where_an_instruction_came_from():
    [dialogue] = made(SPEAKLEASH)
    assert said(dialogue) == [
        ("user", "Podaj stolicę Polski."),
        ("assistant", "Stolicą Polski jest Warszawa."),
    ]
    assert (dialogue.id, dialogue.source, dialogue.licence) == ("17", "rozmowy", "CC-BY-4.0")
    assert json.loads(dialogue.details) == {
        "category": "geografia",
        "script_name": "stolice.py",
        "source_description": "Wolna encyklopedia",
        "source_name": "Wikipedia",
        "source_url": "https://pl.wikipedia.org/",
        "status": "ok",
        "updated_by": "ania",
    }


def test_the_newer_name_of_an_instruction_is_known_too():
    row = {**SPEAKLEASH, "instruction": SPEAKLEASH["instruct"], "input": "Krótko."}
    del row["instruct"]
    assert importer_for(row) == "speakleash"
    assert said(made(row)[0])[0] == ("user", "Podaj stolicę Polski.\n\nKrótko.")


def test_alpaca_puts_the_input_under_the_instruction():
    [dialogue] = made(ALPACA)
    assert said(dialogue) == [
        ("user", "Popraw błędy w zdaniu.\n\nIde do domu."),
        ("assistant", "Idę do domu."),
    ]
    assert dialogue.id == "z-miejsca"


def test_sharegpt_calls_them_human_and_gpt():
    [dialogue] = made(SHAREGPT)
    roles = [turn.role for turn in dialogue.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    assert dialogue.messages[0].content == "Odpowiadaj krótko."
    inside = {"conversations": [{"from": "system", "value": "S"}, *SHAREGPT["conversations"]]}
    assert said(made(inside)[0])[0] == ("system", "S")


def test_messages_may_have_a_weight_and_contents_in_parts():
    parts = [{"type": "text", "text": "Kto "}, {"type": "text", "text": "to?"}]
    row = {"messages": [{"role": "user", "content": parts}, GOOD], "weight": 0.7}
    [dialogue] = made(row)
    assert dialogue.weight == 0.7
    assert dialogue.messages[0].content == "Kto to?"
    assert fault_of(made(MESSAGES)[0]) is None


def test_allamo_has_a_better_and_a_worse_answer():
    [dialogue] = made({"messages": TURNS, "chosen": "Prus.", "rejected": "Sienkiewicz."})
    assert (dialogue.chosen, dialogue.rejected) == ("Prus.", "Sienkiewicz.")
    assert fault_of(dialogue) is None


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Kto napisał „Lalkę”?", "chosen": GOOD["content"], "rejected": BAD["content"]},
        {"prompt": TURNS, "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": TURNS[0]["content"], "chosen": [*TURNS, GOOD], "rejected": [*TURNS, BAD]},
        {"chosen": [*TURNS, GOOD], "rejected": [*TURNS, BAD]},
        {
            "chosen": "\n\nHuman: Kto napisał „Lalkę”?\n\nAssistant: Bolesław Prus.",
            "rejected": "\n\nHuman: Kto napisał „Lalkę”?\n\nAssistant: Henryk Sienkiewicz.",
        },
        {
            "chosen": "Kto napisał „Lalkę”? Bolesław Prus.",
            "rejected": "Kto napisał „Lalkę”? Henryk Sienkiewicz.",
        },
    ],
)
def test_a_preference_is_the_same_however_trl_writes_it(row):
    [dialogue] = made(row)
    assert said(dialogue) == [("user", "Kto napisał „Lalkę”?")]
    assert (dialogue.chosen, dialogue.rejected) == ("Bolesław Prus.", "Henryk Sienkiewicz.")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"chosen": "Tak.", "rejected": "Nie."}, "no prompt"),
        ({"chosen": [GOOD], "rejected": [BAD]}, "no prompt"),
        ({"prompt": "a", "chosen": "b", "rejected": [BAD]}, "answers of two kinds"),
        (
            {"prompt": TURNS, "chosen": [GOOD, *TURNS], "rejected": [BAD]},
            "answers of several turns",
        ),
        ({"prompt": TURNS, "chosen": [], "rejected": [BAD]}, "one answer without the other"),
        ({"chosen": [*TURNS, TURNS[0]], "rejected": [*TURNS, BAD]}, "the answer is not"),
        ({"prompt": "a", "chosen": 5, "rejected": 6}, "messages are no list"),
    ],
)
def test_what_is_no_preference_says_why(row, reason):
    with pytest.raises(BadRowError, match=reason):
        made(row, "preferences")


def test_of_a_tree_the_best_answers_go_on_and_ranks_make_pairs():
    first, *pairs = made(TREE)
    assert said(first) == [
        ("user", "Jak zrobić żurek?"),
        ("assistant", "Zacznij od zakwasu."),
        ("user", "A jak zrobić zakwas?"),
        ("assistant", "Z mąki żytniej i wody."),
    ]
    assert (first.id, first.language, first.review, first.origin) == (
        "a3",
        "pol",
        "accepted",
        "human",
    )
    assert json.loads(first.details) == {"message_tree_id": "t1"}
    assert [(pair.id, pair.chosen, pair.rejected) for pair in pairs] == [
        ("a0>a1", "Zacznij od zakwasu.", "Ugotuj kiełbasę."),
        ("a0>a2", "Zacznij od zakwasu.", "Kup w sklepie."),
        ("a3>a4", "Z mąki żytniej i wody.", "Z drożdży."),
    ]
    assert [pair.origin for pair in pairs] == ["human", "human", "generated"]
    assert len(pairs[2].messages) == 3
    assert all(fault_of(one) is None for one in (first, *pairs))


def test_what_was_deleted_ends_the_path_before_it():
    row = {"prompt": node("p", "prompter", "Co?", node("a", "assistant", "To.", deleted=True))}
    assert made(row) == []
    assert made({"prompt": node("p", "prompter", "Co?", deleted=True)}) == []


@pytest.mark.parametrize("form", ["tree", "root"])
def test_a_tree_may_state_its_own_licence(form):
    stated = {**TREE, "license": "cc0-1.0"}
    if form == "root":
        stated = {**TREE, "prompt": {**TREE["prompt"], "license": "cc0-1.0"}}
    assert {one.licence for one in made(TREE, "oasst-trees")} == {BASE.licence}
    assert {one.licence for one in made(stated, "oasst-trees")} == {"CC0-1.0"}


def flat(tree):
    rows, waiting = [], [(tree["prompt"], None)]
    while waiting:
        message, parent = waiting.pop()
        waiting += [(reply, message["message_id"]) for reply in message["replies"]]
        own = {key: value for key, value in message.items() if key != "replies"}
        rows.append({**own, "parent_id": parent, "message_tree_id": tree["message_tree_id"]})
    return rows


@pytest.mark.parametrize("order", [1, -1])
def test_flat_messages_make_the_same_as_their_tree(order):
    rows = flat(TREE)[::order]
    # Tables hold a column with gaps as floats.
    rows = [{**row, "rank": row["rank"] and float(row["rank"])} for row in rows]
    found = gathered(enumerate(rows, 1))
    [(_, tree)] = found.trees
    talks = made(tree, "oasst-messages")
    assert {one.id: one for one in talks} == {one.id: one for one in made(TREE)}
    assert (found.joined, found.lost) == (len(rows) - 1, [])


def test_flat_messages_that_are_in_no_tree_are_named():
    rows = [
        *flat(TREE),
        {"message_id": "x", "parent_id": "nie-ma", "text": "?", "role": "prompter"},
        {"message_id": "y", "parent_id": "z", "text": "?", "role": "prompter"},
        {"message_id": "z", "parent_id": "y", "text": "?", "role": "prompter"},
        {"message_id": "p1", "parent_id": None, "text": "?", "role": "prompter"},
        {"message_id": 5, "parent_id": None, "text": "?", "role": "prompter"},
        "nic",
    ]
    found = gathered(enumerate(rows))
    count = len(flat(TREE))
    assert len(found.trees) + found.joined + len(found.lost) == len(rows)
    assert [(number - count, reason) for number, reason, _ in found.lost] == [
        (0, "its parent is not in the file"),
        (1, "its parent is not in the file"),
        (2, "its parent is not in the file"),
        (3, "message id stands twice"),
        (4, "no message"),
        (5, "no message"),
    ]


def test_a_chain_without_end_is_refused_before_it_fills_the_memory():
    rows = [
        {
            "message_id": str(number),
            "parent_id": str(number - 1) if number else None,
            "text": "a",
            "role": ("prompter", "assistant")[number % 2],
        }
        for number in range(5_000)
    ]
    [(_, tree)] = gathered(enumerate(rows)).trees
    with pytest.raises(BadRowError, match="too many turns"):
        made(tree, "oasst-messages")


def test_a_row_may_state_its_own_origin():
    [dialogue] = made({**ALPACA, "origin": "translated"})
    assert dialogue.origin == "translated"
    assert "origin" not in json.loads(dialogue.details)
    [other] = made({**ALPACA, "origin": "forum"})
    assert other.origin == BASE.origin
    assert json.loads(other.details)["origin"] == "forum"


def test_a_row_may_state_its_own_licence_language_author_and_model():
    row = {**ALPACA, "license": "cc0-1.0", "lang": "pl-PL", "author": "Ania", "model": "m-7b"}
    [dialogue] = made(row)
    assert dialogue.licence == "CC0-1.0"
    assert (dialogue.language, dialogue.author, dialogue.model) == ("pol", "Ania", "m-7b")
    [other] = made({**ALPACA, "license": "wolna, naprawdę"})
    assert other.licence is None  # what is said of the set is not true of this row
    assert json.loads(other.details)["license"] == "wolna, naprawdę"
    [listed] = made({**ALPACA, "license": ["cc-by-nc-4.0"]})
    assert listed.licence == "CC-BY-NC-4.0"
    for unread in (["MIT", "CC0-1.0"], {"name": "MIT"}, 7):
        assert made({**ALPACA, "license": unread})[0].licence is None


def test_our_own_rows_come_back_and_take_what_they_leave_open():
    whole = Dialogue(
        "a", (Message("user", "b"), Message("assistant", "c")), "translated", "CC0-1.0"
    )
    [dialogue] = made(to_row(whole))
    assert (dialogue.origin, dialogue.licence, dialogue.source) == (
        "translated",
        "CC0-1.0",
        "rozmowy",
    )
    for unread in ("all rights reserved", 7):
        assert made({**to_row(whole), "licence": unread})[0].licence is None
    assert made({**to_row(whole), "language": "pl"})[0].language == "pol"
    span = {"document": "d", "start": 0, "end": 1 << 63}
    for wrong in ({"messages": [{"role": "user"}, 5]}, {"documents": [span]}, {"documents": [5]}):
        with pytest.raises(BadRowError):
            made({**to_row(whole), **wrong})


@pytest.mark.parametrize(
    ("row", "name", "reason"),
    [
        ({"messages": "tekst"}, "messages", "messages are no list"),
        ({"messages": [{"content": "a"}]}, "messages", "a message has no role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages", "content is no text"),
        ({"messages": [{"role": "user", "content": [{"image": 1}]}]}, "messages", "content is no"),
        ({"messages": TURNS, "weight": "dużo"}, "messages", "weight is negative or no number"),
        ({"instruction": b"a", "output": "b"}, "alpaca", "content is no text"),
        ({"prompt": 5}, "oasst-trees", "the prompt is no message"),
    ],
)
def test_a_row_that_is_none_says_why(row, name, reason):
    with pytest.raises(BadRowError, match=reason):
        made(row, name)


def test_line_breaks_and_letters_are_composed_and_code_keeps_its_spaces():
    row = {"instruction": "z\u0307o\u0301łw\r\n", "output": "\n\n    if x:\r\n        y\n\n"}
    [dialogue] = made(row, "alpaca")
    assert said(dialogue) == [("user", "żółw"), ("assistant", "    if x:\n        y")]
