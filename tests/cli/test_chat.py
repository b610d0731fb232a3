"""`mowa chat`: in a terminal, through a pipe, and in this process."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mowa.cli import main
from mowa.cli._common import harmless_json
from mowa.execution import harmless
from mowa.inference import Message
from mowa.instructions import template_called
from tests.cli.terminal import PATIENCE, terminal
from tests.inference.families import family, tokenizer
from tests.inference.scripted_server import Reply, serving, stream


def echoing(_path, body, _number):
    """Answers with the last question, and how many turns there are."""
    turns = body["messages"]
    return stream([f"[{len(turns)}] ", turns[-1]["content"][:5], "…", turns[-1]["content"][5:]])


def conversations(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def said(line):
    return [(turn["role"], turn["content"]) for turn in line["messages"]]


# --- in a terminal


def test_a_person_talks_gives_commands_and_leaves(tmp_path):
    with (
        serving(echoing) as server,
        terminal("chat", f"{server.url}#mowa-1", "--system", "Krótko.", cwd=tmp_path) as person,
    ):
        person.wait_for("You are talking to mowa-1")
        person.enter("Zażółć gęślą jaźń")
        person.wait_for(re.escape("[2] Zażół…ć gęślą jaźń"))
        person.enter("dwa\\")
        person.enter("wiersze")
        person.wait_for(re.escape("[4] dwa\r\nw…iersze"))
        person.enter('"""/reset nie jest')
        person.enter('poleceniem"""')
        person.wait_for(re.escape("[6] /rese…t nie jest\r\npoleceniem"))
        person.enter("/undo")
        person.wait_for("Taken back: /reset nie jest\r\npoleceniem")
        person.enter('"""blok')
        person.wait_for("… ")
        person.end_input()  # ends the block alone
        person.wait_for(re.escape("[6] blok"))
        person.enter("/undo")
        person.wait_for("Taken back: blok")
        person.enter("/system Długo.")
        person.wait_for("prompt is set")
        person.enter("znowu")
        person.wait_for(re.escape("[6] znowu"))
        for typed, answer in (
            ("/system", "System prompt: Długo."),
            ("/nic", "no command /nic"),
            ("/help", "/undo +take back"),
            ("/save", "name of a new file"),
            ("/save rozmowa.jsonl", "Saved in rozmowa.jsonl"),
            ("/save rozmowa.jsonl", "there already"),
            ("/reset", "A new conversation"),
            ("/undo", "nothing to take back"),
        ):
            person.enter(typed)
            person.wait_for(answer)
        person.enter("od nowa")
        person.wait_for(re.escape("[2] od no"))
        person.enter("/quit")
        assert person.ended() == 0
    (saved,) = conversations(tmp_path / "rozmowa.jsonl")
    assert said(saved)[0] == ("system", "Długo.")
    assert said(saved)[3:5] == [("user", "dwa\nwiersze"), ("assistant", "[4] dwa\nw…iersze")]
    assert said(saved)[-2:] == [("user", "znowu"), ("assistant", "[6] znowu…")]
    bodies = [body for _, body, *_ in server.asked]
    assert [len(body["messages"]) for body in bodies] == [2, 4, 6, 6, 6, 2]
    assert all(body["stream"] for body in bodies)
    assert len({body["seed"] for body in bodies}) > 1


def test_ctrl_c_stops_an_answer_and_twice_it_leaves(tmp_path):
    never = threading.Event()

    def endless(_path, body, _number):
        begun = stream(["Nad ", "Wi"], finish=None, usage=None, done=False)
        silent = stream([], finish=None, usage=None, done=False)
        reply = silent if body["messages"][-1]["content"] == "milcz" else begun
        return Reply(**vars(reply) | {"then": never})

    kept = tmp_path / "kept.jsonl"
    with (
        serving(endless) as server,
        terminal("chat", f"{server.url}#m", "--history", kept, cwd=tmp_path) as person,
    ):
        person.wait_for("> ")
        person.enter("Kraków?")
        person.wait_for("Nad Wi")
        person.interrupt()
        person.wait_for("was stopped")
        (line,) = conversations(kept)
        assert said(line) == [("user", "Kraków?"), ("assistant", "Nad Wi")]
        assert line["unfinished"] == [1]
        person.enter("milcz")
        while len(server.asked) < 2:
            time.sleep(0.01)
        person.interrupt()
        person.wait_for("the question is taken back")
        assert said(conversations(kept)[0]) == said(line)
        person.wait_for("> ")
        assert person.interrupt_until_ended() == 0  # the second in a row
        never.set()
    with (
        serving(endless) as server,
        terminal("chat", f"{server.url}#m", cwd=tmp_path) as person,
    ):
        person.wait_for("> ")
        person.interrupt_until("once more to leave")
        person.enter("/nic")
        person.wait_for("no command")
        person.end_input()
        assert person.ended() == 0


