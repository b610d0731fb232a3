"""Topics of 8TAGS: the cost of the linear model chosen by folds, accuracy, and reliability.

    python benchmarks/topics.py FOLDER [--texts 3000 8000] [--json FILE]

FOLDER holds 8TAGS (`train.txt`, `test.txt`; a topic and a sentence a line). The cost C is chosen by
five folds over the training part alone; the test part is asked once for each size, with the cost
that the package has. The table of reliability says, for each tenth of the confidence, how sure the
classifier was of test sentences and how many it had right.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from record import versions, write_record
from threadpoolctl import threadpool_limits

from mowa.corpus.classifiers import Model, score
from mowa.corpus.classifiers import _learn as learn
from mowa.corpus.classifiers._evaluate import evaluate
from mowa.corpus.classifiers._features import term_counts
from mowa.corpus.classifiers._score import decisions

_COSTS = (0.1, 0.25, 0.5, 1.0)


def read(path: Path, most: int | None = None) -> tuple[list[str], np.ndarray]:
    """Sentences and their topics."""
    rows = [line.split(" ", 1) for line in path.read_text("utf-8").splitlines()[:most]]
    return [text for _, text in rows], np.array([int(topic) for topic, _ in rows])


def fitted(target: np.ndarray, rows: np.ndarray, counts: pl.DataFrame) -> Model:
    """A model of the texts at `rows`, not calibrated."""
    classes = tuple(str(one) for one in np.unique(target))
    lines = learn.draw_lines(counts, rows, target[rows])
    return Model("topic", classes, lines.features, "sigmoid", lines.arrays, {})


def cross_fitted(texts: list[str], target: np.ndarray) -> np.ndarray:
    """Decision values of every text by a model that did not see it."""
    counts = term_counts(pl.Series(texts))
    values = np.empty((len(texts), len(np.unique(target))))
    for rows, asked in learn.folds(target):
        model = fitted(target, rows, counts)
        values[asked] = decisions(model, pl.DataFrame({"text": [texts[at] for at in asked]}))
    return values


def chosen_cost(texts: list[str], target: np.ndarray) -> dict[float, float]:
    """Accuracy over the folds of the training part, by cost."""
    own = dict(learn.LINES)
    found = {}
    for cost in _COSTS:
        learn.LINES = {**own, "C": cost}
        found[cost] = float((cross_fitted(texts, target).argmax(axis=1) == target).mean())
    learn.LINES = own
    return found


def on_test(texts: list[str], target: np.ndarray, folder: Path) -> dict[str, Any]:
    """Figures on the test part of a model of these texts, as `train` makes it."""
    begin = time.process_time()
    method, arrays = learn.calibration(cross_fitted(texts, target), target, "topic")
    whole = fitted(target, np.arange(len(texts)), term_counts(pl.Series(texts)))
    model = Model("topic", whole.classes, whole.features, method, whole.arrays | arrays, {})
    seconds = time.process_time() - begin
    asked, topics = read(folder / "test.txt")
    said = score(model, pl.DataFrame({"text": asked}))
    chances = said.select(f"p_{name}" for name in model.classes).to_numpy()
    return {"train": len(texts), "seconds": seconds, **evaluate(chances, topics, model.classes)}


def main() -> None:
    """Choose, measure, print, and write JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=int, nargs="+", default=[3_000, 8_000])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    with threadpool_limits(limits=1):
        for size in options.texts:
            texts, target = read(options.folder / "train.txt", size)
            by_cost = chosen_cost(texts, target)
            told = ", ".join(f"C {cost:g} {share:.3f}" for cost, share in by_cost.items())
            print(f"{len(texts):,} sentences, accuracy over five folds of them: {told}")
            found = on_test(texts, target, options.folder)
            print(
                f"  with C {learn.LINES['C']:g} on the test part: accuracy {found['accuracy']:.3f},"
                f" ECE {found['ece']:.3f}, log loss {found['log_loss']:.3f},"
                f" {found['seconds']:.1f} CPU s"
            )
            print(f"  {'confidence':>12}{'right':>8}{'sentences':>11}")
            for line in found["calibration"]:
                print(f"  {line['confidence']:>12.3f}{line['accuracy']:>8.3f}{line['texts']:>11}")
            results.append({"folds": by_cost, **found})
    if options.json:
        write_record(options.json, versions(("mowa", "polars", "scikit-learn")), results)


if __name__ == "__main__":
    main()
