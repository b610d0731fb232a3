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
    "dialogues": StepType(
        kind="dialogues",
        config="mowa.instructions:DialoguesConfig",
        function="mowa.instructions._import:run",
        observes="mowa.instructions._import:observe",
        revision=1,
        reads={"inventory": "many"},
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
        revision=4,
        reads={"tokens": "many", "tokenizer": "any", "model": "any"},
        extra="train",
    ),
    "finetune": StepType(
        kind="model",
        config="mowa.training:FinetuneConfig",
        function="mowa.training._converse:run",
        revision=1,
        reads={"model": "one", "dialogues": "many"},
        extra="train",
    ),
    "prefer": StepType(
        kind="model",
        config="mowa.training:PreferConfig",
        function="mowa.training._converse:run",
        revision=1,
        reads={"model": "one", "dialogues": "many"},
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
    "generate-dialogues": StepType(
        kind="dialogues",
        config="mowa.instructions.making:GenerateDialoguesConfig",
        function="mowa.instructions.making._generate:run",
        observes="mowa.instructions.making._generate:observe",
        revision=1,
        reads={"corpus": "one", "model": "any"},
    ),
    "translate-dialogues": StepType(
        kind="dialogues",
        config="mowa.instructions.making:TranslateDialoguesConfig",
        function="mowa.instructions.making._translate:run",
        observes="mowa.instructions.making._translate:observe",
        revision=1,
        reads={"dialogues": "many", "model": "any"},
    ),
    "judge-dialogues": StepType(
        kind="dialogues",
        config="mowa.instructions.making:JudgeDialoguesConfig",
        function="mowa.instructions.making._judge:run",
        observes="mowa.instructions.making._judge:observe",
        revision=1,
        reads={"dialogues": "many", "model": "any"},
    ),
    "pair-dialogues": StepType(
        kind="dialogues",
        config="mowa.instructions.making:PairDialoguesConfig",
        function="mowa.instructions.making._pair:run",
        observes="mowa.instructions.making._pair:observe",
        revision=1,
        reads={"dialogues": "many", "model": "any"},
    ),
    "merge-models": StepType(
        kind="model",
        config="mowa.model:MergeModelsConfig",
        function="mowa.model._merge:run",
        revision=1,
        reads={"model": "many"},
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
    "leaderboard": StepType(
        kind="leaderboard",
        config="mowa.evaluation.leaderboard:LeaderboardConfig",
        function="mowa.evaluation.leaderboard._step:run",
        revision=1,
        reads={"scores": "many"},
    ),
    "evaluate": StepType(
        kind="scores",
        config="mowa.evaluation:EvaluateConfig",
        function="mowa.evaluation._step:run",
        observes="mowa.evaluation._step:observe",
        revision=1,
        reads={"model": "many", "corpus": "any", "dialogues": "any", "ngram-index": "any"},
        speaks=True,
        extra="train",
    ),
    "score-documents": StepType(
        kind="signals",
        config="mowa.evaluation:ScoreDocumentsConfig",
        function="mowa.evaluation._score_documents:run",
        revision=1,
        reads={"model": "one", "documents": "many"},
        extra="train",
    ),
    "contamination-index": StepType(
        kind="ngram-index",
        config="mowa.evaluation.contamination:ContaminationIndexConfig",
        function="mowa.evaluation.contamination._build:run",
        observes="mowa.evaluation.contamination._build:observe",
        revision=1,
        reads={"corpus": "any", "dialogues": "any"},
        speaks=True,
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