def test_an_endpoint_that_fails_or_is_full_leaves_the_conversation_as_it_was(tmp_path):
    too_long = {"error": {"message": "too many tokens", "code": "context_length_exceeded"}}
    replies = [
        stream(["Tak."]),
        Reply(500, b"oops"),
        Reply(400, too_long),
        stream([]),
        stream(["Nie", "skończ"], finish="length"),
    ]
    with (
        serving(lambda _path, _body, number: replies[number - 1]) as server,
        terminal(
            "chat", f"{server.url}#m", "--history", "h.jsonl", cwd=tmp_path, LANG="pl_PL.UTF-8"
        ) as person,
    ):
        person.wait_for("Rozmawiasz z modelem m")
        for reply in ("Tak.", "Model nie odpowiedział: .*HTTP 500", "za długa", "nic nie napisał"):
            person.enter("pytanie")
            person.wait_for(reply)
        assert len(conversations(tmp_path / "h.jsonl")[0]["messages"]) == 2
        person.enter("jeszcze")
        person.wait_for("Nieskończ")
        person.wait_for("ucięto po tylu tokenach: 512")
        person.enter("/quit")
        assert person.ended() == 0
    (line,) = conversations(tmp_path / "h.jsonl")
    assert (len(line["messages"]), line["unfinished"]) == (4, [3])


def test_a_killed_chat_goes_on_with_the_question_that_had_no_answer(tmp_path):
    held = threading.Event()
    slow = Reply(**vars(stream(["Nad "], finish=None, done=False)) | {"then": held})
    kept = tmp_path / "kept.jsonl"
    arguments = ("--history", kept, "--system", "Krótko.")
    with (
        serving(lambda *_: slow) as server,
        terminal("chat", f"{server.url}#m", *arguments, cwd=tmp_path) as person,
    ):
        person.wait_for("> ")
        person.enter("Kraków?")
        person.wait_for("Nad")
        person.process.send_signal(signal.SIGKILL)
        person.ended()
        held.set()
    assert said(conversations(kept)[0]) == [("system", "Krótko."), ("user", "Kraków?")]
    with (
        serving(echoing) as server,
        terminal("chat", f"{server.url}#m", "--history", kept, cwd=tmp_path) as person,
    ):
        person.wait_for("goes on; turns so far: 2")
        person.wait_for("no answer yet: Kraków")
        person.wait_for(re.escape("[2] Krakó"))
        person.wait_for("> ")
        person.end_input()
        assert person.ended() == 0
    assert len(conversations(kept)[0]["messages"]) == 3


# --- through a pipe


def piped(text, *arguments, cwd):
    env = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-m", "mowa", "chat", *map(str, arguments)],
        input=text, capture_output=True, cwd=cwd, env=env, timeout=PATIENCE, check=False,
    )  # fmt: skip


