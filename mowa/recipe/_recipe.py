"""A recipe: named steps, what each does and what it reads; read from TOML or written in Python."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from mowa.errors import UsageError
from mowa.workspace import DEV, check_name, check_version, first_problem

_MAX_EXTENDS = 16
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*(@[A-Za-z0-9][A-Za-z0-9._+-]*)?")
_DEFAULTS = {"data": "../data", "sources": "../sources"}


class Step(BaseModel):
    """One step: what it does, what it reads, and its configuration as further keys.

    Example:
        >>> Step(does="tokenizer", reads=["corpus"], vocab_size=8192).config
        {'vocab_size': 8192}
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    does: str
    reads: list[str] = []
    version: str | None = None

    @field_validator("reads", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @property
    def config(self) -> dict[str, Any]:
        """The keys that belong to the step itself."""
        return dict(self.model_extra or {})


class Recipe(BaseModel):
    """How a language model is made, from texts to scores.

    `data` is the folder under which relative paths of inventories are found, `sources` the folder
    of the source register; both may be relative to the recipe's own folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    title: str = ""
    language: str = "pol"
    version: str = DEV
    data: str = _DEFAULTS["data"]
    sources: str = _DEFAULTS["sources"]
    steps: dict[str, Step] = Field(min_length=1)

    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _file: str = PrivateAttr(default="the recipe")

    @classmethod
    def load(cls, path: Path, settings: Sequence[str] = ()) -> Recipe:
        """Read a TOML recipe, the recipes that it extends, and ``a.b=c`` settings on top.

        Raises:
            UsageError: For anything that is wrong in it, with file and key.
        """
        values = apply_settings(_read(path), settings)
        return cls.from_values(values, folder=path.resolve().parent, file=str(path))

    @classmethod
    def from_values(
        cls, values: Mapping[str, Any], *, folder: Path | None = None, file: str = "the recipe"
    ) -> Recipe:
        """A recipe from plain values, such as a TOML file holds."""
        try:
            recipe = cls.model_validate(dict(values))
        except ValidationError as error:
            raise explain(error, cls, file) from error
        recipe.place(folder or Path.cwd(), file)
        recipe.check()
        return recipe

    def place(self, folder: Path, file: str) -> None:
        """Say where relative paths start, and what messages call the recipe."""
        self._folder = folder.resolve()
        self._file = file

    @property
    def file(self) -> str:
        """Where the recipe was read, for messages."""
        return self._file

    @property
    def data_folder(self) -> Path:
        """`data`, resolved."""
        return (self._folder / self.data).resolve()

    @property
    def sources_folder(self) -> Path:
        """`sources`, resolved."""
        return (self._folder / self.sources).resolve()

    def check(self) -> None:
        """Refuse names that cannot be folders, and steps that read what is not there."""
        check_name(self.name, "recipe")
        check_version(self.version)
        for name, step in self.steps.items():
            check_name(name, "step")
            check_version(step.version or self.version)
            for read in step.reads:
                self._check_read(name, read)
        self.order()

    def _check_read(self, name: str, read: str) -> None:
        """Another recipe's artifact is read by its full name; a step of this one is not."""
        if "/" not in read:
            return
        where = f"{self.file}: steps.{name}"
        if not _REFERENCE.fullmatch(read):
            raise UsageError(
                f"reads {read!r}, which is neither a step nor recipe/step@version", where=where
            )
        other, _, version = read.partition("@")
        recipe, _, step = other.partition("/")
        own = self.steps.get(step)
        if recipe == self.name and own and version in ("", own.version or self.version):
            raise UsageError(
                f"reads {read!r}, a step of this recipe, by its full name",
                where=where,
                fix=f"write {step!r}",
            )

    def order(self) -> list[str]:
        """Names of the steps, each after those that it reads; otherwise as written.

        Raises:
            UsageError: Where a step reads one that is not there, or steps form a circle.
        """
        done: list[str] = []
        trail: list[str] = []

        def visit(name: str) -> None:
            if name in done:
                return
            if name in trail:
                circle = " -> ".join([*trail[trail.index(name) :], name])
                raise UsageError(
                    f"these steps read each other in a circle: {circle}",
                    where=self.file,
                    fix="let one of them read an earlier step",
                )
            trail.append(name)
            for read in self.steps[name].reads:
                if "/" in read:
                    continue
                if read not in self.steps:
                    raise UsageError(
                        f"reads {read!r}, which is not a step of this recipe",
                        where=f"{self.file}: steps.{name}",
                        fix=_nearest(read, self.steps) or f"steps are: {', '.join(self.steps)}",
                    )
                visit(read)
            trail.pop()
            done.append(name)

        for name in self.steps:
            visit(name)
        return done

    def needed_for(self, step: str) -> set[str]:
        """`step` and all that it reads, directly or not.

        Raises:
            UsageError: Where there is no such step.
        """
        if step not in self.steps:
            raise UsageError(
                f"there is no step {step!r}",
                where=self.file,
                fix=_nearest(step, self.steps) or f"steps are: {', '.join(self.steps)}",
            )
        needed: set[str] = set()
        waiting = [step]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += [read for read in self.steps[name].reads if "/" not in read]
        return needed


def apply_settings(values: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """`values` with every ``a.b=c`` of `settings` put in; ``c`` is read as TOML, else as text.

    Example:
        >>> apply_settings({"steps": {}}, ["steps.base.steps=200", "data=/srv/texts"])
        {'steps': {'base': {'steps': 200}}, 'data': '/srv/texts'}
    """
    values = dict(values)
    steps = values.get("steps", {})
    for setting in settings:
        key, equals, text = setting.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise UsageError(
                f"--set {setting!r} is not of the form key=value",
                fix="for example --set steps.base.seed=2",
            )
        if parts[0] == "steps" and len(parts) > 1 and steps and parts[1] not in steps:
            raise UsageError(
                f"--set {key}: there is no step {parts[1]!r}",
                fix=_nearest(parts[1], steps) or f"steps are: {', '.join(steps)}",
            )
        table = values
        for part in parts[:-1]:
            inner = table.get(part, {})
            if not isinstance(inner, dict):
                raise UsageError(f"--set {key}: {part!r} is a value, not a table")
            table[part] = dict(inner)
            table = table[part]
        table[parts[-1]] = _toml_value(text)
    return values


def explain(error: ValidationError, model: type[BaseModel], where: str) -> UsageError:
    """The first problem of a pydantic `error`, as a person would put it, and how many more."""
    problems = error.errors(include_url=False)
    first = problems[0]
    key, wrong = first_problem(error)
    fix = None
    if first["type"] == "extra_forbidden":
        what = "unknown key"
        known = _keys_at(model, [str(part) for part in first["loc"][:-1]])
        fix = _nearest(str(first["loc"][-1]), known) or f"known keys: {', '.join(sorted(known))}"
    elif first["type"] == "missing":
        what = "this key is missing"
    else:
        got = first.get("input")
        shown = f", got {got!r}" if isinstance(got, str | int | float | bool | list) else ""
        what = wrong + shown
        if first["type"] == "string_type" and shown:
            fix = f"write it in quotes; on the command line --set \"{key}='{got}'\""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return UsageError(f"{what}{more}", where=f"{where}: {key}" if key else where, fix=fix)


def _read(path: Path, depth: int = 0) -> dict[str, Any]:
    if depth > _MAX_EXTENDS:
        raise UsageError("recipes extend each other in a circle", where=str(path))
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError("there is no such recipe", where=str(path)) from None
    except OSError as error:
        raise UsageError(f"the recipe cannot be read: {error.strerror}", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"this is not TOML: {error}", where=str(path)) from error
    base = values.pop("extends", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise UsageError("extends must be the path of a recipe", where=str(path))
    parent = path.resolve().parent / base
    merged = _read(parent, depth + 1)
    if "name" not in values:
        raise UsageError(
            "a recipe that extends another needs a name of its own",
            where=str(path),
            fix="add name = …: two recipes of one name would replace each other's artifacts",
        )
    for key, default in _DEFAULTS.items():
        place = merged.get(key, default)
        if isinstance(place, str):
            merged[key] = str(parent.parent / place)
    return _merge(merged, values)


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        merged[key] = (
            _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _nearest(word: str, known: Mapping[str, Any] | set[str]) -> str | None:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else None


def _keys_at(model: type[BaseModel], path: list[str]) -> set[str]:
    current: Any = model
    for part in path:
        field = current.model_fields.get(part) if _is_model(current) else None
        if field is None:
            break
        # Of `X | None` and `list[X]`, X.
        inner = [one for one in (field.annotation, *get_args(field.annotation)) if _is_model(one)]
        current = inner[0] if inner else None
        if current is None:
            return set()
    return set(current.model_fields) if _is_model(current) else set()


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)
