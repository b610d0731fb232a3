"""All dialogues of the sample: facts, talks, what cannot be known, forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mowa.instructions import Dialogue
from mowa.sample.assistant._forms import formed
from mowa.sample.assistant._known import guard, told
from mowa.sample.assistant._made import Made
from mowa.sample.assistant._talks import plain_questions, talks
from mowa.sample.assistant._unknown import declining


def dialogues(seed: int) -> list[Dialogue]:
    """The dialogues that a model is fine-tuned on.

    None has a held-out wording, a held-out kind of unknown thing, or both ends of a fact that is
    only read. Another seed gives other talks, drawn alternatives and replies about the same facts.
    """
    made = (
        *plain_questions(told()),
        *talks(told(), seed),
        *declining(told(), seed),
        *formed(told(), seed),
    )
    return [one.dialogue() for one in discreet(made)]


def discreet(made: Iterable[Made]) -> Iterator[Made]:
    """Those that give away none of the facts that are only read, each once.

    A talk of one bare question is that question by itself once more.
    """
    leaks = guard()
    seen = set()
    for one in made:
        leaks.start()
        said = (one.messages, one.chosen)
        if said not in seen and all(leaks.admits(text) for text in one.texts):
            seen.add(said)
            yield one
