"""A conversation with an engine: turns, commands, and what is said of both."""

from __future__ import annotations

import secrets
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mowa.cli._chat_history import History
from mowa.cli._chat_texts import Texts
from mowa.cli._common import errors
from mowa.errors import MowaError
from mowa.execution import harmless
from mowa.inference import Engine, Generated, Stream, TooLong

_BLOCK = '"""'
_SEEDS = 1 << 31


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn; without a seed, otherwise each time."""

    max_new_tokens: int
    temperature: float
    top_p: float
    top_k: int
    seed: int | None


class Talk:
    """A conversation with an engine."""

    def __init__(
        self, engine: Engine, sampling: Sampling, said: Texts, history: History, *, plain: bool
    ) -> None:
        self.history = history
        self._engine, self._sampling, self._said, self._plain = engine, sampling, said, plain

    def with_person(self) -> None:
        """Ask for questions and commands until the person leaves."""
        with suppress(ImportError):
            import readline  # noqa: F401 - input() then edits lines, and remembers them
        said, history = self._said, self.history
        _note(said.welcome.format(model=self._engine.name))
        if history.path and history.turns:
            _note(said.resumed.format(file=history.path, count=len(history.turns)))
        if history.turns and history.turns[-1].role == "user":
            _note(said.again.format(question=history.turns[-1].content))
            self._try_to_answer()
        leaving = False
        while True:
            try:
                line = _entered()
            except EOFError:
                sys.stdout.write("\n")
                return
            except KeyboardInterrupt:
                sys.stdout.write("\n")
                if leaving:
                    return
                leaving = True
                _note(said.leave_hint)
                continue
            leaving = False
            if line.startswith("/"):
                if self._command(*line.partition(" ")[::2]):
                    return
            elif line.strip():
                leaving = self._ask(clean(line))

    def with_pipe(self, *, whole: bool) -> int:
        """Answer the lines of standard input, or all of it.

        Returns:
            How many have no answer, since the model wrote nothing.

        Raises:
            KeyboardInterrupt: Where a person ends it; what was written until then is kept.
        """
        unanswered = 0
        if self.history.turns and self.history.turns[-1].role == "user":
            unanswered += not self._answer_pipe()
        for line in [sys.stdin.buffer.read()] if whole else sys.stdin.buffer:
            if question := clean(line.decode("utf-8", "replace")):
                self.history.say("user", question)
                self.history.save()
                try:
                    unanswered += not self._answer_pipe()
                except BaseException:
                    if self.history.turns[-1].role == "user":
                        self.history.undo()
                        self.history.save()
                    raise
        return unanswered

    def _answer_pipe(self) -> bool:
        """Was the last question answered?"""
        turns = len(self.history.turns)
        if self._answer(self.history.save):
            raise KeyboardInterrupt
        return len(self.history.turns) > turns

    def _command(self, name: str, rest: str) -> bool:
        """Do what a line with a slash says; is it the end?"""
        said, history, rest = self._said, self.history, clean(rest)
        if name in ("/quit", "/exit"):
            return True
        if name == "/help":
            _note(said.help)
        elif name == "/reset":
            history.reset()
            _note(said.reset)
        elif name == "/undo":
            question = history.undo()
            _note(
                said.nothing_to_undo if question is None else said.undone.format(question=question)
            )
        elif name == "/system" and rest:
            history.set_system(rest)
            _note(said.system_set)
        elif name == "/system":
            shown = said.system_shown.format(text=history.system)
            _note(said.no_system if history.system is None else shown)
        elif name == "/save":
            self._save(rest)
        else:
            _note(said.unknown.format(command=name))
        self._keep()
        return False

    def _save(self, name: str) -> None:
        said, history = self._said, self.history
        if name:
            try:
                history.save_copy(Path(name).expanduser())
                _note(said.saved.format(file=name))
            except (MowaError, OSError) as error:
                _note(str(error))
        else:
            _note(said.saved_already.format(file=history.path) if history.path else said.save_how)

    def _ask(self, question: str) -> bool:
        self.history.say("user", question)
        self._keep()
        return self._try_to_answer()

    def _try_to_answer(self) -> bool:
        """Answer the last question, or say why not and take it back; was it stopped?"""
        said, stopped = self._said, False
        try:
            return self._answer(self._keep)
        except TooLong:
            window = self._engine.window or "?"
            why = f"{said.too_long.format(window=window)} {said.too_long_fix}"
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            why, stopped = said.dropped, True
        except MowaError as error:
            why = said.failed.format(why=error)
        self.history.undo()
        self._keep()
        _note(why)
        return stopped

    def _answer(self, save: Callable[[], None]) -> bool:
        """Show the next turn as it comes, note it, and save it so; was it stopped?"""
        stream = self._stream()
        shown: list[str] = []
        stopped = False
        try:
            for piece in stream:
                # A script's answer begins with the space after the colon.
                text = piece if shown or not self._plain else piece.lstrip()
                if text:
                    shown.append(text)
                    _show(text)
        except KeyboardInterrupt:
            if not "".join(shown).strip():
                raise
            stopped = True
        finally:
            stream.close()
        answer = "".join(shown).strip() if self._plain else "".join(shown)
        _show("\n" * (not answer.endswith("\n")))
        ended = stream.result
        if answer.strip():
            unfinished = stopped or ended is None or ended.finish == "length"
            self.history.say("assistant", answer, unfinished=unfinished)
        else:
            self.history.undo()
        save()
        if answer.strip():
            self._explain(ended)
        else:
            _note(self._said.nothing)
        return stopped

    def _stream(self) -> Stream:
        history, sampling = self.history, self._sampling
        seed = secrets.randbelow(_SEEDS) if sampling.seed is None else sampling.seed
        prompt = self._script() if self._plain else tuple(history.turns)
        return self._engine.stream(
            prompt,
            max_new_tokens=self._room(prompt)
            if isinstance(prompt, str)
            else sampling.max_new_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=(seed + len(history.turns)) % _SEEDS,
            stop=(f"\n{self._said.user}:",) if self._plain else (),
        )

    def _script(self) -> str:
        """The conversation as text, with the names of the speakers."""
        names = {"user": self._said.user, "assistant": self._said.assistant}
        begin = "" if self.history.system is None else f"{self.history.system}\n\n"
        turns = (turn for turn in self.history.turns if turn.role in names)
        lines = (f"{names[turn.role]}: {turn.content}\n" for turn in turns)
        return f"{begin}{''.join(lines)}{self._said.assistant}:"

    def _room(self, script: str) -> int:
        """Most tokens of an answer: a script that outgrows the window would lose its beginning."""
        most = self._sampling.max_new_tokens
        if self._engine.window is None:
            return most
        used = len(self._engine.tokenize(script)) + 1  # BOS
        if used >= self._engine.window:
            raise TooLong(f"{used:,} tokens, and it sees {self._engine.window:,}")
        return min(most, self._engine.window - used)

    def _explain(self, ended: Generated | None) -> None:
        """Say why an answer stops where it does, unless the model ended it."""
        said, window = self._said, self._engine.window
        if ended is None:
            _note(said.stopped)
        elif ended.finish == "length":
            is_full = window is not None and ended.prompt_tokens + ended.tokens >= window
            count = ended.tokens or self._sampling.max_new_tokens
            _note(
                said.window_full.format(window=window)
                if is_full
                else said.cut_off.format(count=count)
            )

    def _keep(self) -> None:
        try:
            self.history.save()
        except (MowaError, OSError) as error:
            _note(str(error))


def _entered() -> str:
    """A line; several, where it ends with a backslash or begins a block."""
    line = input("> ")
    if line.startswith(_BLOCK):
        lines = [line.removeprefix(_BLOCK)]
        with suppress(EOFError):  # ends the block, and not the conversation
            while not lines[-1].rstrip().endswith(_BLOCK):
                lines.append(input("… "))
        lines[-1] = lines[-1].rstrip().removesuffix(_BLOCK)
        return " " + "\n".join(lines)  # never a command
    while line.endswith("\\"):
        line = line[:-1]
        with suppress(EOFError):
            line = f"{line}\n{input('… ')}"
    return line


def clean(text: str) -> str:
    """What was typed as text: bytes that are none replaced, letters in one piece (NFC)."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text).strip()


def _show(text: str) -> None:
    sys.stdout.write(harmless(text))
    sys.stdout.flush()


def _note(text: str) -> None:
    errors.print(harmless(text), markup=False, highlight=False, style="dim")
