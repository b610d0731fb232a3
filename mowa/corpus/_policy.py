"""The rules in force: the language pack's, with what the recipe puts in their place."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mowa.corpus._config import Bounds, CorpusConfig
from mowa.corpus._language import identifiable
from mowa.corpus._table import CLASSIFIER, MODEL, SIGNALS, WORD_LISTS, Signal, full_name, numeric
from mowa.corpus.personal._kinds import whole_policy
from mowa.errors import UsageError
from mowa.languages import LanguagePack, Threshold


@dataclass(frozen=True)
class Limit:
    """A threshold in force: the least and the greatest value of a signal, and who set it."""

    signal: str
    minimum: float | None
    maximum: float | None
    origin: str


@dataclass(frozen=True)
class Policy:
    """All that decides, but for the documents and their signals."""

    language: str
    judges_language: bool
    minimum_language_confidence: float
    protected: tuple[str, ...]
    limits: tuple[Limit, ...]
    held_out: float
    seed: int
    hold_out: tuple[dict[str, Any], ...] = ()
    near_duplicates: bool = True
    priority: tuple[str, ...] = ()
    host_documents: int | None = None
    cut_lines: tuple[str, ...] = ()
    redaction: dict[str, str] = field(default_factory=dict)
    minimum_protected_confidence: float = 0.1
    personal_data_density: dict[str, Any] | None = None
    keep_classes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in `manifest.json`."""
        record = asdict(self)
        record["thresholds"] = {item.pop("signal"): item for item in record.pop("limits")}
        record["protected"] = list(self.protected)
        record["hold_out"] = list(self.hold_out)
        record["priority"] = list(self.priority)
        record["cut_lines"] = list(self.cut_lines)
        record["keep_classes"] = {name: list(kept) for name, kept in self.keep_classes.items()}
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Policy:
        """Read back what `to_json` wrote."""
        values = dict(record)
        limits = tuple(Limit(name, **item) for name, item in values.pop("thresholds").items())
        for name in ("protected", "hold_out", "priority", "cut_lines"):
            values[name] = tuple(values[name])
        kept = values.get("keep_classes", {})
        values["keep_classes"] = {name: tuple(names) for name, names in kept.items()}
        return cls(**{**values, "limits": limits})


def policy(
    config: CorpusConfig, pack: LanguagePack, measured: Sequence[Signal] | None = None
) -> Policy:
    """The language pack's rules with what the recipe puts in their place.

    Args:
        config: What the recipe says.
        pack: The language pack; its thresholds for what was not measured are left out.
        measured: The signals that there are; None for all of the table.

    Raises:
        UsageError: Where a threshold of the recipe names no signal, or one that is not measured.
    """
    signals = list(SIGNALS.values()) if measured is None else list(measured)
    known = {signal.name: signal for signal in [*SIGNALS.values(), *signals]}
    everything, present = numeric(known.values()), numeric(signals)
    given_by_pack = _of_pack(config, pack)
    for name in [*given_by_pack, *config.thresholds]:
        if name not in everything:
            raise _unknown(name, everything, present)
    origins: dict[str, tuple[Bounds, str]] = {
        name: (Bounds(minimum=given.minimum, maximum=given.maximum), given.origin)
        for name, given in given_by_pack.items()
        if name in present
    }
    # The order of keys in a recipe is no part of a fingerprint, so it may not matter here.
    for name in everything:
        if name not in config.thresholds:
            continue
        if name not in present:
            [owner] = [signal.name for signal in known.values() if name in signal.columns.names]
            raise UsageError(
                f"{name!r} was not measured",
                where=f"thresholds.{name}",
                fix=f"add {owner!r} to `measure` of the signals step",
            )
        origins[name] = (config.thresholds[name], "the recipe")
    limits = tuple(
        Limit(name, bounds.minimum, bounds.maximum, origin)
        for name, (bounds, origin) in origins.items()
        if bounds.minimum is not None or bounds.maximum is not None
    )
    return Policy(
        language=pack.code,
        judges_language=pack.code in identifiable(),
        minimum_language_confidence=config.minimum_language_confidence,
        protected=tuple(code for code in pack.protected if code != pack.code),
        limits=limits,
        held_out=config.held_out,
        seed=config.seed,
        hold_out=tuple(
            entry.model_dump(mode="json", exclude_none=True) for entry in config.hold_out
        ),
        near_duplicates=config.near_duplicates,
        priority=tuple(config.priority),
        host_documents=config.host_documents,
        cut_lines=tuple(sorted(config.cut_lines)),
        redaction=whole_policy(dict(config.personal_data)),
        minimum_protected_confidence=config.minimum_protected_confidence,
        personal_data_density=_density(config, pack, {signal.name for signal in signals}),
        keep_classes=_classes(config.keep_classes, signals),
    )


