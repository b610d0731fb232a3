"""What a person writes of steps that ask models; light, so that a recipe is checked at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from mowa.workspace import StepConfig, canonical, runtime


class ModelConfig(StepConfig):
    """A model that is asked: at an address, or an artifact that the step reads."""

    name: str = Field(
        ...,
        min_length=1,
        description="its name at the address; without an address, of the model that the step reads",
    )
    url: str | None = runtime(
        None, "address of an endpoint that speaks as OpenAI's does, up to and with its /v1"
    )
    key_from: str | None = runtime(None, "environment variable with the endpoint's key")
    temperature: float = Field(0.7, ge=0, le=2, description="0 always takes the likeliest token")
    max_new_tokens: int = Field(1024, ge=1, le=100_000, description="most tokens of an answer")
    seed: int = Field(0, ge=0, description="of the draws; a second try has the next one")
    parameters: dict[str, Any] = Field(
        {}, description="more of the body of each request to an endpoint: top_p, stop …"
    )
    json_answers: bool = Field(
        False,  # noqa: FBT003 - pydantic takes the default by position
        description="the endpoint can be held to JSON: ask for it instead of labelled lines",
    )
    prices: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = runtime(
        None,
        "of a million tokens of prompts, and of a million of answers",
        min_length=2,
        max_length=2,
    )
    concurrency: int = runtime(8, "requests to the endpoint at once", ge=1, le=1024)
    retries: int = runtime(6, "further attempts where the endpoint fails", ge=0, le=100)
    timeout: float = runtime(300.0, "seconds without a byte before an attempt has failed", gt=0)
    device: Literal["auto", "cpu", "cuda"] = runtime(
        "auto", "where a model without an address computes; auto: a GPU if any"
    )

    @model_validator(mode="after")
    def _has_no_secrets(self) -> Self:
        if self.url is None:
            return self
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url is not the address of an endpoint: write it as https://host/v1")
        # What a recipe says is written into the artifact.
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "url may hold no user, password or query, which would be written down: name an"
                " environment variable with the key in key_from"
            )
        return self

    @model_validator(mode="after")
    def _keeps_what_is_ours(self) -> Self:
        ours = {"model", "messages", "prompt", "stream", "n", "seed", "temperature", "max_tokens"}
        taken = sorted(
            key for key, value in self.parameters.items() if key in ours and value is not None
        )
        if taken:
            raise ValueError(f"parameters may not set {taken[0]}: it has a key of its own, or none")
        try:
            canonical(self.parameters)
        except TypeError as error:
            raise ValueError(f"parameters: {error}") from error
        of_url = ("parameters", "json_answers", "key_from", "prices")
        if self.url is None and (idle := [name for name in of_url if getattr(self, name)]):
            raise ValueError(f"{idle[0]} is for a model at a url, and this one has none")
        return self


class JudgeModelConfig(ModelConfig):
    """A model that judges: the likeliest score, not one that is drawn."""

    temperature: float = Field(0.0, ge=0, le=2, description="0 always takes the likeliest token")


class Budget(StepConfig):
    """What one run may spend; what is left is asked by the next run."""

    max_requests: int | None = runtime(None, "most requests; no limit where not given", ge=0)
    max_tokens: int | None = runtime(
        None, "most tokens of prompts and answers together; no limit where not given", ge=0
    )
    max_cost: float | None = runtime(
        None,
        "most money, in the currency of the prices; no limit where not given",
        ge=0,
        allow_inf_nan=False,
    )


class _Asking(StepConfig):
    budget: Budget = runtime(Budget(), "what one run may spend")
    require_licence: bool = Field(
        False,  # noqa: FBT003 - pydantic takes the default by position
        description="reject documents and dialogues whose licence nobody stated",
    )

    def models_asked(self) -> Sequence[ModelConfig | None]:
        """Who is asked; None is the model that the step reads."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _costs_are_known(self) -> Self:
        if self.budget.max_cost is None:
            return self
        remote = [model for model in self.models_asked() if model and model.url]
        if not remote:
            raise ValueError(
                "max_cost: no endpoint is asked, and a model on this machine has no"
                " price; limit max_requests or max_tokens"
            )
        if not all(model.prices for model in remote):
            raise ValueError(
                "max_cost needs the prices of every endpoint that is asked; one that"
                " costs nothing has the prices 0 and 0"
            )
        return self

    def check_reads(self, kinds: Sequence[str]) -> None:
        """Refuse a model that nothing gives."""
        _refuse_missing(self.models_asked(), kinds)


class _AskingOne(_Asking):
    """What the steps have in common that ask one model for texts."""

    model: ModelConfig | None = Field(
        None, description="who is asked; the model that the step reads where it is not given"
    )
    language: str = Field(
        "pol", pattern=r"^[a-z]{3}$", description="what answers are to be in, ISO 639-3"
    )
    no_derivatives: Literal["reject", "take"] = Field(
        "reject",
        description="documents and dialogues whose licence forbids derivatives (NoDerivatives):"
        " make nothing of them, or do, where you have leave from elsewhere",
    )

    def models_asked(self) -> list[ModelConfig | None]:
        """The one model."""
        return [self.model]


