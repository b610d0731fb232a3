"""A run of lm-eval's own tasks, and its results as lm-eval writes them."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable, sanitize_model_name, sanitize_task_name

from mowa.errors import DataError, MowaError, UsageError
from mowa.evaluation._lm_eval_adapter import EngineLM
from mowa.workspace import write_text

# Of its draws of shots, as lm-eval has it: the same shots as in anyone's results.
_SEED = 1234


class LmEvalTasks:
    """Tasks of lm-eval by name, with those of a person's own folder.

    Args:
        names: Of tasks, groups and tags, ``*`` in them for several, or YAML files.
        include: A folder with tasks in lm-eval's form; the Python that they name is run.

    Raises:
        UsageError: Where lm-eval knows no such task, or there is no such folder.
    """

    def __init__(self, names: Sequence[str], *, include: Path | None = None) -> None:
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        if include is not None and not include.is_dir():
            raise UsageError("there is no such folder of tasks", where=str(include))
        self._manager = _manager(names, include)
        self._names = [found for name in names for found in self._meant(name)]

    def ask(
        self,
        lm: EngineLM,
        *,
        shots: int | None = None,
        template: bool = False,
        seed: int | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """What lm-eval finds out: ``results``, ``configs``, ``samples`` and so on.

        Args:
            lm: The model.
            shots: Before each item; None for as many as each task says.
            template: Put prompts into the model's chat template.
            seed: Of the draws of shots; None for lm-eval's.
            limit: Ask the first so many items of each task.

        Raises:
            DataError: Where lm-eval fails, at a data set that is not here, say.
        """
        cut = lm.cut
        try:
            found: dict[str, Any] = simple_evaluate(
                lm,
                tasks=self._names,
                num_fewshot=shots,
                limit=limit,
                apply_chat_template=template,
                fewshot_as_multiturn=template,
                fewshot_random_seed=_SEED if seed is None else seed,
                task_manager=self._manager,
            )
        except MowaError:
            raise
        except Exception as error:  # lm-eval, its tasks and data sets raise whatever they meet
            raise DataError(
                f"lm-eval failed ({type(error).__name__}: {error})",
                where=", ".join(self._names),
                fix="where its data is not here, --hub lets it be fetched",
            ) from error
        found["config"]["cut"] = lm.cut - cut
        return found

    def _meant(self, name: str) -> list[str]:
        if Path(name).suffix in (".yaml", ".yml") and Path(name).is_file():
            return [name]
        found: list[str] = self._manager.match_tasks([name])
        if not found:
            near = difflib.get_close_matches(name, self._manager.all_tasks, n=3)
            raise UsageError(
                f"lm-eval has no task {name!r}",
                fix=f"did you mean {' or '.join(near)}?"
                if near
                else "`lm-eval ls tasks` lists them",
            )
        return found


def _manager(names: Sequence[str], include: Path | None) -> TaskManager:
    """Of the folder alone where all `names` are tasks of it: lm-eval's own take seconds to find."""
    if include is not None:
        of_folder = TaskManager(include_path=str(include), include_defaults=False)
        if set(names) <= set(of_folder.all_subtasks):
            return of_folder
    return TaskManager(include_path=str(include) if include else None, include_defaults=True)


def write_lm_eval(found: dict[str, Any], out: Path, name: str) -> Path:
    """Write results, and the samples of each task, where lm-eval would write them.

    Args:
        found: What `LmEvalTasks.ask` gave.
        out: Folder of results; those of a model have a folder of its own in it.
        name: Of the model.

    Returns:
        The file of the results.
    """
    folder = out / str(sanitize_model_name(name))
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    for task, samples in (found.get("samples") or {}).items():
        lines = "".join(f"{_json(_sample(sample))}\n" for sample in samples)
        write_text(folder / f"samples_{sanitize_task_name(task)}_{stamp}.jsonl", lines)
    kept = {key: value for key, value in found.items() if key != "samples"}
    kept |= {"model_source": "mowa", "model_name": name, "model_name_sanitized": folder.name}
    path = folder / f"results_{stamp}.json"
    write_text(path, _json(kept, indent=2) + "\n")
    return path


def _sample(sample: dict[str, Any]) -> dict[str, Any]:
    """With the arguments of its requests by name, as readers of such files look for them."""
    arguments = {
        f"gen_args_{number}": {f"arg_{place}": value for place, value in enumerate(each)}
        for number, each in enumerate(sample["arguments"])
    }
    return {**sample, "arguments": arguments, "target": str(sample["target"])}


def _json(value: Any, *, indent: int | None = None) -> str:
    return json.dumps(value, default=handle_non_serializable, ensure_ascii=False, indent=indent)
