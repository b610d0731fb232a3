"""Which model is asked how: keys, prices and temperatures of each; options without a use."""

import json
from collections import defaultdict

import pytest

from mowa.instructions import read_dialogues, write_dialogues
from tests.inference.scripted_server import serving, turn
from tests.instructions.made_teachers import good, make_corpus, question_of, talk


def answers(path, body, number):
    """Models that sign what they say, and a judge who likes the one called ``druga``."""
    asked = question_of(body)
    if "\nOcena:" not in asked:
        return turn(f"To jest {body['model']} odpowiedź.")
    label = "Błędy" if "\nBłędy:" in asked else "Uzasadnienie"
    return turn(f"{label}: tak\nOcena: {9 if 'druga' in asked else 4}")


@pytest.fixture
def dialogues(tmp_path):
    write_dialogues(tmp_path / "set", [talk("x", "Co to jest?", "To stary młyn nad wodą.")])
    return tmp_path / "set"


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("MOWA_KEY_A", "sk-tajny-a")
    monkeypatch.setenv("MOWA_KEY_B", "sk-tajny-b")


def hosts_of(*servers):
    return [server.url.split("/")[2] for server in servers]


def keys_sent(server):
    return {sent.get("Authorization") for *_, sent, _ in server.asked}


def pairs_at(dialogues, one, other, out, *more):
    return (
        "instruct", "pairs", dialogues, "-m", f"{one.url}#pierwsza", "-m", f"{one.url}#druga",
        "--judge", f"{other.url}#sędzia", "-o", out, *more,
    )  # fmt: skip


def test_a_key_goes_to_its_host_and_to_no_other(dialogues, keys, tmp_path, mowa):
    with serving(answers) as one, serving(answers) as other:
        first, second = hosts_of(one, other)
        code, said = mowa(
            *pairs_at(dialogues, one, other, tmp_path / "a", "--key-from", f"{second}=MOWA_KEY_B")
        )
        assert code == 0, said.err
        assert (keys_sent(one), keys_sent(other)) == ({None}, {"Bearer sk-tajny-b"})
        for server in (one, other):
            server.asked.clear()
        code, said = mowa(
            *pairs_at(dialogues, one, other, tmp_path / "b", "--key-from",
                      f"http://{first}=MOWA_KEY_A", "--key-from", f"{second}=MOWA_KEY_B")
        )  # fmt: skip
        assert code == 0, said.err
    assert keys_sent(one) == {"Bearer sk-tajny-a"}
    assert keys_sent(other) == {"Bearer sk-tajny-b"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["MOWA_KEY_A"], "one --key-from is for 2 of the hosts"),
        (["example.org=MOWA_KEY_A"], "is none of the hosts"),
        (["sk-tajny-a="], "is none of the hosts"),
        (["{first}=MOWA_KEY_A", "{first}=MOWA_KEY_B"], "given twice for {first}"),
    ],
)
def test_a_key_that_may_go_astray_is_refused_before_anything_is_sent(
    given, why, dialogues, keys, tmp_path, mowa
):
    with serving(answers) as one, serving(answers) as other:
        first, second = hosts_of(one, other)
        options = [part for text in given for part in ("--key-from", text.format(first=first))]
        code, said = mowa(*pairs_at(dialogues, one, other, tmp_path / "a", *options))
        assert code == 2
        assert why.format(first=first) in said.err
        assert "tajny" not in said.err
        assert not one.asked + other.asked
    assert second in said.err or "twice" in why


def test_a_password_in_an_address_is_not_shown_where_prices_fit_none(dialogues, tmp_path, mowa):
    code, said = mowa(
        "instruct", "judge", dialogues, "--judge", "http://me:tajne@127.0.0.1:9/v1?k=tajny#m",
        "--prices", "n=1,2", "-o", tmp_path / "out",
    )  # fmt: skip
    assert code == 2
    assert "http://127.0.0.1:9/v1#m=" in said.err
    assert "tajn" not in said.err


def test_one_key_is_enough_for_one_host_of_several_models(dialogues, keys, tmp_path, mowa):
    with serving(answers) as one:
        command = pairs_at(dialogues, one, one, tmp_path / "a", "--key-from", "MOWA_KEY_A")
        code, said = mowa(*command)
    assert code == 0, said.err
    assert keys_sent(one) == {"Bearer sk-tajny-a"}


def test_prices_are_of_the_model_that_they_name(dialogues, tmp_path, mowa):
    with serving(answers) as one, serving(answers) as other:
        prices = [
            "--prices", "druga=1,2", "--prices", "pierwsza=0,0",
            "--prices", f"{other.url}#sędzia=1e6,1e6",
        ]  # fmt: skip
        command = pairs_at(dialogues, one, other, tmp_path / "a")
        code, said = mowa(*command, *prices, "--max-cost", "1000")
        assert code == 0, said.err
        for options, why in (
            (["--prices", "1,2"], "one --prices is for 3 of the models"),
            (["--prices", "trzecia=1,2"], "is none of the models"),
            (["--prices", "druga=1"], "two numbers"),
            (["--prices", "druga=1,2", "--max-cost", "1"], "prices of every endpoint"),
        ):
            code, said = mowa(*pairs_at(dialogues, one, other, tmp_path / "b", *options))
            assert (code, why in said.err) == (2, True), said.err
    models = json.loads((tmp_path / "a" / "statistics.json").read_text("utf-8"))["models"]
    costs = {name: used["cost"] for name, used in models.items()}
    assert costs == {"pierwsza": 0.0, "druga": (7 + 2 * 3) / 1e6, "sędzia": 4 * 10.0}


