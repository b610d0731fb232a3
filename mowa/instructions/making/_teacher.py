"""The models that are asked: opened from a step's configuration, each with its way of asking."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mowa.errors import UsageError
from mowa.execution import EnergyMeter
from mowa.inference import Engine, GenerateRequest, Message
from mowa.instructions.making._config import ModelConfig
from mowa.workspace import Artifact, canonical

# What a model without a turn of its own to write in is led to write by.
_LEAD = "\n\n"

# The temperature of a further attempt where that of the first is 0: at 0 the same would come.
_AGAIN = 0.3


@dataclass(frozen=True)
class Teacher:
    """A model that is asked.

    Attributes:
        engine: What runs it.
        config: How it is asked.
        name: What dialogues say of who made them.
        is_local: Does it compute in this process?
        chats: Does it take turns, or only texts to go on with?
        meter: Counts its energy, where this process computes.
    """

    engine: Engine
    config: ModelConfig
    name: str
    is_local: bool = False
    chats: bool = True
    meter: EnergyMeter | None = None

    def request(self, messages: tuple[Message, ...], attempt: int = 0) -> GenerateRequest:
        """What it is asked; a further attempt draws anew, also where the first takes the likeliest.

        Args:
            messages: The turns.
            attempt: How many there were before.
        """
        prompt: str | tuple[Message, ...] = messages
        if not self.chats:
            prompt = _LEAD.join(turn.content.strip() for turn in messages) + _LEAD
        return GenerateRequest(
            prompt,
            self.config.max_new_tokens,
            temperature=self.config.temperature or (_AGAIN if attempt else 0.0),
            seed=self.config.seed + attempt,
        )

    def id_of(self, request: GenerateRequest) -> str:
        """Under which an answer is written down: a hash of prompt, sampling and model."""
        prompt = request.prompt
        turns = prompt if isinstance(prompt, str) else [[t.role, t.content] for t in prompt]
        about = [self.engine.fingerprint, turns, request.max_new_tokens, request.temperature]
        text = canonical([*about, request.seed])
        return hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()

    def about(self) -> dict[str, object]:
        """What each dialogue tells of how it was asked."""
        sampling = ("temperature", "max_new_tokens", "seed", "parameters")
        return {"model": self.name, **{key: getattr(self.config, key) for key in sampling}}


@contextmanager
def teachers(
    configs: Sequence[ModelConfig | None], models: Sequence[Artifact]
) -> Iterator[list[Teacher]]:
    """Open the models, one for each configuration; a model on disk is read once.

    Args:
        configs: Which; None is the only model among `models`.
        models: Those that the step reads.

    Raises:
        UsageError: Where there is no such model, its key is not set, or torch is not installed.
    """
    with ExitStack() as stack:
        read: dict[Path, Teacher] = {}
        found = []
        for config in configs:
            if config is not None and config.url is not None:
                found.append(_remote(config, config.url, stack))
                continue
            artifact = _artifact(config, models)
            how = config or ModelConfig(name=artifact.name)
            if artifact.path not in read:
                read[artifact.path] = _local(how, artifact, stack)
            found.append(replace(read[artifact.path], config=how))
        yield found


def _remote(config: ModelConfig, url: str, stack: ExitStack) -> Teacher:
    from mowa.inference import OpenAIEngine, Patience

    parameters = dict(config.parameters)
    if config.json_answers:
        parameters.setdefault("response_format", {"type": "json_object"})
    engine = OpenAIEngine(
        url,
        config.name,
        key_from=config.key_from,
        concurrency=config.concurrency,
        prices=(config.prices[0], config.prices[1]) if config.prices else None,
        parameters=parameters,
        patience=Patience(retries=config.retries, read=config.timeout),
    )
    stack.callback(engine.close)
    return Teacher(engine, config, config.name)


def _artifact(config: ModelConfig | None, models: Sequence[Artifact]) -> Artifact:
    """The model that a configuration without an address means."""
    names = ", ".join(model.name for model in models) or "none"
    if config is None:
        if len(models) != 1:
            raise UsageError(
                f"which model is to be asked? The step reads {names}",
                fix="name it in a table `model`, or give url and name of an endpoint",
            )
        return models[0]
    meant = [model for model in models if config.name in (model.name, model.name.split("/")[-1])]
    if len(meant) != 1:
        raise UsageError(
            f"there is no one model {config.name!r} without a url among those read: {names}",
            fix="read it, or give the url of an endpoint",
        )
    return meant[0]


def _local(config: ModelConfig, artifact: Artifact, stack: ExitStack) -> Teacher:
    try:
        import torch

        from mowa.inference import TorchEngine
    except ModuleNotFoundError as error:
        raise UsageError(
            f"asking a model on this machine needs the package {error.name}",
            fix="pip install 'mowa[train]', or give the url of an endpoint",
        ) from error
    engine = TorchEngine.load(artifact.path, device=config.device)
    gpus = []
    if engine.device.type == "cuda":
        gpus = [f"GPU-{torch.cuda.get_device_properties(engine.device).uuid}"]
    # Only what counters say is told of energy, so no nominal power is needed.
    meter = stack.enter_context(EnergyMeter(gpus=gpus, watts=0.0))
    return Teacher(
        engine,
        config,
        artifact.name,
        is_local=True,
        chats="chat" in engine.can,
        meter=meter,
    )
