"""Tasks as data: what is refused, how columns become items, which shots are drawn."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.errors import DataError, UsageError
from mowa.evaluation._evaluate import prepare
from mowa.evaluation._items import fingerprint, read_items
from mowa.evaluation._measures import f1, macro_f1
from mowa.evaluation._results import Settings
from mowa.evaluation._sample import chat_prompt, draw_shots, make_sample, plain_prompt
from mowa.evaluation._task import find_tasks, read_task
from mowa.inference import filled
from tests.evaluation.made_tasks import CHOICE, HEAD, make_task, question, write_jsonl

GENERATE = (
    HEAD
    + """
kind = "generate"
metric = "accepted"
[data]
test = "test.jsonl"
[prompt]
template = "{{question}}"
"""
)


def test_a_task_with_an_unknown_key_is_refused_with_the_key(tmp_path):
    with pytest.raises(UsageError, match="colour"):
        make_task(tmp_path / "t", 'colour = "red"' + CHOICE)


def test_a_metric_that_the_kind_does_not_have_is_refused(tmp_path):
    with pytest.raises(UsageError, match="accuracy or f1"):
        make_task(tmp_path / "t", CHOICE.replace('metric = "accuracy"', 'metric = "accepted"'))


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    (tmp_path / "task.toml").write_text("name = ", "utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        read_task(tmp_path / "task.toml")


def test_a_task_that_does_not_exist_is_refused_with_the_nearest(tmp_path):
    make_task(tmp_path / "rzeki")
    with pytest.raises(UsageError, match="rzeki"):
        find_tasks(["rzeka"], folder=tmp_path)


def test_variants_change_keys_and_carry_their_names(tmp_path):
    folder = tmp_path / "dane"
    folder.mkdir()
    (folder / "task.toml").write_text(
        CHOICE.format(name="dane")
        + """
