# ruff: noqa: INP001  # scripts are no package
"""Trains the model of the learned extractor, and says how well it does on sites it has not seen.

    python scripts/train_extraction_model.py UNPACKED [--sites 1500] [--folds]

UNPACKED holds a folder a Debian package, each unpacked by `dpkg -x` (`docs/extraction.md` lists
them): trafilatura tells the main text of their pages. The rest of the lesson are the invented pages
of `extraction_pages.py`, whose main text is known.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import trafilatura
from resiliparse.parse.html import HTMLTree
from sklearn.ensemble import HistGradientBoostingClassifier

from mowa.collect import decode
from mowa.corpus._trees import from_sklearn, save
from mowa.corpus.extraction import _learned
from mowa.corpus.extraction._blocks import blocks_of
from mowa.corpus.extraction._features import FEATURES, features

sys.path.insert(0, str(Path(__file__).parent))
from extraction_pages import EITHER, MAIN, pages

_PER_PACKAGE = 15
_LARGEST = 150_000  # bytes of a page; longer ones are indices
_FOLDS = 5
_DEEPEST = 100
_TELLING = 25  # letters; what is shorter may stand in the main text by chance
# Site or package, rows, labels and weights of one page.
Lesson = tuple[str, Any, list[bool], list[float]]

_PLAIN = re.compile(r"[\W_]+")


def invented(sites: int, each: int = 2) -> list[Lesson]:
    """Site, rows, labels and weights of each invented page."""
    made = []
    for number, html, title in pages(sites, each):
        page = blocks_of(HTMLTree.parse(html))
        labels, weights = [], []
        for block in page.blocks:
            labels.append(MAIN in block.text)
            weights.append(0.0 if EITHER in block.text else weight(block.text))
            block.text = block.text.replace(MAIN, "").replace(EITHER, "")
            block.linked = min(block.linked, len(block.text))
        if all(block.text for block in page.blocks):
            made.append((f"site {number}", features(page, title), labels, weights))
    return made


def taught_pages(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Package, page and main text of each page of which trafilatura tells one."""
    for package in sorted(folder.iterdir()):
        paths = [
            path
            for path in package.rglob("*.htm*")
            if path.is_file() and 1_000 < path.stat().st_size < _LARGEST
        ]
        paths.sort(key=lambda path: _mixed(path.relative_to(folder).as_posix()))
        for path in paths[:_PER_PACKAGE]:
            source = decode(path.read_bytes(), charset=None, markup=True).text
            taught = trafilatura.extract(
                source, fast=True, include_comments=False, deduplicate=False
            )
            if taught:
                yield package.name, source, taught


def of_packages(taught: Iterable[tuple[str, str, str]]) -> list[Lesson]:
    """The same of the packages' pages; a block is main text where its letters are in the text."""
    made = []
    for package, source, text in taught:
        tree = HTMLTree.parse(source)
        title = tree.title or ""
        page = blocks_of(tree)
        if not page.blocks or max(page.depths) > _DEEPEST:
            continue
        lines = {_PLAIN.sub("", line.lower()) for line in text.split("\n")}
        whole = _PLAIN.sub("", text.lower())
        labels = []
        for block in page.blocks:
            plain = _PLAIN.sub("", block.text.lower())
            labels.append(plain in whole if len(plain) > _TELLING else plain in lines)
        weights = [weight(block.text) for block in page.blocks]
        made.append((package, features(page, title), labels, weights))
    return made


def _mixed(name: str) -> int:
    """A number for a name, the same everywhere, so that pages and folds are drawn evenly."""
    return int(hashlib.blake2b(name.encode(), digest_size=8).hexdigest(), 16)


def weight(text: str) -> float:
    """How much a block counts: more with its length, but not in proportion to it."""
    return float(min(len(text), 1_000) ** 0.5)


def fitted(items: list[Lesson], seed: int = 1) -> Any:
    """A model; each page and each kind of page counts the same."""
    share = {"site": 0, "package": 0}
    for name, *_ in items:
        share["site" if name.startswith("site ") else "package"] += 1
    weights = []
    for name, _, _, page_weights in items:
        kind = "site" if name.startswith("site ") else "package"
        part = 0.7 if kind == "site" else 0.3
        total = max(1.0, sum(page_weights))
        weights.append(np.array(page_weights) / total**0.5 * part / share[kind])
    rows = np.concatenate([item[1] for item in items])
    labels = np.concatenate([np.array(item[2], dtype=int) for item in items])
    flat = np.concatenate(weights)
    flat *= len(flat) / flat.sum()
    model = HistGradientBoostingClassifier(
        max_iter=120, max_leaf_nodes=16, max_depth=5, learning_rate=0.1, l2_regularization=5.0,
        min_samples_leaf=60, max_features=0.3, random_state=seed,
    )  # fmt: skip
    return model.fit(rows, labels, sample_weight=flat)


def by_folds(items: list[Lesson]) -> None:
    """Precision and recall, weighted as in training, on sites and packages that were left out."""
    counts = {"site": np.zeros(3), "package": np.zeros(3)}
    fold_of = {name: _mixed(name) % _FOLDS for name, *_ in items}
    for fold in range(_FOLDS):
        model = fitted([item for item in items if fold_of[item[0]] != fold])
        for name, rows, labels, weights in items:
            if fold_of[name] == fold:
                says = model.predict_proba(rows)[:, 1] > _learned.THRESHOLD
                true = np.array(labels)
                got = [np.dot(weights, says & true), np.dot(weights, says), np.dot(weights, true)]
                counts[name.partition(" ")[0] if name.startswith("site ") else "package"] += got
    for kind, (both, says, true) in counts.items():
        f1 = 2 * both / (says + true)
        print(f"{kind}: precision {both / says:.3f} recall {both / true:.3f} F1 {f1:.3f}")


def main() -> None:
    """Teach, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("unpacked", type=Path)
    parser.add_argument("--sites", type=int, default=1_500)
    parser.add_argument("--folds", action="store_true", help="measure on what is left out first")
    parser.add_argument("--out", type=Path, default=Path(_learned.__file__).with_name("_model.npz"))
    arguments = parser.parse_args()
    items = of_packages(taught_pages(arguments.unpacked)) + invented(arguments.sites)
    print(f"{len(items):,} pages, {sum(len(item[2]) for item in items):,} blocks")
    if arguments.folds:
        by_folds(items)
    save(from_sklearn(fitted(items), FEATURES, ("furniture", "main")), arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
