"""Results in the JSON form of lm-eval, for tools that read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mowa.evaluation._results import Result

_NAMES = {
    "accuracy": "acc",
    "accuracy_per_character": "acc_norm",
    "accuracy_per_byte": "acc_bytes",
    "accuracy_per_token": "acc_per_token",
    "exact": "exact_match",
    "accepted": "accepted",
    "f1": "f1",
    "macro-f1": "f1_macro",
    "bits-per-byte": "bits_per_byte",
    "byte_perplexity": "byte_perplexity",
    "word_perplexity": "word_perplexity",
    "eq-bench": "eqbench",
    "parseable": "percent_parseable",
}
_PERCENT = ("eq-bench", "parseable", "first_pass", "revised")  # of 100 there, of 1 here
_LOWER = ("bits-per-byte", "byte_perplexity", "word_perplexity")


def as_lm_eval(results: Sequence[Result]) -> dict[str, Any]:
    """All scored results of one model; tasks with several numbers of shots get them in the name.

    What is not comparable has no entry, since that form knows numbers only.
    """
    scored = [result for result in results if result["status"] == "scored"]
    names = [_name(result, scored) for result in scored]
    paired = list(zip(names, scored, strict=True))
    first = results[0]
    return {
        "results": {name: {"alias": name, **_figures(result)} for name, result in paired},
        "group_subtasks": {name: [] for name in names},
        "configs": {
            name: {
                "task": name,
                "output_type": _output_type(result["task"]["kind"]),
                "num_fewshot": result["settings"]["shots"],
                "metadata": {"version": result["task"]["version"]},
            }
            for name, result in paired
        },
        "versions": {name: result["task"]["version"] for name, result in paired},
        "n-shot": {name: result["settings"]["shots"] for name, result in paired},
        "higher_is_better": {
            name: {_NAMES.get(metric, metric): metric not in _LOWER for metric in result["scores"]}
            for name, result in paired
        },
        "n-samples": {
            name: {
                "original": result["items"] + sum(result["left_out"].values()),
                "effective": result["items"],
            }
            for name, result in paired
        },
        "config": {
            "model": "mowa",
            "model_args": first["model"]["name"],
            "model_num_parameters": first["model"]["parameters"],
            "model_sha": first["model"]["fingerprint"],
            "limit": first["settings"]["limit"],
            "fewshot_seed": first["settings"]["seed"],
        },
        "model_name": first["model"]["name"],
        "fewshot_as_multiturn": first["settings"]["template"],
        "date": datetime.fromisoformat(first["when"]).timestamp(),
        "mowa": first["mowa"],
    }


def _figures(result: Result) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for metric, score in result["scores"].items():
        name = _NAMES.get(metric, metric)
        factor = 100 if metric in _PERCENT else 1
        found[f"{name},none"] = _times(score["value"], factor)
        found[f"{name}_stderr,none"] = _times(score["stderr"], factor)
    return found


def _times(value: float | None, factor: int) -> float | None:
    return None if value is None else value * factor


def _name(result: Result, results: Sequence[Result]) -> str:
    name: str = result["task"]["name"]
    same = [other for other in results if other["task"]["name"] == name]
    return name if len(same) == 1 else f"{name}_{result['settings']['shots']}shot"


def _output_type(kind: str) -> str:
    if kind in ("pairs", "choice"):
        return "multiple_choice"
    return "loglikelihood_rolling" if kind == "perplexity" else "generate_until"