[variants.mc]
[variants.g]
kind = "generate"
metric = "accepted"
prompt.answer = " {answer}"
""",
        "utf-8",
    )
    mc, g = find_tasks(["dane"], folder=tmp_path)
    assert (mc.name, mc.kind, mc.title.pl) == ("dane-mc", "choice", "Próba (mc)")
    assert (g.name, g.kind, g.prompt.template) == ("dane-g", "generate", mc.prompt.template)
    assert find_tasks(["dane-g"], folder=tmp_path) == [g]
    assert g.data.folder == "dane"


@given(st.text(), st.dictionaries(st.from_regex(r"\w{1,5}", fullmatch=True), st.text()))
def test_filling_a_template_never_looks_into_what_it_puts_in(template, fields):
    once = filled(template, dict.fromkeys(fields, "{x}"))
    assert filled(once, {}) == once


def test_a_template_evaluates_nothing():
    assert filled("{a.__class__} {a!r} {0}", {"a": "b"}) == "{a.__class__} {a!r} {0}"


def test_a_missing_split_is_told_with_where_to_put_it(tmp_path):
    task = make_task(tmp_path / "t")
    with pytest.raises(UsageError, match=r"t/test\.jsonl"):
        read_items(task, "test")


def test_a_split_that_the_task_does_not_have_is_none(tmp_path):
    task = make_task(tmp_path / "t", GENERATE, test=[{"id": "1", "question": "?", "answer": "x"}])
    assert read_items(task, "train") is None


def test_an_empty_split_is_refused(tmp_path):
    with pytest.raises(DataError, match="no test items"):
        read_items(make_task(tmp_path / "t", test=[]), "test")


@pytest.mark.parametrize("answer", [4, -1, "Nil", None, "B"])
def test_an_answer_not_among_the_choices_is_refused_with_its_item(tmp_path, answer):
    task = make_task(tmp_path / "t", test=[question(1), question(2, answer=answer)])
    with pytest.raises(DataError, match="not among the 4 choices") as caught:
        read_items(task, "test")
    assert "q2" in str(caught.value)


def test_two_items_with_one_id_are_refused(tmp_path):
    task = make_task(tmp_path / "t", test=[question(1), question(1)])
    with pytest.raises(DataError, match="two items have the id 'q1'"):
        read_items(task, "test")


def test_a_choice_that_stands_twice_is_refused(tmp_path):
    task = make_task(tmp_path / "t", test=[question(1, choices=["a", "b", "a"])])
    with pytest.raises(DataError, match="stands there twice"):
        read_items(task, "test")


def test_a_field_that_items_lack_is_told(tmp_path):
    row = question(1)
    del row["question"]
    with pytest.raises(UsageError, match="asks for question"):
        read_items(make_task(tmp_path / "t", test=[row]), "test")


@pytest.mark.parametrize("line", ["{", "[1]", "null", '{"a": ' * 9999])
def test_a_damaged_line_is_told_with_its_number(tmp_path, line):
    task = make_task(tmp_path / "t", test=[question(1)])
    with (tmp_path / "t/test.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=r"test\.jsonl:2"):
        read_items(task, "test")


def test_choices_may_be_given_by_letters_or_by_columns_or_for_all(tmp_path):
    by_letter = question(1, choices={"A": "tak", "B": "nie"}, answer="B")
    (item,) = read_items(make_task(tmp_path / "a", test=[by_letter]), "test")
    assert (item.choices, item.answer) == (("tak", "nie"), 1)
    columns = CHOICE + '[columns]\nchoices = ["x", "y"]\nvalues = ["1", "2"]\n'
    row = {"question": "?", "x": "tak", "y": "nie", "answer": 2}
    (item,) = read_items(make_task(tmp_path / "b", columns, test=[row]), "test")
    assert (item.id, item.choices, item.answer) == ("000000", ("tak", "nie"), 1)
    labels = CHOICE + '[columns]\nlabels = ["nie", "tak"]\nvalues = [["0", "x"], "1"]\nother = 0\n'
    rows = [{"question": "?", "answer": value} for value in ("1", "x", "?")]
    items = read_items(make_task(tmp_path / "c", labels, test=rows), "test")
    assert [item.answer for item in items] == [1, 0, 0]


def test_shuffled_choices_keep_their_answer_and_their_order_between_runs(tmp_path):
    task = make_task(
        tmp_path / "t",
        CHOICE + "[columns]\nshuffle = true\n",
        test=[question(n, answer=0) for n in range(30)],
    )
    items = read_items(task, "test")
    assert all(item.choices[item.answer] == "Wisła" for item in items)
    assert len({item.answer for item in items}) == 4
    assert items == read_items(task, "test")


def test_text_files_have_named_columns(tmp_path):
    toml = CHOICE.replace('test = "test.jsonl"', 'test = "x.txt"\ncolumns = ["answer", "question"]')
    toml = toml.replace("[prompt]", 'separator = " "\n[prompt]')
    toml += '[columns]\nlabels = ["film", "praca"]\nvalues = ["0", "1"]\n'
    task = make_task(tmp_path / "t", toml)
    (tmp_path / "t/x.txt").write_text("1 Eurostat podał wskaźnik .\n0 Nie żyje reżyser\n", "utf-8")
    items = read_items(task, "test")
    assert [(item.answer, item.fields["question"]) for item in items] == [
        (1, "Eurostat podał wskaźnik ."),
        (0, "Nie żyje reżyser"),
    ]
    (tmp_path / "t/x.txt").write_text("1\n", "utf-8")
    with pytest.raises(DataError, match=r"x\.txt:1"):
        read_items(task, "test")


def test_the_users_folder_comes_before_the_tasks_own(tmp_path):
    task = make_task(tmp_path / "t", test=[question(1)])
    (tmp_path / "data/t").mkdir(parents=True)
    write_jsonl(tmp_path / "data/t/test.jsonl", [question(2)])
    (item,) = read_items(task, "test", data=tmp_path / "data")
    assert item.id == "q2"


def test_parquet_is_read_as_jsonl_is(tmp_path):
    pl = pytest.importorskip("polars")
    task = make_task(tmp_path / "t", test=[question(n) for n in range(5)])
    (tmp_path / "data/t").mkdir(parents=True)
    pl.DataFrame([question(n) for n in range(5)]).write_parquet(tmp_path / "data/t/test.parquet")
    assert read_items(task, "test", data=tmp_path / "data") == read_items(task, "test")
    (tmp_path / "data/t/test.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        read_items(task, "test", data=tmp_path / "data")


def test_a_hub_is_asked_only_where_the_user_says_so(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    asked = []

    def load_dataset(*args, **options):
        asked.append((args, options))
        return [question(7)]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    toml = CHOICE.replace("[prompt]", 'hub = {{ id = "a/b", test = "validation" }}\n[prompt]')
    task = make_task(tmp_path / "t", toml)
    with pytest.raises(UsageError, match="--hub"):
        read_items(task, "test")
    assert not asked
    (item,) = read_items(task, "test", hub=True)
    assert item.id == "q7"
    assert asked == [(("a/b", None), {"split": "validation", "revision": None})]


def test_the_fingerprint_changes_with_items_and_prompts_and_not_with_titles(tmp_path):
    task = make_task(tmp_path / "t", test=[question(1)])
    items = read_items(task, "test")
    same = task.model_copy(update={"licence": "MIT"})
    other = task.model_copy(update={"baseline": 0.5})
    changed = task.model_copy(
        update={"prompt": task.prompt.model_copy(update={"template": "{question}"})}
    )
    assert fingerprint(same, items) == fingerprint(task, items)
    prints = {fingerprint(task, items), fingerprint(other, items), fingerprint(changed, items)}
    assert len({*prints, fingerprint(task, [])}) == 4


def test_shots_never_come_from_the_test_split_defect_c_of_the_polish_harness(tmp_path):
    toml = CHOICE.replace('train = "train.jsonl"\n', "")
    task = make_task(tmp_path / "t", toml, test=[question(n) for n in range(9)])
    test = read_items(task, "test")
    with pytest.raises(UsageError, match="no training split"):
        draw_shots(task, read_items(task, "train"), test, count=5, seed=0)
    assert draw_shots(task, None, test, count=0, seed=0) == []


def test_a_training_item_that_is_also_a_test_item_is_never_a_shot(tmp_path):
    task = make_task(
        tmp_path / "t",
        test=[question(n) for n in range(5)],
        train=[question(n) for n in range(9)],
    )
    test, train = read_items(task, "test"), read_items(task, "train")
    shots = draw_shots(task, train, test, count=4, seed=1)
    asked = {make_sample(task, item).prompt for item in test}
    assert len(shots) == 4
    assert not asked & {prompt for prompt, _ in shots}
    with pytest.raises(UsageError, match="at most 4 shots"):
        draw_shots(task, train, test, count=5, seed=1)


def test_shots_are_the_same_for_a_seed_whatever_the_order_of_the_file(tmp_path):
    rows = [question(n) for n in range(20)]
    a = make_task(tmp_path / "a/t", test=[question(99)], train=rows)
    b = make_task(tmp_path / "b/t", test=[question(99)], train=rows[::-1])
    drawn = [
        draw_shots(task, read_items(task, "train"), [], count=5, seed=seed)
        for task, seed in ((a, 0), (b, 0), (a, 1))
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_prompts_have_introduction_shots_and_question(tmp_path):
    toml = CHOICE.replace("[prompt]", '[prompt]\nintro = "Wstęp."')
    task = make_task(tmp_path / "t", toml, test=[question(1)])
    (item,) = read_items(task, "test")
    sample = make_sample(task, item)
    shots = [("Pytanie: x\nOdpowiedź:", " tak")]
    assert plain_prompt(task, shots, sample.prompt) == (
        "Wstęp.\n\nPytanie: x\nOdpowiedź: tak\n\nPytanie: Co ma numer 1?\nOdpowiedź:"
    )
    turns = chat_prompt(task, shots, sample.prompt)
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert turns[0].content.startswith("Wstęp.\n\n")
    assert turns[1].content == "tak"
    assert sample.continuations == (" Wisła", " Odra", " Tatry 1", " Bug")


def test_letters_stand_for_listed_choices(tmp_path):
    toml = CHOICE.replace('" {{choice}}"', '" {{letter}}"')
    toml = toml.replace("{{question}}", "{{question}}\\n{{options}}")
    task = make_task(tmp_path / "t", toml, test=[question(1)])
    sample = make_sample(task, read_items(task, "test")[0])
    assert "A. Wisła\nB. Odra\nC. Tatry 1\nD. Bug" in sample.prompt
    assert sample.continuations == (" A", " B", " C", " D")
    assert sample.texts == ("A", "B", "C", "D")


def test_literals_are_read_as_data_and_run_nothing_defect_e_of_the_polish_harness(tmp_path):
    toml = GENERATE + '[columns]\nreferences = "answers"\nliterals = ["answers"]\n'
    rows = [{"id": "1", "question": "?", "answers": "['Kraków', 'w Krakowie']"}]
    (item,) = read_items(make_task(tmp_path / "a", toml, test=rows), "test")
    assert item.references == ("Kraków", "w Krakowie")
    flag = tmp_path / "ran"
    rows[0]["answers"] = f"[open({str(flag)!r}, 'w')]"
    with pytest.raises(DataError, match="no list"):
        read_items(make_task(tmp_path / "b", toml, test=rows), "test")
    assert not flag.exists()


def test_a_json_table_of_items_has_their_ids_as_keys(tmp_path):
    task = make_task(tmp_path / "t", CHOICE.replace("test.jsonl", "test.json"))
    rows = {"1": {**question(1), "id": "x"}, "2": {**question(2), "id": "y"}}
    for row in rows.values():
        del row["id"]
    (tmp_path / "t/test.json").write_text(json.dumps(rows), "utf-8")
    assert [item.id for item in read_items(task, "test")] == ["1", "2"]


@pytest.mark.parametrize(
    ("metric", "named", "expected"),
    [
        ("accuracy", "majority", 0.7),
        ("f1", "majority", 2 * 0.3 / 1.3),  # "tak" is always said
        ("macro-f1", "majority", 2 * 0.7 / 1.7 / 2),  # "nie" is always said, of two classes
        ("accuracy", "chance", 0.5),
        ("accuracy", 0.125, 0.125),
    ],
)
def test_a_baseline_that_is_no_number_is_found_from_the_items(tmp_path, metric, named, expected):
    rows = [
        {"id": str(n), "question": "?", "choices": ["nie", "tak"], "answer": int(n < 3)}
        for n in range(10)
    ]
    toml = CHOICE.replace('metric = "accuracy"', f'metric = "{metric}"')
    value = named if isinstance(named, float) else f'"{named}"'
    toml = toml.replace("baseline = 0.25", f"baseline = {value}")
    prepared = prepare(make_task(tmp_path / "t", toml, test=rows), Settings())
    assert prepared.task.baseline == pytest.approx(expected, abs=1e-6)
    said = {"accuracy": 0, "f1": 1, "macro-f1": 0}[metric]
    if named == "majority":
        right = [row["answer"] for row in rows]
        score = f1([1] * 10, right) if said else macro_f1([0] * 10, right)
        found = score.value if metric != "accuracy" else right.count(0) / 10
        assert prepared.task.baseline == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("test.csv", "question,answer\nCo?,x,y\n", "not as many columns"),
        ("test.csv", 'question,answer\n"Co?,x\n', "no table"),
        ("test.json", '{"a": [', "not JSON"),
        ("test.json", "[1, 2]", "no list and no table"),
        ("test.txt", "a\tb\n", "what the columns"),
    ],
)
def test_other_forms_of_data_are_refused_where_they_are_damaged(tmp_path, name, text, said):
    task = make_task(tmp_path / "t", GENERATE.replace("test.jsonl", name))
    (tmp_path / "t" / name).write_text(text, "utf-8")
    with pytest.raises((DataError, UsageError), match=said):
        read_items(task, "test")


def test_text_that_is_no_utf_8_is_refused(tmp_path):
    task = make_task(tmp_path / "t", GENERATE)
    (tmp_path / "t/test.jsonl").write_bytes('{"question": "Łódź"}'.encode("iso-8859-2"))
    with pytest.raises(DataError, match="cannot be read"):
        read_items(task, "test")


def test_a_hub_that_does_not_answer_is_told(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")

    def load_dataset(*args, **options):
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    toml = CHOICE.replace("[prompt]", 'hub = {{ id = "a/b", test = "test" }}\n[prompt]')
    with pytest.raises(DataError, match="a/b") as caught:
        read_items(make_task(tmp_path / "t", toml), "test", hub=True)
    assert "--data" in str(caught.value)


def test_a_folder_of_data_that_is_not_there_is_told(tmp_path):
    task = make_task(tmp_path / "t", test=[question(1)])
    with pytest.raises(UsageError, match="no such folder"):
        read_items(task, "test", data=tmp_path / "none")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"good": "Ala.", "bad": "Ala."}, "are the same"),
        ({"good": "Ala.", "bad": " "}, "no text in 'bad'"),
    ],
)
def test_a_pair_of_one_sentence_is_refused(tmp_path, row, said):
    toml = HEAD + 'kind = "pairs"\nmetric = "accuracy"\n[data]\ntest = "test.jsonl"\n'
    with pytest.raises(DataError, match=said):
        read_items(make_task(tmp_path / "t", toml, test=[row]), "test")


def test_a_question_without_a_right_answer_or_rule_is_refused(tmp_path):
    with pytest.raises(DataError, match="no right answer"):
        read_items(make_task(tmp_path / "t", GENERATE, test=[{"question": "?"}]), "test")
