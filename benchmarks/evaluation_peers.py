"""What `evaluation.py` is compared with; run in environments without Mowa.

    python benchmarks/evaluation_peers.py JOB.json

`likelihoods` and `texts` are lm-eval's `hf` model as lm-eval calls it; `generate` is `generate` of
`transformers` over prompts of like length, padded on the left. Imports, loading, tokenising and
the search for a batch size are timed apart from what is compared.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BEGAN = time.perf_counter()

import torch  # noqa: E402 - importing is timed


class Watch:
    """Seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Any:
        """Add what a block takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def lm_eval_model(job: dict[str, Any], watch: Watch) -> Any:
    """lm-eval's `hf`, which tells how long it tokenises and looks for a batch size."""
    from lm_eval.models.huggingface import HFLM

    class Timed(HFLM):
        def tok_encode(self, *args: Any, **options: Any) -> Any:
            with watch.timed("encode"):
                return super().tok_encode(*args, **options)

        def tok_batch_encode(self, *args: Any, **options: Any) -> Any:
            with watch.timed("encode"):
                return super().tok_batch_encode(*args, **options)

        def _detect_batch_size(self, *args: Any, **options: Any) -> Any:
            with watch.timed("detect"):
                return super()._detect_batch_size(*args, **options)

    return Timed(
        pretrained=job["model"],
        device="cpu",
        dtype="float32",
        batch_size=job["batch"],
        add_bos_token=False,
    )


def likelihoods(job: dict[str, Any], watch: Watch) -> Callable[[dict[str, Any]], list[Any]]:
    """Asks for the log-likelihoods of all choices, as one flat list."""
    from lm_eval.api.instance import Instance

    lm = lm_eval_model(job, watch)

    def ask(asked: dict[str, Any]) -> list[Any]:
        requests = [
            Instance("loglikelihood", {}, (context, choice), place)
            for context, choices in asked["requests"]
            for place, choice in enumerate(choices)
        ]
        with watch.timed("all"):
            return [value for value, _ in lm.loglikelihood(requests, disable_tqdm=True)]

    return ask


def texts(job: dict[str, Any], watch: Watch) -> Callable[[dict[str, Any]], list[Any]]:
    """Asks for texts."""
    from lm_eval.api.instance import Instance

    lm = lm_eval_model(job, watch)

    def ask(asked: dict[str, Any]) -> list[Any]:
        settings = {"until": ["\n\n\n"], "max_gen_toks": asked["tokens"], "do_sample": False}
        requests = [
            Instance("generate_until", {}, (prompt, dict(settings)), 0)
            for prompt, _ in asked["requests"]
        ]
        with watch.timed("all"):
            found: list[Any] = lm.generate_until(requests, disable_tqdm=True)
            return found

    return ask


def generate(job: dict[str, Any], watch: Watch) -> Callable[[dict[str, Any]], list[Any]]:
    """Asks for texts, the longest prompts first."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(job["model"], padding_side="left")

    def ask(asked: dict[str, Any]) -> list[Any]:
        prompts = [prompt for prompt, _ in asked["requests"]]
        written = [""] * len(prompts)
        with watch.timed("all"):
            with watch.timed("encode"):
                lengths = [len(ids) for ids in tokenizer(prompts)["input_ids"]]
            order = sorted(range(len(prompts)), key=lambda place: -lengths[place])
            for begin in range(0, len(order), job["batch"]):
                places = order[begin : begin + job["batch"]]
                with watch.timed("encode"):
                    inputs = tokenizer(
                        [prompts[place] for place in places],
                        padding=True,
                        return_tensors="pt",
                        return_token_type_ids=False,
                    )
                with torch.inference_mode():
                    found = model.generate(
                        **inputs,
                        max_new_tokens=asked["tokens"],
                        do_sample=False,
                        pad_token_id=tokenizer.pad_token_id,
                    )
                new = found[:, inputs["input_ids"].shape[1] :]
                for place, text in zip(places, tokenizer.batch_decode(new), strict=True):
                    written[place] = text
        return written

    return ask


def main() -> None:
    path = Path(sys.argv[1])
    job = json.loads(path.read_text("utf-8"))
    torch.set_num_threads(job["threads"])
    asked = json.loads(Path(job["asked"]).read_text("utf-8"))
    watch = Watch()
    start = time.perf_counter() - BEGAN
    ask = {"likelihoods": likelihoods, "texts": texts, "generate": generate}[job["row"]](job, watch)
    load = time.perf_counter() - BEGAN - start
    if job["batch"] != "auto":  # which is looked for in every call
        ask(asked | {"requests": asked["requests"][:1]})
    rounds, values = [], []
    for _ in range(job["rounds"]):
        watch.seconds.clear()
        values = ask(asked)
        rounds.append({"encode": 0.0, "detect": 0.0} | watch.seconds)
    found = {"start": start, "load": load, "rounds": rounds, "values": values}
    path.with_suffix(".found.json").write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
