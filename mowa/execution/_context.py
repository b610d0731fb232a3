"""What a step is given to work with besides its configuration and inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mowa.execution._executor import Executor
from mowa.execution._ledger import Ledger
from mowa.execution._progress import PlainProgress, Progress
from mowa.languages import LanguagePack


@dataclass(frozen=True)
class Unit:
    """One piece of work, the same whatever the number of workers.

    `key` names it in the ledger (``"00000"``, ``"language/00003"``); `work` is what the function
    is called with and must be picklable.
    """

    key: str
    work: Any


@dataclass
class Context:
    """Where a step finds the outer world, and how it spreads its work.

    Attributes:
        language: The language pack of the recipe.
        data: The folder under which relative paths of sources are found.
        sources: The folder that holds the source register.
        workers: How many worker processes to use at most.
        ledger: Which work units of this step are finished.
        cache: A file in which the step may keep what can be computed again, or None.
        progress: Where progress is shown.
        executor: What the units run on.
    """

    language: LanguagePack
    data: Path
    sources: Path
    workers: int
    ledger: Ledger
    cache: Path | None = None
    progress: Progress = field(default_factory=PlainProgress)
    executor: Executor = field(default_factory=Executor)

    def map(
        self,
        function: Callable[[Any, Path], dict[str, Any]],
        units: Sequence[Unit],
        out: Path,
        *,
        label: str,
    ) -> list[dict[str, Any]]:
        """Call ``function(unit.work, out)`` for every unit that is not finished by the ledger.

        The function writes its files under `out` with `mowa.workspace.writing` and returns plain
        JSON values; under ``"files"`` stand the paths that it wrote, relative to `out`. Results
        come in the order of `units`, those of an earlier, killed run included.
        """
        assert len({unit.key for unit in units}) == len(units), "two units have one key"
        todo = {unit.key: unit.work for unit in units if not self.ledger.has(unit.key, out)}
        with self.progress.task(label, total=len(units), done=len(units) - len(todo)) as advance:
            for key, result in self.executor.run(function, todo, out, workers=self.workers):
                self.ledger.add(key, result, out)
                advance(1)
        return [self.ledger.result(unit.key) for unit in units]
