"""The table of what a step can do: where its configuration and its function are, as strings."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from mowa.errors import UsageError
from mowa.workspace import StepConfig

Arity = Literal["one", "many", "any"]


@dataclass(frozen=True)
class StepType:
    """What a step does.

    Attributes:
        kind: The kind of artifact it makes.
        config: Import path of its configuration class; that module stays free of heavy imports.
        function: Import path of its `run`.
        revision: Raised whenever the same inputs and configuration give other bytes.
        reads: Kinds of artifact that it reads, and how many of each: one, one or more (``many``),
            or none or more (``any``).
        observes: Import path of a function that looks at the outer world before the fingerprint is
            taken: at the files of a source, of labels, of words.
        speaks: Does the language pack change its result?
        extra: The extra of the package that its function needs.
    """

    kind: str
    config: str
    function: str
    revision: int
    reads: dict[str, Arity] = field(default_factory=dict)
    observes: str | None = None
    speaks: bool = False
    extra: str | None = None

    def config_class(self) -> type[StepConfig]:
        """The configuration class; light."""
        found: type[StepConfig] = _import(self.config)
        return found

    def load(self) -> Callable[..., Any]:
        """The function that does the work; may import torch.

        Raises:
            UsageError: Where the extra that it needs is not installed.
        """
        try:
            function: Callable[..., Any] = _import(self.function)
        except ModuleNotFoundError as error:
            if self.extra is None or (error.name or "").startswith("mowa"):
                raise
            raise UsageError(
                f"this step needs the package {error.name}",
                fix=f"pip install 'mowa[{self.extra}]'",
            ) from error
        return function

    def observe(self) -> Callable[..., dict[str, Any]] | None:
        """The function that looks at the outer world, if there is one."""
        return _import(self.observes) if self.observes else None


STEPS: dict[str, StepType] = {
    "inventory": StepType(
        kind="inventory",
        config="mowa.collect:InventoryConfig",
        function="mowa.collect._inventory:run",
        observes="mowa.collect._inventory:observe",
        revision=1,
    ),
    "documents": StepType(
        kind="documents",
        config="mowa.corpus:DocumentsConfig",
        function="mowa.corpus._documents:run",
        revision=5,
        reads={"inventory": "many"},
    ),
    "signals": StepType(
        kind="signals",
        config="mowa.corpus:SignalsConfig",
        function="mowa.corpus._signals:run",
        observes="mowa.corpus._named_signals:observe",
        revision=5,
        reads={"documents": "many", "signals": "any", "classifier": "any"},
        speaks=True,
    ),
    "corpus": StepType(
        kind="corpus",
        config="mowa.corpus:CorpusConfig",
        function="mowa.corpus._decide:run",
        revision=4,
        reads={"documents": "many", "signals": "many"},
        speaks=True,
    ),
    "classifier": StepType(
        kind="classifier",
        config="mowa.corpus.classifiers:ClassifierConfig",
        function="mowa.corpus.classifiers._step:run",
        observes="mowa.corpus.classifiers._step:observe",
        revision=1,
        reads={"corpus": "one"},
        extra="label",
    ),
    "tokenizer": StepType(
        kind="tokenizer",
        config="mowa.tokenizer:TokenizerConfig",
        function="mowa.tokenizer._train:run",
        revision=1,
        reads={"corpus": "one"},
        extra="train",
    ),
    "tokens": StepType(
        kind="tokens",
        config="mowa.training:TokensConfig",
        function="mowa.training._tokens:run",
        revision=3,
        reads={"corpus": "one", "tokenizer": "any", "model": "any"},
        extra="train",
    ),
    "mixture": StepType(
        kind="tokens",
        config="mowa.training:MixtureConfig",
        function="mowa.training._mixture:run",
        revision=2,
        reads={"tokens": "many"},
        extra="train",
    ),
    "pretrain": StepType(
        kind="model",
        config="mowa.training:PretrainConfig",
        function="mowa.training._pretrain:run",
        revision=3,
        reads={"tokens": "many", "tokenizer": "any", "model": "any"},
        extra="train",
    ),
    "import-model": StepType(
        kind="model",
        config="mowa.model:ImportModelConfig",
        function="mowa.model._import:run",
        revision=1,
        reads={"inventory": "one"},
        extra="train",
    ),
    "scores": StepType(
        kind="scores",
        config="mowa.evaluation:ScoresConfig",
        function="mowa.evaluation._scores:run",
        revision=1,
        reads={"model": "one", "tokens": "one", "corpus": "one"},
        extra="train",
    ),
}


def step_type(does: str, *, where: str) -> StepType:
    """The entry of the table for `does`.

    Raises:
        UsageError: Where there is none, with the nearest.
    """
    if does not in STEPS:
        near = difflib.get_close_matches(does, list(STEPS), n=1)
        raise UsageError(
            f"there is no step that does {does!r}",
            where=where,
            fix=f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(STEPS)}",
        )
    return STEPS[does]


def _import(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