class GenerateDialoguesConfig(_AskingOne):
    """Which documents become dialogues, and how."""

    prompts: list[str] = Field(
        ["questions", "reading", "summary", "topic", "conversation", "plain-language", "register"],
        min_length=1,
        description="names of prompts that come with Mowa, or TOML files; taken in turn",
    )
    passages: int = Field(1000, ge=1, description="how many passages of documents are asked about")
    characters: list[int] = Field(
        [400, 3000],
        min_length=2,
        max_length=2,
        description="least and most characters of a passage, which ends where paragraphs do",
    )
    tries: int = Field(
        1, ge=1, le=10, description="ask so often, where an answer does not have the form"
    )
    seed: int = Field(0, ge=0, description="which documents, and which passage of each")

    @model_validator(mode="after")
    def _has_a_window(self) -> Self:
        least, most = self.characters
        if not 1 <= least <= most:
            raise ValueError("characters is no window: write the least, then the most")
        return self


class TranslateDialoguesConfig(_AskingOne):
    """How dialogues are translated."""

    prompt: str = Field("translate", description="name of a prompt, or a TOML file")
    names: list[str] = Field([], description="words that stay as they are: products, people")
    ratio: list[float] = Field(
        [0.5, 2.0],
        min_length=2,
        max_length=2,
        description="least and most characters of a translation, of one character of the original",
    )
    tries: int = Field(
        2, ge=1, le=10, description="ask so often, where a translation does not pass"
    )
    limit: int | None = Field(None, ge=1, description="translate the first so many; all without it")

    @model_validator(mode="after")
    def _is_text(self) -> Self:
        if self.model is not None:
            _refuse_json([self.model])
        return self


class JudgeConfig(StepConfig):
    """A judge: a model and the prompts that it judges by."""

    model: JudgeModelConfig = Field(..., description="who judges")
    prompt: str = Field("judge", description="prompt for single answers: a name, or a TOML file")
    pair_prompt: str = Field("judge-pair", description="prompt for two answers")


class JudgeDialoguesConfig(_Asking):
    """How dialogues and preferences are judged, and what is kept."""

    judges: list[JudgeConfig] = Field(
        ..., min_length=1, max_length=8, description="who judges; two judges or more see more"
    )
    least: float = Field(
        6.0, ge=0, le=10, description="lowest mean score of an answer that is kept"
    )
    gap: float = Field(
        2.0,
        ge=0,
        le=10,
        description="a preference whose mean scores are less than this apart is dropped",
    )
    tries: int = Field(3, ge=1, le=10, description="ask a judge so often for a score")

    def models_asked(self) -> list[ModelConfig]:
        """The judges."""
        return [judge.model for judge in self.judges]

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        _refuse_twins(self.judges)
        return self


class PairDialoguesConfig(_Asking):
    """How answers of several models to the same prompts become preferences."""

    models: list[ModelConfig] = Field(
        ..., min_length=1, max_length=16, description="who answers; without judges, the best first"
    )
    language: str = Field(
        "pol", pattern=r"^[a-z]{3}$", description="what answers are to be in, ISO 639-3"
    )
    samples: int = Field(1, ge=1, le=16, description="answers of each model")
    with_given: bool = Field(
        False,  # noqa: FBT003 - pydantic takes the default by position
        description="the answer that a dialogue has stands among those of the models, as the first",
    )
    judges: list[JudgeConfig] = Field(
        [], max_length=8, description="who scores the answers; without one the order decides"
    )
    gap: float = Field(
        2.0, ge=0, le=10, description="mean scores that are less than this apart make no preference"
    )
    tries: int = Field(3, ge=1, le=10, description="ask a judge so often for a score")
    limit: int | None = Field(None, ge=1, description="take the first so many; all without it")

    def models_asked(self) -> list[ModelConfig]:
        """Who answers, then the judges."""
        return [*self.models, *(judge.model for judge in self.judges)]

    @model_validator(mode="after")
    def _can_differ(self) -> Self:
        _refuse_twins(self.judges)
        _refuse_json(self.models)
        answers = len(self.models) * self.samples + self.with_given
        if answers < 2:
            raise ValueError("one answer makes no preference: name another model, or more samples")
        if not self.judges and self.samples > 1:
            raise ValueError("several samples of one model need judges to tell the better one")
        if self.samples > 1 and not all(model.temperature for model in self.models):
            raise ValueError("several samples at temperature 0 are the same answer")
        return self


def _refuse_missing(models: Sequence[ModelConfig | None], kinds: Sequence[str]) -> None:
    without = [model for model in models if model is None or model.url is None]
    if not without or "model" in kinds:
        return
    named = without[0]
    raise ValueError(
        f"the model {named.name!r} has no url, and the step reads no model"
        if named
        else "there is no model: write a table `model` with url and name, or read one"
    )


def _refuse_json(models: Sequence[ModelConfig]) -> None:
    if any(model.json_answers for model in models):
        raise ValueError("json_answers: what is asked for here is a text, not JSON")


def _refuse_twins(judges: list[JudgeConfig]) -> None:
    """A judge that is asked twice the same is one judge."""
    seen = [judge.model_dump(mode="json") for judge in judges]
    if any(one in seen[:place] for place, one in enumerate(seen)):
        raise ValueError("two judges are the same: give the second another model or other prompts")