def test_judges_take_the_likeliest_score_unless_it_is_asked_otherwise(dialogues, tmp_path, mowa):
    def temperatures(server):
        found = defaultdict(set)
        for _, body, *_ in server.asked:
            found[body["model"]].add(body["temperature"])
        return found

    with serving(answers) as server:
        assert mowa(*pairs_at(dialogues, server, server, tmp_path / "a"))[0] == 0
        assert temperatures(server) == {"pierwsza": {0.7}, "druga": {0.7}, "sędzia": {0.0}}
        more = ("--temperature", 0.9, "--judge-temperature", 0.2)
        assert mowa(*pairs_at(dialogues, server, server, tmp_path / "b", *more))[0] == 0
        assert temperatures(server)["sędzia"] == {0.0, 0.2}
        server.asked.clear()
        command = ("instruct", "judge", dialogues, "--judge", f"{server.url}#sędzia")
        assert mowa(*command, "-o", tmp_path / "c", "--least", 4)[0] == 0
        assert temperatures(server) == {"sędzia": {0.0}}


def test_a_judge_who_wrote_no_score_is_asked_again_otherwise(dialogues, tmp_path, mowa):
    def script(path, body, number):
        return turn("Hm.") if body["temperature"] == 0 else answers(path, body, number)

    with serving(script) as server:
        code, said = mowa(
            "instruct", "judge", dialogues, "--judge", f"{server.url}#sędzia",
            "-o", tmp_path / "out", "--least", 4,
        )  # fmt: skip
        assert code == 0, said.err
        assert [body["temperature"] for _, body, *_ in server.asked] == [0.0, 0.0, 0.3, 0.3]
    (found,) = read_dialogues(tmp_path / "out")
    (step,) = json.loads(found.details)["made"]
    assert [judge["asked_again"] for judge in step["judges"]] == [1, 1]


OF_ENDPOINTS = [
    ["--json"],
    ["--prices", "1,2"],
    ["--key-from", "KEY"],
    ["--concurrency", "2"],
    ["--max-cost", "5"],
]


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (command, option)
        for command in ("generate", "translate", "judge", "pairs")
        for option in OF_ENDPOINTS
        if (command, option) != ("translate", ["--json"])  # which has none
    ],
)
def test_what_does_nothing_for_a_model_on_this_machine_is_refused(
    command, option, dialogues, tmp_path, mowa
):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    asked = ["--judge" if command == "judge" else "-m", tmp_path / "model"]
    read = dialogues if command != "generate" else make_corpus(tmp_path / "corpus", count=4)
    more = ["--with-given"] if command == "pairs" else []
    code, said = mowa("instruct", command, read, *asked, *more, *option, "-o", tmp_path / "o")
    assert code == 2
    assert option[0].removeprefix("--").replace("-", "_") in said.err.replace("-", "_")
    assert "on this machine" in said.err
    assert not (tmp_path / "o").exists()


def test_json_is_for_judges_where_models_answer_in_texts(dialogues, tmp_path, mowa):
    with serving(answers) as server:
        code, said = mowa(
            "instruct", "pairs", dialogues, "-m", f"{server.url}#a", "-m", f"{server.url}#b",
            "--json", "-o", tmp_path / "out",
        )  # fmt: skip
        assert (code, len(server.asked)) == (2, 0)
    assert "--json" in said.err


OWN = """
name = "own"
makes = "translation"
text = "Translate into English: {text}"
"""


def test_a_language_that_the_prompts_do_not_ask_for_is_refused_before_it_costs(
    dialogues, tmp_path, mowa
):
    corpus = make_corpus(tmp_path / "corpus", count=4)
    with serving(good) as server:
        at = f"{server.url}#m"
        for command in (
            ["generate", corpus, "-m", at, "--characters", "100,400"],
            ["translate", dialogues, "-m", at],
            ["pairs", dialogues, "-m", at, "-m", f"{at}2", "--judge", at],
        ):
            code, said = mowa("instruct", *command, "--language", "eng", "-o", tmp_path / "out")
            assert code == 2
            assert "answers in pol, not in eng" in said.err
            assert "of your own" in said.err
        assert not server.asked
        (tmp_path / "own.toml").write_text(OWN, "utf-8")
        server.script = lambda *_: turn("This is the old mill by the water.")
        code, said = mowa(
            "instruct", "translate", dialogues, "-m", at, "--language", "eng",
            "--prompt", tmp_path / "own.toml", "-o", tmp_path / "eng",
        )  # fmt: skip
        assert code == 0, said.err
    (found,) = read_dialogues(tmp_path / "eng")
    assert found.language == "eng"


def test_a_temperature_of_judges_needs_a_judge(dialogues, tmp_path, mowa):
    models = ("-m", "http://127.0.0.1:9/v1#a", "-m", "http://127.0.0.1:9/v1#b")
    options = ("--judge-temperature", 0.5, "-o", tmp_path / "out")
    code, said = mowa("instruct", "pairs", dialogues, *models, *options)
    assert code == 2
    assert "none is asked" in said.err


def test_two_models_in_folders_of_one_name_are_refused(dialogues, tmp_path, mowa):
    for folder in ("a/chat", "b/chat"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.json").write_text("{}")
    models = ("-m", tmp_path / "a/chat", "-m", tmp_path / "b/chat")
    code, said = mowa("instruct", "pairs", dialogues, *models, "-o", tmp_path / "out")
    assert code == 2
    assert "two models are called chat" in said.err
