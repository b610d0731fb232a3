"""The page that shows how good a classifier is, what it leans on, and where it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mowa.corpus.classifiers._evaluate import confusions, worst
from mowa.corpus.classifiers._features import Floats
from mowa.report import Bars, Block, Figures, Lines, Page, Preformatted, Section, Table, Text

_MATRIX = 12  # classes whose confusion still fits a table
_PAIRS = 30
_ERRORS = 12
_ERROR_CHARACTERS = 300


def classifier_report(
    metrics: Mapping[str, Any], frame: pl.DataFrame, chances: Floats, corpus: str, path: Path
) -> None:
    """Write the page.

    Args:
        metrics: What `train` returns.
        frame: The labelled texts, and
        chances: the cross-fitted probabilities of each.
        corpus: How the corpus is called.
        path: The file to write.
    """
    classes = list(metrics["classes"])
    sections = [
        _at_a_glance(metrics),
        Section("Classes", [_by_class(metrics)]),
        _confusion(metrics["confusion"], classes),
        _calibration(metrics),
        _features(metrics),
        _agreement(metrics["agreement"]),
        _errors(frame, chances, classes),
    ]
    title = "Classifier of " + ("quality" if metrics["kind"] == "quality" else "topics")
    Page(title, f"trained on labels of {corpus}", sections).write(path)


def _at_a_glance(metrics: Mapping[str, Any]) -> Section:
    figures = [
        ("texts with a label", f"{metrics['texts']:,}"),
        ("classes", f"{len(metrics['classes']):,}"),
        ("accuracy", f"{metrics['accuracy']:.1%}"),
        ("always the largest class", f"{metrics['largest_class']:.1%}"),
        ("macro-F1", f"{metrics['macro_f1']:.3f}"),
        ("calibration error", f"{metrics['ece']:.3f}"),
    ]
    note = (
        "Every text was judged by a model that had not seen it or a copy of it: five folds over"
        f" texts. {metrics['disputed']:,} texts on which people disagree evenly are left out."
    )
    return Section("At a glance", [Figures(figures)], note)


def _by_class(metrics: Mapping[str, Any]) -> Table:
    rows = [
        [name, own["precision"], own["recall"], own["f1"], own["texts"]]
        for name, own in metrics["classes"].items()
    ]
    return Table(["class", "precision", "recall", "F1", "texts"], rows)


def _confusion(confusion: list[list[int]], classes: list[str]) -> Section:
    if len(classes) <= _MATRIX:
        rows = [[name, *line] for name, line in zip(classes, confusion, strict=True)]
        table = Table(["people said", *classes], rows)
        return Section("Confusion", [table], "A row for what people said, a column for the answer.")
    pairs = confusions(confusion, classes)[:_PAIRS]
    table = Table(["people said", "the classifier said", "texts"], pairs)
    return Section("Confusion", [table], "The pairs that are confused most often.")


def _calibration(metrics: Mapping[str, Any]) -> Section:
    curve = metrics["calibration"]
    points = [(own["confidence"], own["accuracy"]) for own in curve]
    chart = Lines(
        "How often it is right, by how sure it is",
        {"this classifier": points, "perfect": [(0.0, 0.0), (1.0, 1.0)]},
        "confidence",
        "share that is right",
    )
    table = Table(
        ["confidence", "share that is right", "texts"],
        [[own["confidence"], own["accuracy"], own["texts"]] for own in curve],
    )
    note = (
        f"{'Isotonic regression' if metrics['method'] == 'isotonic' else 'Sigmoid'} by class."
        " Above the line it is too modest, below it too sure."
    )
    return Section("Calibration", [chart, table], note)


def _features(metrics: Mapping[str, Any]) -> Section:
    top = metrics["top_features"]
    if metrics["kind"] == "quality":
        falls = [(name, 100 * value) for name, value in top["all"]]
        note = "How much accuracy falls when the values of one signal are shuffled."
        return Section("Top features", [Bars("Fall of accuracy", falls, "points")], note)
    rows = [[name, ", ".join(term for term, _ in terms)] for name, terms in top.items()]
    note = "The words that speak most for a class; … stands for any ending."
    return Section("Top features", [Table(["class", "words"], rows)], note)


def _agreement(found: Mapping[str, Any]) -> Section:
    def shown(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    figures = [
        ("texts of two or more people", f"{found['shared']:,}"),
        ("alpha, nominal", shown(found["alpha_nominal"])),
        ("alpha, ordinal", shown(found["alpha_ordinal"])),
    ]
    people = Table(["annotator", "texts"], [[who, n] for who, n in found["annotators"].items()])
    rows = [
        [name, own["labels"], own["agree"], own["disagree"]]
        for name, own in found["classes"].items()
    ]
    table = Table(["class", "labels", "pairs that agree", "pairs that do not"], rows)
    note = (
        "Krippendorff's alpha: 1 is full agreement, 0 is chance; 0.8 is usually asked for, and"
        " below 0.667 no conclusions are drawn (Krippendorff 2004)."
    )
    return Section("Agreement of annotators", [Figures(figures), people, table], note)


def _errors(frame: pl.DataFrame, chances: Floats, classes: list[str]) -> Section:
    blocks: list[Block] = []
    for index in worst(chances, frame["class"].to_numpy(), _ERRORS):
        row = frame.row(index, named=True)
        answer = int(chances[index].argmax())
        said = f"people: {classes[row['class']]}, classifier: {classes[answer]}"
        name = row["title"] or row["doc_id"]
        blocks.append(Text(f"{name}: {said} ({chances[index, answer]:.0%} sure)"))
        blocks.append(Preformatted(row["text"][:_ERROR_CHARACTERS]))
    if not blocks:
        blocks.append(Text("There are none."))
    return Section("The worst errors", blocks, "Wrong answers of which it was surest.")