def _unknown(name: str, everything: Sequence[str], present: Sequence[str]) -> UsageError:
    near = difflib.get_close_matches(name, everything, n=1)
    if name.startswith((CLASSIFIER, MODEL, f"{WORD_LISTS}_")):
        given = [one for one in present if one.startswith((CLASSIFIER, MODEL, WORD_LISTS))]
        fix = f"measured are {', '.join(given)}" if given else "let the corpus step read it"
        if name.startswith(CLASSIFIER) and not given:
            fix = "let the corpus step read a signals step that reads the classifier"
    else:
        fix = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(present)}"
    return UsageError(f"no signal is called {name!r}", where=f"thresholds.{name}", fix=fix)


def _density(
    config: CorpusConfig, pack: LanguagePack, measured: Collection[str]
) -> dict[str, Any] | None:
    """What makes a text a dump of personal data: the recipe's word before the pack's."""
    own, given = config.personal_data_density, pack.personal_data_density
    if own is not None and own.findings is not None and own.density is not None:
        if "personal_data" not in measured:
            raise UsageError(
                "personal data were not measured",
                where="personal_data_density",
                fix="add 'personal_data' to `measure` of the signals step",
            )
        return {"findings": own.findings, "density": own.density, "origin": "the recipe"}
    if own is not None or given is None or "personal_data" not in measured:
        return None
    return given.model_dump()


def _classes(
    wanted: Mapping[str, Sequence[str]], signals: Sequence[Signal]
) -> dict[str, tuple[str, ...]]:
    """The classes that are kept, by the column that holds them.

    Raises:
        UsageError: Where no signal of that name gives classes, or it does not give that class.
    """
    givers = {signal.name: signal for signal in signals if signal.class_column}
    for name, kept in wanted.items():
        where = f"keep_classes.{name}"
        if name not in givers:
            raise UsageError(
                f"no signal that gives classes is called {name!r}",
                where=where,
                fix=f"there are: {', '.join(givers)}"
                if givers
                else "let the corpus step read a signals step that reads a classifier",
            )
        classes = givers[name].classes
        for one in kept:
            if one not in classes:
                near = difflib.get_close_matches(one, classes, n=1)
                few = ", ".join(classes[:20])
                fix = f"did you mean {near[0]!r}?" if near else f"it gives: {few}"
                raise UsageError(f"{name} gives no class {one!r}", where=where, fix=fix)
    return {
        str(signal.class_column): tuple(one for one in signal.classes if one in wanted[name])
        for name, signal in givers.items()
        if name in wanted
    }


def _of_pack(config: CorpusConfig, pack: LanguagePack) -> dict[str, Threshold]:
    """The pack's thresholds and the bounds of its filters, by column.

    Raises:
        UsageError: Where the recipe names a filter that the pack does not have.
    """
    names = list(pack.filters) if config.filters is None else config.filters
    for name in names:
        if name not in pack.filters:
            near = difflib.get_close_matches(name, pack.filters, n=1)
            raise UsageError(
                f"the language pack {pack.code} has no filter {name!r}",
                where="filters",
                fix=f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(pack.filters)}",
            )
    bounds: dict[str, Threshold] = dict(pack.thresholds)
    for name in pack.filters:
        for bound in pack.filters[name] if name in names else ():
            column = full_name(bound.signal.partition("@")[0], bound.column)
            assert column not in bounds, f"two bounds on {column}"
            bounds[column] = bound
    return bounds
