"""What models are asked, as a person writes it: a text, a form, and what becomes of answers."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mowa.errors import UsageError
from mowa.inference import Message, fields_of, filled
from mowa.workspace import canonical, first_problem

Makes = Literal["dialogues", "translation", "score", "comparison"]

# What each kind of prompt is given; those that it cannot do without come first.
_FIELDS: dict[Makes, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dialogues": (("text", "form"), ("title",)),
    "translation": (("text",), ("role",)),
    "score": (("conversation", "answer", "form"), ()),
    "comparison": (("conversation", "first", "second", "form"), ()),
}
_LABELS: dict[Makes, int] = {"score": 2, "comparison": 3}
_MOST_BYTES = 1 << 20


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Turns(_Part):
    """What dialogues are made of the answers to a prompt.

    Attributes:
        groups: Least and most groups of labelled lines in an answer.
        joined: The groups are the turns of one dialogue; else each makes one of its own.
        user: What the user says, of which one is drawn for each dialogue; ``{text}`` is the
            passage, ``{Label}`` what stands after that label.
        assistant: What the assistant says.
        values: What may stand after a label, where that is a closed list.
        ratio: Least and most characters of the assistant's answer, of one of the passage.
    """

    groups: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1, le=100)]] = (1, 1)
    joined: bool = False
    user: tuple[str, ...] = ("{text}",)
    assistant: str = ""
    values: dict[str, tuple[str, ...]] = {}
    ratio: tuple[float, float] | None = None


class Prompt(_Part):
    """A prompt.

    Attributes:
        name: In results.
        version: Raised when it is changed.
        about: For people, one sentence.
        makes: What becomes of the answers.
        language: That it asks for, ISO 639-3; None where it fits any.
        system: The system's turn; none where it is empty.
        text: The user's turn.
        labels: What the lines of an answer begin with, in their order.
        form: How an answer is to look, put in for ``{form}``: lines that begin with the labels.
        json_form: The same for models that can be held to JSON.
        turns: What dialogues are made of the answers.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    version: int = Field(1, ge=1)
    about: str = ""
    makes: Makes
    language: str | None = Field(None, pattern=r"^[a-z]{3}$")
    system: str = ""
    text: str
    labels: tuple[str, ...] = ()
    form: str = ""
    json_form: str = ""
    turns: Turns = Turns()

    @model_validator(mode="after")
    def _fits(self) -> Prompt:
        needed, more = _FIELDS[self.makes]
        asked = fields_of(self.text)
        if unknown := sorted(asked - {*needed, *more}):
            raise ValueError(f"text: there is no field {{{unknown[0]}}}")
        if lacking := [name for name in needed if name not in asked]:
            raise ValueError(f"text: the field {{{lacking[0]}}} is missing")
        if self.makes != "translation" and not (self.labels and self.form):
            raise ValueError("labels and form are missing: how is an answer to be read?")
        count = _LABELS.get(self.makes)
        if count is not None and len(self.labels) != count:
            raise ValueError(f"labels: a {self.makes} has {count} of them")
        if self.makes == "dialogues":
            self._check_turns()
        return self

    def _check_turns(self) -> None:
        turns = self.turns
        if turns.groups[0] > turns.groups[1]:
            raise ValueError("turns.groups: write the least, then the most")
        if turns.joined and len(self.labels) != 2:
            raise ValueError("turns.joined: a turn of each is two labels, the user's comes first")
        known = {"text", *self.labels}
        for template in () if turns.joined else (*turns.user, turns.assistant):
            if unknown := sorted(fields_of(template) - known):
                raise ValueError(f"turns: there is no field {{{unknown[0]}}}")
        if not turns.joined and not (turns.user and turns.assistant):
            raise ValueError("turns: say what user and assistant say")
        if unknown := sorted(set(turns.values) - set(self.labels)):
            raise ValueError(f"turns.values: there is no label {unknown[0]!r}")

    @property
    def digest(self) -> str:
        """Hash of what an answer, and a dialogue made of it, depend on."""
        text = canonical(self.model_dump(mode="json", exclude={"about", "language"}))
        return hashlib.blake2b(text.encode("utf-8"), digest_size=8).hexdigest()

    def messages(self, fields: dict[str, str], *, as_json: bool = False) -> tuple[Message, ...]:
        """The turns that a model is given.

        Raises:
            UsageError: Where JSON is asked for and the prompt has no form for it.
        """
        if as_json and self.labels and not self.json_form:
            raise UsageError(
                "this prompt has no json_form",
                where=self.name,
                fix="write one, or leave json_answers out",
            )
        form = self.json_form if as_json else self.form
        asked = Message("user", filled(self.text, {**fields, "form": form.strip()}).strip())
        return (Message("system", self.system.strip()), asked) if self.system.strip() else (asked,)

    def instructions(self) -> list[str]:
        """The lines that are in every question, whatever it is about."""
        lines = [*self.system.splitlines(), *self.text.splitlines(), *self.form.splitlines()]
        return [line.strip() for line in lines if line.strip() and not fields_of(line)]


def read_prompts(
    names: Sequence[str], makes: Makes, folder: Path, language: str | None = None
) -> list[Prompt]:
    """The prompts that a person means.

    Args:
        names: Of prompts that come with Mowa, or TOML files.
        makes: What they are for.
        folder: Where relative paths start.
        language: What answers are to be in, where that is known.

    Raises:
        UsageError: Where there is no such prompt, it is for something else or for another
            language, or is not as it should be.
    """
    found = [_read(_place(name, folder)) for name in names]
    for prompt in found:
        where = f"prompt {prompt.name}"
        if prompt.makes != makes:
            raise UsageError(f"this prompt makes {prompt.makes}, not {makes}", where=where)
        if language and prompt.language and prompt.language != language:
            raise UsageError(
                f"this prompt is for answers in {prompt.language}, not in {language}: every answer"
                " would be paid for and rejected",
                where=where,
                fix="write prompts of your own as TOML files, with the language that they ask for",
            )
    if twice := [one.name for place, one in enumerate(found) if one in found[:place]]:
        raise UsageError(f"the prompt {twice[0]!r} stands twice in the list")
    return found


def shipped() -> list[str]:
    """Names of the prompts that come with Mowa."""
    return sorted(path.stem for path in _shipped_folder().glob("*.toml"))


def _shipped_folder() -> Path:
    return Path(str(resources.files("mowa.instructions.making") / "prompts"))


def _place(name: str, folder: Path) -> Path:
    if name.endswith(".toml"):
        return folder / name
    if name in shipped():
        return _shipped_folder() / f"{name}.toml"
    near = difflib.get_close_matches(name, shipped(), n=1)
    raise UsageError(
        f"there is no prompt {name!r}",
        fix=f"did you mean {near[0]!r}?"
        if near
        else f"choose among {', '.join(shipped())}, or name a .toml file",
    )


def _read(path: Path) -> Prompt:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError("this file is too large for a prompt", where=str(path))
        return Prompt.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"this prompt cannot be read ({error})", where=str(path)) from error
    except ValidationError as error:
        key, wrong = first_problem(error)
        raise UsageError(f"{key or 'the prompt'}: {wrong}", where=str(path)) from error
