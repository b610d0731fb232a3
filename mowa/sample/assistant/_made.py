"""A dialogue as it is made, before it is one of the file."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mowa.inference import Message
from mowa.instructions import Dialogue


@dataclass(frozen=True)
class Made:
    """A dialogue or a preference in the making.

    Attributes:
        id: Unique in its file, the same for every seed where it says the same.
        kind: fact, talk, unknown, form.
        messages: The turns.
        facts: Ids of the facts that it tells.
        register: How it is said, of a talk.
        what: Which sort of its kind: a table of invented subjects, a form.
        chosen: The better answer of a preference.
        rejected: The worse one.
    """

    id: str
    kind: str
    messages: tuple[Message, ...]
    facts: tuple[str, ...] = ()
    register: str | None = None
    what: str | None = None
    chosen: str | None = None
    rejected: str | None = None

    @property
    def texts(self) -> list[str]:
        """All that is said in it, the worse answer too."""
        answers = [answer for answer in (self.chosen, self.rejected) if answer]
        return [message.content for message in self.messages] + answers

    def dialogue(self) -> Dialogue:
        """The row of the file.

        No person answered and no language model did: a program filled templates from tables. Of the
        three origins `generated` claims least.
        """
        details = {
            key: value
            for key in ("kind", "what", "register", "facts")
            if (value := getattr(self, key))
        }
        return Dialogue(
            id=self.id,
            messages=self.messages,
            origin="generated",
            licence="CC0-1.0",
            source="sample-dialogues",
            author="The Mowa contributors",
            model="templates of mowa.sample",
            language="pol",
            chosen=self.chosen,
            rejected=self.rejected,
            details=json.dumps(details, ensure_ascii=False),
        )


def turns(*said: str) -> tuple[Message, ...]:
    """What user and assistant say by turns; the user begins."""
    return tuple(
        Message("assistant" if number % 2 else "user", text) for number, text in enumerate(said)
    )
