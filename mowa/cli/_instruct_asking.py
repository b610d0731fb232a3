"""How `mowa instruct` asks models: options, and which key and prices belong to which model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer

from mowa.cli._instruct_sources import artifact_of, checked
from mowa.errors import UsageError
from mowa.workspace import Artifact

if TYPE_CHECKING:
    from mowa.instructions.making import Budget, JudgeConfig, ModelConfig

MODEL_HELP = "https://host/v1#name, recipe/step of a model, or a folder that holds one."

_CONCURRENCY = 8


Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Asking:
    """Options of how models are asked."""

    temperature: Annotated[float, typer.Option(min=0, help="0 takes the likeliest token.")] = 0.7
    tokens: Annotated[int, typer.Option(min=1, help="Most tokens of an answer.")] = 1024
    seed: Annotated[int, typer.Option(min=0, help="Which documents, and which draws.")] = 0
    key_from: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[HOST=]VARIABLE",
            help="Environment variable with the endpoint's key; of several hosts, say whose.",
        ),
    ] = None
    prices: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[MODEL=]IN,OUT",
            help="Of a million tokens of prompts and of answers: 0.2,0.6; of several, say whose.",
        ),
    ] = None
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, help="Requests to an endpoint at once.", show_default=str(_CONCURRENCY)
        ),
    ] = None


@dataclass(frozen=True)
class Spending:
    """Options of what one run may spend."""

    max_requests: Annotated[
        int | None, typer.Option(min=0, help="Stop after so many requests; the next run goes on.")
    ] = None
    max_tokens: Annotated[int | None, typer.Option(min=0, help="Stop after so many tokens.")] = None
    max_cost: Annotated[float | None, typer.Option(min=0, help="Stop when so much is spent.")] = (
        None
    )

    def budget(self) -> Budget:
        """The same for a step."""
        from mowa.instructions.making import Budget

        return Budget(
            max_requests=self.max_requests, max_tokens=self.max_tokens, max_cost=self.max_cost
        )


class Models:
    """The models of a command, as its steps are told of them.

    Args:
        workspace: Where those lie that have no address.
        asking: How they are asked.
        references: All of them, as a person wrote them.

    Attributes:
        artifacts: Those that lie on this disk and were configured so far, by name.

    Raises:
        UsageError: Where it is not said which endpoint a key or prices are for, and where options
            of endpoints are given and none is asked.
    """

    def __init__(self, workspace: Path, asking: Asking, references: Sequence[str]) -> None:
        self.artifacts: dict[str, Artifact] = {}
        self._workspace, self._asking = workspace, asking
        addresses = [each for each in map(_address, references) if each is not None]
        for option in ("key_from", "prices", "concurrency"):
            if not addresses and getattr(asking, option):
                raise _idle(option)
        hosts = {each.origin: (each.origin, each.host) for each in addresses}
        names = {each.whole: (each.whole, each.name) for each in addresses}
        self._keys = _of_each("key-from", "hosts", asking.key_from or (), hosts)
        self._prices = {
            place: numbers(text, "prices", float)
            for place, text in _of_each("prices", "models", asking.prices or (), names).items()
        }

    def model(self, reference: str, *, as_json: bool = False) -> ModelConfig:
        """One model that is asked for texts."""
        from mowa.instructions.making import ModelConfig

        values = self._values(reference, as_json=as_json, temperature=self._asking.temperature)
        found: ModelConfig = checked(ModelConfig, **values)
        return found

    def judges(
        self, references: Sequence[str], *, as_json: bool, temperature: float
    ) -> list[JudgeConfig]:
        """A judge each; one alone judges twice, the second time by other prompts."""
        from mowa.instructions.making import JudgeConfig, JudgeModelConfig

        refuse_idle_json(references, as_json=as_json)
        values = [
            self._values(reference, as_json=as_json, temperature=temperature)
            for reference in references
        ]
        judges = [JudgeConfig(model=checked(JudgeModelConfig, **each)) for each in values]
        if len(judges) == 1:
            other = {"prompt": "judge-language", "pair_prompt": "judge-pair-language"}
            judges.append(judges[0].model_copy(update=other))
        return judges

    def _values(self, reference: str, *, as_json: bool, temperature: float) -> dict[str, Any]:
        asking = self._asking
        how = {
            "temperature": temperature,
            "max_new_tokens": asking.tokens,
            "seed": asking.seed,
        }
        address = _address(reference)
        if address is None:
            artifact = artifact_of(reference, "model", self._workspace)
            known = self.artifacts.setdefault(artifact.name, artifact)
            if known.path != artifact.path:
                raise UsageError(
                    f"two models are called {artifact.name}, and rows could not tell them apart",
                    where=f"{known.path} and {artifact.path}",
                    fix="name one of the folders otherwise",
                )
            return {"name": artifact.name, **how}
        return {
            "name": address.name,
            "url": address.url,
            "key_from": self._keys.get(address.origin),
            "json_answers": as_json,
            "prices": self._prices.get(address.whole),
            "concurrency": asking.concurrency or _CONCURRENCY,
            **how,
        }


def refuse_idle_json(references: Sequence[str], *, as_json: bool) -> None:
    """Refuse `--json` where none of the models that are asked for a form is at an address."""
    if as_json and not any(map(_address, references)):
        raise _idle("json")


def numbers(text: str, name: str, kind: Callable[[str], Number]) -> list[Number]:
    """Two numbers with a comma between, of the kind that `kind` reads."""
    try:
        first, second = map(kind, text.split(","))
    except ValueError:
        raise UsageError(f"--{name} {text} is not two numbers with a comma between") from None
    return [first, second]


@dataclass(frozen=True)
class _Address:
    url: str
    name: str

    @property
    def whole(self) -> str:
        return f"{self.origin}{urlsplit(self.url).path}#{self.name}"

    @property
    def host(self) -> str:
        # A password before it is refused later on, and is not to be shown until then.
        return urlsplit(self.url).netloc.rpartition("@")[2].lower()

    @property
    def origin(self) -> str:
        return f"{urlsplit(self.url).scheme}://{self.host}"


def _address(reference: str) -> _Address | None:
    """The address and the name there of a model; None of one on this disk."""
    if not reference.startswith(("http://", "https://")):
        return None
    url, _, name = reference.partition("#")
    if not name:
        raise UsageError("this address names no model", fix="https://host/v1#name")
    return _Address(url, name)


def _of_each(
    option: str, kind: str, given: Sequence[str], places: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """What is given of each place: a value where there is one place, else PLACE=VALUE of each.

    Args:
        option: Its name.
        kind: What the places are.
        given: As a person wrote it.
        places: What each may be called.
    """
    found: dict[str, str] = {}
    shown = ", ".join(names[-1] for names in places.values())
    for text in given:
        name, is_named, value = text.rpartition("=")
        meant = [place for place, names in places.items() if not is_named or name in names]
        if len(meant) != 1:
            # What stands there may be a secret that was meant to be in a variable.
            said = (
                f"what stands before = in --{option} is" if is_named else f"one --{option} is for"
            )
            raise UsageError(
                f"{said} {len(meant) or 'none'} of the {kind} that are asked ({shown})",
                fix=f"--{option} {next(iter(places.values()))[0]}=…, again for each that needs one",
            )
        if meant[0] in found:
            raise UsageError(f"--{option} is given twice for {places[meant[0]][-1]}")
        found[meant[0]] = value
    return found


def _idle(option: str) -> UsageError:
    name = option.replace("_", "-")
    return UsageError(
        f"--{name} is of endpoints, and none is asked: a model on this machine has no use for it",
        fix=f"leave --{name} out, or ask a model at https://host/v1#name",
    )
