"""`mowa corpus label` and `mowa corpus train-classifier`: people teach a classifier."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mowa.cli._common import DEFAULT_WORKSPACE, WorkspaceOption, add_row, console, grid, show_wide
from mowa.errors import UsageError
from mowa.workspace import Workspace


class _Kind(StrEnum):
    QUALITY = "quality"
    TOPIC = "topic"


class _Language(StrEnum):
    ENGLISH = "en"
    POLISH = "pl"


_CorpusArgument = Annotated[
    str, typer.Argument(help="The corpus: recipe/step, recipe/step@version, or its folder.")
]
_ClassesOption = Annotated[
    str | None, typer.Option(help="The classes in their order, between commas.")
]
_ClassesFileOption = Annotated[
    Path | None, typer.Option(help="A file that names a class on each line.")
]


def label(
    corpus: _CorpusArgument,
    *,
    labels: Annotated[Path, typer.Option(help="The file of labels; lines are added.")],
    annotator: Annotated[str, typer.Option(help="Who labels.")],
    classes: _ClassesOption = None,
    classes_file: _ClassesFileOption = None,
    sample: Annotated[int, typer.Option(min=1, help="How many documents.")] = 200,
    seed: Annotated[int, typer.Option(help="Which documents.")] = 0,
    by: Annotated[
        str, typer.Option(help="What the sample is stratified by: columns, or length.")
    ] = "source,decision,length",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 0,
    lang: Annotated[_Language, typer.Option(help="Language of the page.")] = _Language.ENGLISH,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Show a sample of documents on a local page, to give each a class."""
    try:
        from mowa.corpus.labels._server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("mowa"):
            raise
        raise UsageError(
            f"the labelling page needs the package {error.name}", fix="pip install 'mowa[label]'"
        ) from error
    from mowa.corpus.labels import QUALITY, Session

    folder, name = _found(corpus, workspace)
    session = Session(
        folder,
        labels,
        annotator=annotator,
        classes=_classes(classes, classes_file) or QUALITY,
        name=name,
        size=sample,
        seed=seed,
        by=[column.strip() for column in by.split(",") if column.strip()],
    )
    shown = "" if lang is _Language.ENGLISH else f"?lang={lang.value}"

    def ready(address: str) -> None:
        state = session.state()
        console.print(f"{state['done']:,} of {state['total']:,} documents have a label")
        console.print(f"{address}{shown}", markup=False, highlight=False)
        console.print("Ctrl-C ends it; every answer is in the file at once")

    try:
        serve(session, port, ready)
    except KeyboardInterrupt:
        pass
    finally:
        session.close()


def train_classifier(
    corpus: _CorpusArgument,
    *,
    labels: Annotated[list[Path], typer.Option(help="A file of labels; may be repeated.")],
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    kind: Annotated[
        _Kind, typer.Option(help="quality: from signals; topic: from words.")
    ] = _Kind.QUALITY,
    classes: _ClassesOption = None,
    classes_file: _ClassesFileOption = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """Train a classifier of quality or topic on labelled documents, and report how good it is."""
    from mowa.corpus.classifiers import train

    folder, name = _found(corpus, workspace)
    metrics = train(
        folder,
        labels,
        out,
        kind="quality" if kind is _Kind.QUALITY else "topic",
        classes=_classes(classes, classes_file),
        name=name,
    )
    console.print(
        f"{metrics['texts']:,} texts, accuracy {metrics['accuracy']:.1%}"
        f" (always the largest class: {metrics['largest_class']:.1%}),"
        f" macro-F1 {metrics['macro_f1']:.3f}, calibration error {metrics['ece']:.3f}",
        highlight=False,
    )
    table = grid("class", "precision#", "recall#", "F1#", "texts#")
    for row, own in metrics["classes"].items():
        figures = (f"{own[key]:.3f}" for key in ("precision", "recall", "f1"))
        add_row(table, row, *figures, f"{own['texts']:,}")
    show_wide(table)
    console.print(str(out / "report.html"), markup=False, highlight=False)


def _found(corpus: str, workspace: Path) -> tuple[Path, str]:
    """The folder of the corpus, and what it is called."""
    if (Path(corpus) / "manifest.json").is_file():
        return Path(corpus), Path(corpus).resolve().name
    found = Workspace.open(workspace).get(corpus)
    if found.kind != "corpus":
        raise UsageError(f"{found.id} is no corpus but {found.kind}", where=str(workspace))
    return found.path, found.id


def _classes(named: str | None, file: Path | None) -> tuple[str, ...]:
    from mowa.corpus.labels import check_classes, read_classes

    if named is not None and file is not None:
        raise UsageError("give --classes or --classes-file, not both")
    if file is not None:
        return read_classes(file)
    return check_classes([name.strip() for name in named.split(",")], "--classes") if named else ()