def test_each_line_of_a_pipe_is_a_question_and_only_answers_are_printed(tmp_path):
    text = "Kraków\n\n  /reset\nWisła".encode()
    with serving(echoing) as server:
        found = piped(text, f"{server.url}#m", "--seed", 7, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.decode().splitlines() == ["[1] Krakó…w", "[3] /rese…t", "[5] Wisła…"]
    assert found.stderr == b""
    assert [body["seed"] for _, body, *_ in server.asked] == [8, 10, 12]


def test_all_of_a_pipe_is_one_question_where_it_is_asked_for(tmp_path):
    with serving(echoing) as server:
        found = piped(b"jeden\ndwa \xff\n", f"{server.url}#m", "--whole-input", cwd=tmp_path)
    assert found.stdout.decode() == "[1] jeden…\ndwa \ufffd\n"
    assert len(server.asked) == 1


def test_an_endpoints_error_cannot_command_the_terminal(tmp_path):
    evil = {"error": {"message": "\x1b]52;c;ZXZpbA==\x1b\\ \x9b2J"}}
    with serving(lambda *_: Reply(400, evil)) as server:
        found = piped(b"?\n", f"{server.url}#m", cwd=tmp_path)
    assert found.returncode == 1
    assert "␛]52;c;" in found.stderr.decode()
    assert not re.search(r"[\x1b\x80-\x9f]", found.stderr.decode())


def test_an_answer_that_cannot_be_kept_stays_in_the_conversation(tmp_path):
    kept = tmp_path / "kept.jsonl"

    def meanwhile(path, body, number):
        if number == 1:
            kept.write_text('{"messages": []}\n')
        return echoing(path, body, number)

    with (
        serving(meanwhile) as server,
        terminal("chat", f"{server.url}#m", "--history", kept, cwd=tmp_path) as person,
    ):
        person.wait_for("> ")
        person.enter("Kraków")
        person.wait_for(re.escape("[1] Krakó…w"))
        person.wait_for("another program has changed")
        person.enter("/save inna.jsonl")
        person.wait_for("Saved in inna.jsonl")
        person.enter("/quit")
        assert person.ended() == 0
    (line,) = conversations(tmp_path / "inna.jsonl")
    assert said(line) == [("user", "Kraków"), ("assistant", "[1] Krakó…w")]


def test_a_pipe_ends_with_the_error_and_keeps_what_was_answered(tmp_path):
    replies = [stream(["Tak."]), Reply(400, {"error": "nie ma takiego modelu"})]
    with serving(lambda _path, _body, number: replies[number - 1]) as server:
        found = piped(b"raz\ndwa\n", f"{server.url}#m", "--history", "h.jsonl", cwd=tmp_path)
    assert found.returncode == 1
    assert found.stdout == b"Tak.\n"
    assert "nie ma takiego modelu" in found.stderr.decode()
    assert said(conversations(tmp_path / "h.jsonl")[0]) == [("user", "raz"), ("assistant", "Tak.")]


def test_a_question_without_an_answer_keeps_its_line_and_is_told_by_the_exit_code(tmp_path):
    replies = [stream(["Tak."]), stream([]), stream(["Nie."])]
    with serving(lambda _path, _body, number: replies[number - 1]) as server:
        found = piped(b"raz\ndwa\ntrzy\n", f"{server.url}#m", cwd=tmp_path)
    assert found.stdout == b"Tak.\n\nNie.\n"
    assert found.returncode == 1


def test_ctrl_c_ends_a_pipe_and_keeps_what_was_written(tmp_path):
    never = threading.Event()
    begun = Reply(**vars(stream(["Nad ", "Wi"], finish=None, done=False)) | {"then": never})
    kept = tmp_path / "kept.jsonl"
    env = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    chat = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    chat += "from mowa.cli import main\nmain()"
    with serving(lambda *_: begun) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", chat, "chat", f"{server.url}#m", "--history", str(kept)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
        )  # fmt: skip
        process.stdin.write(b"raz\ndwa\n")
        process.stdin.close()
        shown = b""
        while not shown.endswith(b"Wi"):
            shown += process.stdout.read(1) or pytest.fail(f"it ended: {shown!r}")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        never.set()
        process.stdout.close()
        process.stderr.close()
    assert len(server.asked) == 1
    (line,) = conversations(kept)
    assert said(line) == [("user", "raz"), ("assistant", "Nad Wi")]
    assert line["unfinished"] == [1]


