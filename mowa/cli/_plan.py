"""`mowa plan`: what training would take, before anything is run."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mowa.cli._common import (
    DEFAULT_WORKSPACE,
    WorkspaceOption,
    add_row,
    console,
    grid,
    show_wide,
)
from mowa.errors import UsageError

if TYPE_CHECKING:
    from mowa.recipe import Recipe
    from mowa.training import PretrainConfig
    from mowa.training.planner import DecoderSizes, Machine, Probe, RunPlan
    from mowa.workspace import Artifact

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_COUNT = re.compile(r"\s*(\d[\d_,]*(?:\.\d+)?(?:e\d+)?)\s*([kmbgt]?)\s*", re.IGNORECASE)
_GIB = 2**30
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def plan(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    step: Annotated[
        str | None, typer.Option(help="Which pretrain step, where the recipe has several.")
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(help="What it would run on: 256xGH200, 8xH100, RTX4090; else this machine."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a key: steps.base.architecture.layers=32 …"),
    ] = None,
    *,
    tokens: Annotated[
        str | None,
        typer.Option(help="Training tokens of one epoch (60B), where they are not built yet."),
    ] = None,
    vocabulary: Annotated[
        int | None, typer.Option(min=2, help="Tokens of a tokenizer that is not known yet.")
    ] = None,
    run_probe: Annotated[
        bool,
        typer.Option("--probe", help="Train 20 updates here, on random tokens, and go by them."),
    ] = False,
    mfu: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=1.0,
            help="Share of the peak (MFU, PaLM's convention) taken without a probe.",
        ),
    ] = 0.4,
    sharding: Annotated[
        str | None,
        typer.Option(help="none, hybrid (HSDP) or full (FSDP); else the least that fits."),
    ] = None,
    checkpointing: Annotated[
        bool | None,
        typer.Option(
            "--checkpointing/--no-checkpointing",
            help="Make activations again in the backward pass; else only where nothing else fits.",
        ),
    ] = None,
    price: Annotated[
        float | None, typer.Option(min=0.0, help="What a GPU (this machine) costs for an hour.")
    ] = None,
    currency: Annotated[str, typer.Option(help="Of the price: EUR, PLN …")] = "EUR",
    pue: Annotated[
        float | None,
        typer.Option(
            min=1.0, help="Power of the whole centre by its computers': 1.54 with --gpus, else 1."
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the plan into this file too.")
    ] = None,
) -> None:
    """Say what a pretrain step of RECIPE would take; train nothing.

    Parameters, operations (FLOPs, beside the EU's 10^23), memory of each GPU with the sharding that
    it needs, hours, kilowatt-hours and money, and what share of their GPUs published runs used.

    Without a probe, hours rest on --mfu. With --probe they rest on updates that were timed on this
    machine, and so does memory.

      mowa plan recipes/quickstart.toml --probe

      mowa plan my.toml --gpus 256xGH200 --tokens 72.8B --mfu 0.46 --price 2.50
    """
    from mowa.recipe import Recipe
    from mowa.training.planner import AVERAGE_PUE, parse_gpus, plan_run, this_machine

    loaded = Recipe.load(recipe, settings or [])
    name, config = _pretrain_step(loaded, step)
    if sharding not in (None, "none", "hybrid", "full"):
        raise UsageError(f"--sharding {sharding!r}", fix="choose none, hybrid or full")
    size = vocabulary or _vocabulary(loaded, name, workspace)
    machine = parse_gpus(gpus) if gpus else this_machine(config, measure=True)
    probed = _probe(config, size, machine) if run_probe else None
    config, done = _going_on(loaded, name, workspace, config)
    made = plan_run(
        config,
        vocabulary=size,
        sizes=_read_sizes(loaded, name, workspace, size),
        done=done,
        epoch_tokens=parse_count(tokens) if tokens else _built_tokens(loaded, name, workspace),
        machine=machine,
        mfu=mfu,
        probed=probed,
        sharding=sharding,  # type: ignore[arg-type]  # checked above
        checkpointing=checkpointing,
        price=price,
        pue=pue or (AVERAGE_PUE if gpus else 1.0),
    )
    _show(f"{loaded.name}/{name}", made, currency)
    if json_file is not None:
        record = made.record() | {"step": f"{loaded.name}/{name}", "currency": currency}
        json_file.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        console.print(f"wrote {json_file}")


def parse_count(text: str) -> int:
    """A number as people write it: ``72.8B``, ``60_000_000``, ``3e11``.

    Example:
        >>> parse_count("72.8B")
        72800000000
    """
    found = _COUNT.fullmatch(text)
    if not found:
        raise UsageError(f"--tokens {text!r} is not a number", fix="write 60B, 350M or 1000000")
    digits = found[1].replace("_", "").replace(",", "")
    return round(float(digits) * _SUFFIXES[found[2].lower()])


def _pretrain_step(recipe: Recipe, wanted: str | None) -> tuple[str, PretrainConfig]:
    from mowa.recipe import step_config
    from mowa.training import PretrainConfig

    names = [name for name, step in recipe.steps.items() if step.does == "pretrain"]
    if not names:
        raise UsageError("the recipe has no step that does 'pretrain'", where=recipe.file)
    if wanted is None and len(names) > 1:
        raise UsageError(
            f"the recipe has {len(names)} pretrain steps",
            where=recipe.file,
            fix=f"name one with --step: {', '.join(names)}",
        )
    if wanted is not None and wanted not in names:
        raise UsageError(
            f"there is no pretrain step {wanted!r}",
            where=recipe.file,
            fix=f"choose one of: {', '.join(names)}",
        )
    name = wanted or names[0]
    config = step_config(recipe, name)
    assert isinstance(config, PretrainConfig)
    return name, config


def _vocabulary(recipe: Recipe, name: str, workspace: Path) -> int:
    from mowa.model import TokenizerFacts

    for read in recipe.steps[name].reads:
        own = recipe.steps.get(read)
        if own is not None and own.does == "tokenizer" and "vocab_size" in own.config:
            return int(own.config["vocab_size"])
        built = _artifact(recipe, read, workspace)
        if built is not None and built.kind in ("tokenizer", "model"):
            return TokenizerFacts.read(built.path).vocab_size
    raise UsageError(
        f"the tokenizer of step {name!r} is not known yet",
        where=recipe.file,
        fix="say how many tokens it will have: --vocabulary 32000",
    )


def _read_sizes(recipe: Recipe, name: str, workspace: Path, vocabulary: int) -> DecoderSizes | None:
    """Of the model that the step reads, if it reads one that is built."""
    from mowa.training._flops import DecoderSizes, with_defaults

    built = _read_model(recipe, name, workspace)
    if built is None:
        return None
    settings = json.loads((built.path / "config.json").read_text("utf-8"))
    return DecoderSizes.of_settings(with_defaults(settings), vocabulary)


def _going_on(
    recipe: Recipe, name: str, workspace: Path, config: PretrainConfig
) -> tuple[PretrainConfig, int]:
    """The step as the checkpoint that it goes on from has it, and the updates before it."""
    from mowa.training.planner import going_on

    built = _read_model(recipe, name, workspace)
    return (config, 0) if built is None else going_on(config, built.path)


def _read_model(recipe: Recipe, name: str, workspace: Path) -> Artifact | None:
    for read in recipe.steps[name].reads:
        built = _artifact(recipe, read, workspace)
        if built is not None and built.kind == "model":
            return built
    return None


def _built_tokens(recipe: Recipe, name: str, workspace: Path) -> int | None:
    """Training tokens of all that the step reads; None where none is built."""
    total = 0
    for read in recipe.steps[name].reads:
        built = _artifact(recipe, read, workspace)
        if built is not None and built.kind == "tokens":
            index = json.loads((built.path / "tokens.json").read_text("utf-8"))
            total += int(index["splits"]["train"]["tokens"])
    return total or None


def _artifact(recipe: Recipe, read: str, workspace: Path) -> Artifact | None:
    """What a step reads, as it stands in the workspace; None where it is not built."""
    from mowa.workspace import DEV, Workspace

    if not (workspace / ".mowa" / "workspace.json").exists():
        return None
    name, _, version = read.partition("@")
    if "/" not in name:
        version = recipe.steps[name].version or recipe.version
        name = f"{recipe.name}/{name}"
    return Workspace.open(workspace).find(name, version or DEV)


def _probe(config: PretrainConfig, vocabulary: int, machine: Machine) -> Probe:
    from mowa.training.planner import probe

    if not machine.here:
        from mowa.training.planner import this_machine

        here = this_machine(config, measure=False)
        if here.accelerator is None or here.accelerator is not machine.accelerator:
            raise UsageError(
                f"a probe measures this machine ({here.name}), and the plan is for {machine.name}",
                fix="leave out --probe and say a share of the peak with --mfu, or leave out --gpus",
            )
    console.print("probing: 20 updates on random tokens …")
    return probe(config, vocabulary)


def _show(name: str, made: RunPlan, currency: str) -> None:
    from mowa.training.planner import GENERAL_PURPOSE_FLOPS

    machine = made.machine
    times = f"{machine.count:,} x " if machine.count > 1 else ""
    console.print(f"[bold]{name}[/bold] on {times}{machine.name}", highlight=False)
    console.print()
    _show_model(made)
    _show_memory(made)

    table = grid("the run", "#", "")
    how = "by the probe" if made.probed else "assumed: --mfu, or measure with --probe"
    if made.mfu is None:
        add_row(table, "MFU", "–", "the peak of this device is not known")
    else:
        of = "of what matrix products reach here" if machine.accelerator is None else "of the peak"
        add_row(table, "MFU (PaLM)", f"{made.mfu:.1%}", f"{of}, {how}")
    add_row(table, "tokens/s", f"{made.tokens_per_second:,.0f}", "all devices together")
    add_row(table, "wall time", _duration(made.seconds), _hours_note(made))
    if made.kwh is None:
        add_row(table, "energy", "–", "the power of this device is not known")
    else:
        watts = machine.watts or 0.0
        note = f"estimated: {watts:,.0f} W a device ({machine.watts_are}) x PUE {made.pue:g}"
        add_row(table, "energy", f"{_short(made.kwh)} kWh", note)
    if made.cost is None:
        add_row(table, "cost", "–", "give --price, what a device costs for an hour")
    else:
        note = f"{made.price:,.2f} {currency} a device and hour"
        add_row(table, "cost", f"{made.cost:,.2f} {currency}", note)
    show_wide(table)
    console.print()
    if made.choice.fits is False:
        console.print(
            "[red]It does not fit[/red] into the memory of a device in any way that was tried;"
            " plan for more devices, or a smaller micro_batch_size or model.\n"
        )
    if made.flops_palm >= GENERAL_PURPOSE_FLOPS:
        console.print(
            "At this size the EU presumes a general-purpose model, whose makers have the duties of"
            " article 53 of the AI Act.\n"
        )
    _show_published()


def _show_model(made: RunPlan) -> None:
    from mowa.training.planner import GENERAL_PURPOSE_FLOPS

    sizes = made.sizes
    table = grid("the model", "#", "")
    outside = sizes.parameters - sizes.embedding * (1 if sizes.tied else 2)
    add_row(
        table, "parameters", f"{sizes.parameters:,}", f"{outside:,} without the embeddings' matrix"
    )
    add_row(table, "tokens", f"{made.tokens:,}", f"{made.tokens / sizes.parameters:,.1f} a weight")
    batch = made.tokens / made.updates
    add_row(table, "updates", f"{made.updates:,}", f"{batch:,.0f} tokens each")
    add_row(
        table, "FLOPs (PaLM)", _power(made.flops_palm), "the whole square of attention is counted"
    )
    add_row(table, "FLOPs (causal)", _power(made.flops_causal), "half of it")
    share = made.flops_palm / GENERAL_PURPOSE_FLOPS
    add_row(
        table,
        "of the EU's 10²³",
        f"{share:.2g}" if share < 0.001 else f"{share:.1%}",
        "from there on taken for general-purpose (C(2025) 5045); systemic risk from 10²⁵",
    )
    show_wide(table)
    console.print()


def _show_memory(made: RunPlan) -> None:
    choice, memory = made.choice, made.choice.memory
    shared = {
        "none": "a whole copy",
        "hybrid": f"shared by each {choice.shards} of them (HSDP)",
        "full": f"shared by all {choice.shards} (FSDP)",
    }[choice.sharding]
    again = "made again, layer by layer (checkpointing)" if choice.checkpointing else "all kept"
    table = grid("memory of each device", "GiB#", "")
    rows = [
        ("weights", memory.weights, f"float32, {shared}"),
        ("weights as multiplied", memory.casts, made.precision),
        ("gradients", memory.gradients, "float32"),
        ("moments", memory.moments, f"of {made.optimizer}"),
        (
            "activations",
            memory.activations,
            f"{choice.micro_rows} x {made.sequence_length:,} tokens at once, {again}",
        ),
        ("logits", memory.logits, "of one chunk of the loss"),
    ]
    for name, size, note in rows:
        add_row(table, name, _gib(size), note)
    add_row(table, "together", _gib(memory.total), _capacity(made))
    if made.probed and made.machine.count == 1:
        add_row(table, "by the probe", _gib(made.peak_bytes), "libraries included")
    show_wide(table)
    console.print()


def _capacity(made: RunPlan) -> str:
    if made.machine.bytes is None:
        return ""
    return f"by formula; the device has {_gib(made.machine.bytes)}"


def _hours_note(made: RunPlan) -> str:
    note = "held-out measurements and checkpoints not counted"
    if made.probed and made.machine.count > 1:
        note += ", nor the exchange between devices"
    return f"{_short(made.device_hours)} device hours; {note}"


def _show_published() -> None:
    from mowa.training.planner import PUBLISHED

    table = grid("published runs", "devices", "tokens/s each#", "MFU PaLM#", "causal#", "source")
    for run in PUBLISHED:
        palm, causal = run.utilisation()
        add_row(
            table,
            run.name,
            f"{run.devices} x {run.device}",
            f"{run.tokens_per_second:,.0f}",
            f"{palm:.0%}" if run.sizes else "–",
            f"{causal:.0%}" if run.sizes else f"{causal:.0%} (6·N)",
            run.source,
        )
    show_wide(table)


def _gib(size: float) -> str:
    return f"{size / _GIB:,.2f}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _power(value: float) -> str:
    exponent = math.floor(math.log10(value)) if value > 0 else 0
    return f"{value / 10**exponent:.2f} · 10{str(exponent).translate(_SUPERSCRIPTS)}"


def _duration(seconds: float) -> str:
    from mowa.cli._common import human_seconds

    days = seconds / 86_400
    return f"{days:,.1f} days" if days >= 3 else human_seconds(seconds)
