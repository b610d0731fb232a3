"""What `evaluation.py` asks: items with choices of real length, minimal pairs, prompts."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from training_data import make_tokenizer, texts_of, write_corpus
from transformers import GenerationConfig

from mowa.evaluation._task import shipped
from mowa.model import ArchitectureConfig, TokenizerFacts, build

Asked = list[tuple[str, list[str]]]
"""Contexts, each with its choices; prompts have none."""

_SHOTS = 5
_FULL = 0.8  # of the window, with five shots before the item
_ENDING = (8, 20)  # words


def make_world(root: Path, texts: Sequence[Path], *, sample: int, vocabulary: int) -> list[str]:
    """A tokenizer of the texts, below `root`; gives the words of the texts in their order."""
    found = texts_of(texts, sample=sample)
    make_tokenizer(root / "tokenizer", write_corpus(root / "corpus", found), vocabulary)
    return " ".join(found).split()


def write_model(folder: Path, tokenizer: Path, shape: dict[str, Any]) -> int:
    """A model that never ends a text, so that all are as long; gives its parameters."""
    facts = TokenizerFacts.read(tokenizer)
    model = build(ArchitectureConfig.model_validate(shape), facts, 0)
    model.config.eos_token_id = None
    model.generation_config = GenerationConfig(bos_token_id=facts.bos_id, pad_token_id=facts.pad_id)
    model.save_pretrained(folder)
    for file in tokenizer.glob("*.json"):
        shutil.copyfile(file, folder / file.name)
    return sum(parameter.numel() for parameter in model.parameters())


def choice_items(words: Sequence[str], tokenizer: Tokenizer, *, count: int, window: int) -> Asked:
    """Which of four endings does a text have? Five answered ones stand before each."""
    draw = random.Random(window)
    per_word = len(tokenizer.encode(" ".join(words[:20_000]), add_special_tokens=False).ids) / min(
        len(words), 20_000
    )
    size = max(int(window * _FULL / (_SHOTS + 1) / per_word) - max(_ENDING) - 6, 4)

    def ending(at: int) -> str:
        return " " + " ".join(words[at : at + draw.randint(*_ENDING)])

    def passage() -> tuple[str, str]:
        at = draw.randrange(len(words) - size - max(_ENDING))
        return f"Tekst: {' '.join(words[at : at + size])}\nDalej:", ending(at + size)

    shots = "".join(f"{asked}{right}\n\n" for asked, right in (passage() for _ in range(_SHOTS)))
    items = []
    for _ in range(count):
        asked, right = passage()
        wrong = [ending(draw.randrange(len(words) - max(_ENDING))) for _ in range(3)]
        items.append((shots + asked, [right, *wrong]))
    return items


def pair_items(count: int) -> Asked:
    """Minimal pairs of the task `grammar`, evenly over its phenomena."""
    lines = (shipped() / "grammar/items.jsonl").read_text("utf-8").splitlines()
    step = max(len(lines) // count, 1)
    rows = [json.loads(line) for line in lines[::step][:count]]
    return [("", [row["good"], row["bad"]]) for row in rows]


def prompts(
    words: Sequence[str], tokenizer: Tokenizer, *, count: int, lengths: tuple[int, int]
) -> Asked:
    """Prompts of `lengths[0]` to `lengths[1]` tokens, evenly, in any order."""
    draw = random.Random(lengths[1])
    shortest, longest = lengths
    found: Asked = []
    while len(found) < count:
        at = draw.randrange(len(words) - longest)
        ids = tokenizer.encode(" ".join(words[at : at + longest]), add_special_tokens=False).ids
        wanted = shortest + round((longest - shortest) * len(found) / max(count - 1, 1))
        text = tokenizer.decode(ids[:wanted])
        # A text that is cut inside a character, or written in other tokens, has another length.
        if (
            len(tokenizer.encode(text, add_special_tokens=False).ids) == wanted
            and "\ufffd" not in text
        ):
            found.append((text, []))
    draw.shuffle(found)
    return found