# --- in this process, with models in torch


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    def run(*arguments, text=""):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["mowa", "chat", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr()

    return run


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    family("llama", max_position_embeddings=256).save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>"}))
    return folder


def test_a_model_without_a_chat_template_is_refused_in_the_readers_language(call, model):
    code, shown = call(model, "--language", "eng", text="a\n")
    assert code == 2
    assert "has no chat template" in shown.err
    assert "--plain" in shown.err
    code, shown = call(model, "--language", "pol", text="a\n")
    assert code == 2
    assert "nie ma szablonu rozmowy" in shown.err
    code, shown = call(model, "--language", "ces", text="a\n")
    assert code == 2
    assert "choose pol or eng" in shown.err


def test_a_model_without_a_template_answers_as_in_a_script(call, model):
    options = ("--plain", "--temperature", 0, "-n", 12, "--language", "pol", "--system", "Wstęp.")
    assert call(model, *options, "--history", "h.jsonl", text="Kraków?\nA?\n")[0] == 0
    from mowa.inference import TorchEngine

    engine = TorchEngine.load(model, device="cpu")
    first = engine.generate(
        "Wstęp.\n\nUżytkownik: Kraków?\nAsystent:", temperature=0, max_new_tokens=12
    ).strip()
    kept = said(conversations(model.parent / "h.jsonl")[0])
    assert kept[:3] == [("system", "Wstęp."), ("user", "Kraków?"), ("assistant", first)]
    second = engine.generate(
        f"Wstęp.\n\nUżytkownik: Kraków?\nAsystent: {first}\nUżytkownik: A?\nAsystent:",
        temperature=0,
        max_new_tokens=12,
    ).strip()
    assert kept[4] == ("assistant", second)


@pytest.mark.parametrize(
    "sampling", [("--temperature", 0), ("--top-k", 1), ("--top-p", 1e-9), ("--seed", 5, "-n", 3)]
)
def test_a_model_answers_in_its_own_template_as_the_flags_say(call, model, sampling):
    from mowa.inference import TorchEngine

    (model / "chat_template.jinja").write_text(template_called("mowa"), "utf-8")
    most = () if "-n" in sampling else ("-n", 6)
    options = (*sampling, *most, "--history", "h.jsonl")
    assert call(model, *options, text="Kraków?\nA Toruń?\n")[0] == 0
    kept = said(conversations(model.parent / "h.jsonl")[0])
    assert [role for role, _ in kept] == ["user", "assistant"] * 2
    engine, turns = TorchEngine.load(model, device="cpu"), []
    for (_, question), (_, answer) in zip(kept[::2], kept[1::2], strict=True):
        turns.append(Message("user", question))
        drawn = {"temperature": 0.7, "top_p": 0.95, "seed": 5 + len(turns)}
        chosen = {"max_new_tokens": 3, **drawn} if "-n" in sampling else {"max_new_tokens": 6}
        assert engine.generate(tuple(turns), **({"temperature": 0} | chosen)) == answer
        turns.append(Message("assistant", answer))


def test_nothing_of_a_conversation_in_torch_is_cut_silently(call, model):
    (model / "chat_template.jinja").write_text(
        "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}<|im_start|>"
    )
    for options in ((), ("--plain",)):
        code, shown = call(model, "-n", 200, *options, "--language", "eng", text="Kraków\n" * 60)
        assert code == 1
        assert "sees 256" in shown.err


def test_an_answer_cannot_command_the_terminal(tmp_path):
    evil = "a\x1b]0;tytuł\x07\x1b[2J\r\x9b31mb\x7f\u202ecd\tę\n"
    with serving(lambda *_: stream([evil[:5], evil[5:]])) as server:
        found = piped(b"?\n", f"{server.url}#m", "--history", "h.jsonl", cwd=tmp_path)
    shown = found.stdout.decode()
    assert shown == "a␛]0;tytuł␇␛[2J␍\ufffd31mb␡\ufffdcd\tę\n"
    assert said(conversations(tmp_path / "h.jsonl")[0])[1] == ("assistant", evil)


@given(st.text(st.characters() | st.sampled_from("\x00\x1b\x9b\u061c\u200f\u2028\u202e\u2069")))
def test_no_control_character_is_ever_shown(text):
    shown = harmless(text)
    assert len(shown) == len(text)
    obeyed = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
    assert not re.search(obeyed, shown)
    assert not re.search(obeyed, harmless_json({"a": text}))
    assert json.loads(harmless_json({"a": text})) == {"a": text}
    assert all(one == other for one, other in zip(text, shown, strict=True) if one.isalnum())
