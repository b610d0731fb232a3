"""How fast does our engine write, beside `generate` of transformers?

    python benchmarks/generation.py [TEXTS...] [--rows NAME...] [--rounds 3]

A Llama of 10 million parameters is made on the spot, with a tokenizer of TEXTS (folders with
`*.txt` and `*.xml`) or else of Mowa's sample. Both write greedily on the CPU with one model in one
process, in turn, and each row is the best of several rounds:

* `one-…` and `16-…`: prompts of so many tokens, one at a time or sixteen together, and so many
  tokens after each; the peer's sixteen are padded on the left;
* `16-unequal`: prompts of 16 to 512 tokens;
* `stream`: as `one-128-64`, token by token as a person reads it, beside the peer's
  `TextIteratorStreamer`;
* `turns`: four questions of one conversation, each asked after the last answer.

Loading is not in it, tokenising is. Both must write the same; how many texts are alike to the
letter stands beside it. `--smoke` is a toy in seconds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from evaluation_data import make_world, prompts, write_model
from record import versions, write_record
from transformers import AutoTokenizer, TextIteratorStreamer

from mowa.inference import GenerateRequest, Message, TorchEngine
from mowa.tokenizer import load_tokenizer

SHAPE = {"hidden_size": 320, "layers": 6, "heads": 5, "context": 1024}
TOY = {"hidden_size": 32, "layers": 1, "heads": 2, "context": 1024}
TARGET = 1.0
TURNS = 4

# How many together, tokens of a prompt from and to, tokens to write, in how many prompts.
ROWS: dict[str, tuple[int, tuple[int, int], int, int]] = {
    "one-16-64": (1, (16, 16), 64, 4),
    "one-128-64": (1, (128, 128), 64, 4),
    "one-128-256": (1, (128, 128), 256, 2),
    "one-768-64": (1, (768, 768), 64, 4),
    "16-16-64": (16, (16, 16), 64, 16),
    "16-128-64": (16, (128, 128), 64, 16),
    "16-128-256": (16, (128, 128), 256, 16),
    "16-768-64": (16, (768, 768), 64, 16),
    "16-unequal": (16, (16, 512), 64, 16),
    "stream": (1, (128, 128), 64, 4),
    "turns": (1, (64, 64), 64, TURNS),
}
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)

Write = Callable[[list[str], int, int], list[str]]


class Peer:
    """`generate` of transformers on the model of an engine."""

    def __init__(self, engine: TorchEngine, folder: Path) -> None:
        self._model = engine.model
        self._tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")

    def together(self, texts: list[str], tokens: int, batch: int) -> list[str]:
        """Prompts of like length together, the longest first."""
        lengths = [len(ids) for ids in self._tokenizer(texts)["input_ids"]]
        order = sorted(range(len(texts)), key=lambda place: -lengths[place])
        written = [""] * len(texts)
        for begin in range(0, len(order), batch):
            places = order[begin : begin + batch]
            inputs = self._inputs([texts[place] for place in places])
            with torch.inference_mode():
                found = self._model.generate(**inputs, **self._options(tokens))
            new = found[:, inputs["input_ids"].shape[1] :]
            for place, text in zip(places, self._tokenizer.batch_decode(new), strict=True):
                written[place] = text
        return written

    def stream(self, texts: list[str], tokens: int, _batch: int) -> list[str]:
        """One after the other, piece by piece."""
        written = []
        for text in texts:
            pieces = TextIteratorStreamer(self._tokenizer, skip_prompt=True)
            options = {**self._inputs([text]), **self._options(tokens), "streamer": pieces}
            thread = threading.Thread(target=self._model.generate, kwargs=options)
            thread.start()
            written.append("".join(pieces))
            thread.join()
        return written

    def turns(self, texts: list[str], tokens: int, _batch: int) -> list[str]:
        """Each question after the answers so far."""
        said: list[dict[str, str]] = []
        for text in texts:
            said.append({"role": "user", "content": text})
            prompt = self._tokenizer.apply_chat_template(
                said, tokenize=False, add_generation_prompt=True
            )
            (answer,) = self.together([prompt], tokens, 1)
            said.append({"role": "assistant", "content": answer})
        return [turn["content"] for turn in said[1::2]]

    def _inputs(self, texts: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = self._tokenizer(
            texts, padding=True, return_tensors="pt", return_token_type_ids=False
        )
        return found

    def _options(self, tokens: int) -> dict[str, Any]:
        return {
            "max_new_tokens": tokens,
            "do_sample": False,
            "pad_token_id": self._tokenizer.pad_token_id,
        }


class Ours:
    """The same with our engine."""

    def __init__(self, engine: TorchEngine) -> None:
        self._engine = engine

    def together(self, texts: list[str], tokens: int, batch: int) -> list[str]:
        """So many at once."""
        written: list[str] = []
        for begin in range(0, len(texts), batch):
            asked = [GenerateRequest(text, tokens) for text in texts[begin : begin + batch]]
            found = dict(self._engine.generate_many(asked))
            written += [found[place].text for place in sorted(found)]
        return written

    def stream(self, texts: list[str], tokens: int, _batch: int) -> list[str]:
        """One after the other, piece by piece."""
        return [
            "".join(self._engine.stream(text, max_new_tokens=tokens, temperature=0))
            for text in texts
        ]

    def turns(self, texts: list[str], tokens: int, _batch: int) -> list[str]:
        """Each question after the answers so far."""
        said: tuple[Message, ...] = ()
        for text in texts:
            said = (*said, Message("user", text))
            answer = "".join(self._engine.stream(said, max_new_tokens=tokens, temperature=0))
            said = (*said, Message("assistant", answer))
        return [turn.content for turn in said[1::2]]


def measured(
    row: str, words: list[str], folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """One row of the record."""
    batch, lengths, tokens, count = ROWS[row]
    if options.smoke:
        tokens, count = 4, min(count, 3)
    asked = prompts(words, load_tokenizer(folder), count=count, lengths=lengths)
    texts = [text for text, _ in asked]
    # Nothing is put before a text, as the peer's tokenizer has it.
    engine = TorchEngine.load(folder, device="cpu", bos=False)
    way = row if row in ("stream", "turns") else "together"
    ways: dict[str, Write] = {
        "ours": getattr(Ours(engine), way),
        "peer": getattr(Peer(engine, folder), way),
    }
    best = dict.fromkeys(ways, float("inf"))
    written: dict[str, list[str]] = {}
    for write in ways.values():
        write(texts[:1], 2, 1)
    for _ in range(options.rounds):
        for name, write in ways.items():
            began = time.perf_counter()
            written[name] = write(texts, tokens, batch)
            best[name] = min(best[name], time.perf_counter() - began)
    pairs = zip(written["ours"], written["peer"], strict=True)
    alike = sum(one == other.rstrip("\ufffd") for one, other in pairs) / len(texts)
    speed = {name: len(texts) * tokens / seconds for name, seconds in best.items()}
    print(f"{row}: {speed['ours'] / speed['peer']:.2f}, texts alike {alike:.2f}", flush=True)
    return {
        "what": row,
        "unit": "tokens a second",
        "ours": speed["ours"],
        "peer": "transformers, generate",
        "peer_value": speed["peer"],
        "ratio": speed["ours"] / speed["peer"],
        "target": TARGET,
        "texts alike": alike,
    }


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path, nargs="*")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    options.shape, options.vocabulary, options.sample = SHAPE, 8192, 2_000
    if options.smoke:
        options.shape, options.vocabulary, options.sample = TOY, 512, 40
        options.rounds, options.threads = 1, 1
        options.rows = ["one-16-64", "16-unequal", "stream", "turns"]
    return options


def main(arguments: list[str] | None = None) -> None:
    options = options_of(arguments)
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        with tempfile.TemporaryDirectory() as made:
            root = Path(made)
            words = make_world(
                root, options.texts, sample=options.sample, vocabulary=options.vocabulary
            )
            model = root / "model"
            parameters = write_model(model, root / "tokenizer", options.shape)
            (model / "chat_template.jinja").write_text(TEMPLATE, "utf-8")
            print(f"{parameters:,} parameters, {options.threads} threads", flush=True)
            results = [measured(row, words, model, options) for row in options.rows]
    finally:
        torch.set_num_threads(before)
    for row in results:
        print(
            f"{row['what']:12} {row['ours']:>10,.1f} {row['unit']}  {row['ratio']:.2f} x"
            f" {row['peer_value']:,.1f} {row['peer']}, target {row['target']}"
        )
    if options.json:
        found = versions(("mowa", "torch", "transformers", "tokenizers"))
        write_record(options.json, found | {"threads": str(options.threads)}, results)


if __name__ == "__main__":
    main()
