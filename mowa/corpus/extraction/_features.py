"""What the learned extractor sees of a block: numbers on it, its neighbours and what is around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mowa.corpus.extraction._blocks import Block, Blocks
from mowa.corpus.extraction._hints import BITS, GROUPS, MEANT

_ENDS = tuple('.!?…:;"”’»)。！？')
_STOPS = (".", "!", "?", "…")
_HEAD = 48  # characters of a block whose digits and capitals are counted
_LONG = 80  # characters of a paragraph that is more than a caption
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_OF_TAG = ("p", "heading", "li", "tr", "pre", "div", "other")
_OF_BLOCK = (
    *("length", "words", "word_length", "linked", "links", "commas", "stops", "ends", "digits"),
    *("upper", "starts_lower", "seen_before", "level", "number_of_tag"),
)
_OF_PLACE = ("place", "characters_before", "blocks", "page_length", "since_h1", "in_title", "depth")
_OF_ELEMENT = (
    *("element_length", "element_linked", "element_blocks", "element_paragraphs", "element_mean"),
    "element_share",
)
_UP = (0, 1, 2, 4)  # how many elements further up
_NEAR = (-3, -2, -1, 1, 2, 3)
_OF_NEAR = ("length", "linked", "p", "heading", "same_element", "ends")
# Words of the element itself that say something which those around it do not.
_OWN = ("content", "list", "meta", "profile", "related", "text")
_AROUND = (2, 6, 16)  # blocks on either side

FEATURES = (
    *_OF_BLOCK,
    *_OF_PLACE,
    *(f"is_{name}" for name in _OF_TAG),
    *(f"{name}_{up}" for up in _UP for name in _OF_ELEMENT),
    *(f"around_{name}" for name in GROUPS),
    *(f"in_{name}" for name in MEANT),
    *(f"own_{name}" for name in _OWN),
    *(f"{name}_at_{at:+}" for at in _NEAR for name in _OF_NEAR),
    *(f"{name}_within_{size}" for size in _AROUND for name in ("text", "linked", "stops")),
)

_Column = NDArray[np.float64]


def features(page: Blocks, title: str) -> NDArray[np.float64]:
    """Numbers on each block, blocks x `FEATURES`; all of them the same on every machine."""
    blocks = page.blocks
    own = _of_blocks(blocks)
    size, linked = own[:, 0], own[:, 3]
    elements = np.array([block.element for block in blocks], dtype=np.int64)
    kinds = _kinds(blocks)
    stops = own[:, 6]
    around = _bits(page.around, elements)
    columns = [
        _squeezed(own),
        _places(blocks, own, title, np.array(page.depths, dtype=np.float64)[elements]),
        kinds,
        _of_elements(page, elements, size, linked, kinds[:, 0]),
        around,
        _bits(page.own, elements)[:, [GROUPS.index(name) for name in _OWN]],
        _neighbours(size, linked, kinds, elements, own[:, 7]),
        _windows(size, linked, stops),
    ]
    return np.concatenate(columns, axis=1)


def _of_blocks(blocks: list[Block]) -> NDArray[np.float64]:
    seen: set[str] = set()
    rows = []
    for block in blocks:
        text = block.text
        rows.append(
            (
                len(text),
                text.count(" ") + 1,
                0,
                block.linked,
                block.links,
                text.count(", "),
                text.count(". ") + text.count("? ") + text.count("! "),
                text.endswith(_ENDS),
                0,
                0,
                text[:1].islower(),
                text in seen,
                block.level,
                int(block.tag[1]) if block.tag in _HEADINGS else 0,
            )
        )
        seen.add(text)
    found = np.array(rows, dtype=np.float64)
    found[:, 2] = found[:, 0] / found[:, 1]
    found[:, 6] += [block.text.endswith(_STOPS) for block in blocks]
    heads = "".join([block.text[:_HEAD].ljust(_HEAD) for block in blocks])
    signs = np.frombuffer(heads.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    signs = signs.reshape(len(blocks), _HEAD)
    size = np.minimum(found[:, 0], _HEAD)
    found[:, 8] = ((signs >= ord("0")) & (signs <= ord("9"))).sum(axis=1) / size
    found[:, 9] = ((signs >= ord("A")) & (signs <= ord("Z"))).sum(axis=1) / size
    return found


def _squeezed(own: NDArray[np.float64]) -> NDArray[np.float64]:
    squeezed = own.copy()
    # A share says more than the number; whole numbers, so that no logarithm is taken.
    squeezed[:, 3] = own[:, 3] / own[:, 0]
    return squeezed


def _kinds(blocks: list[Block]) -> NDArray[np.float64]:
    index = {"p": 0, "li": 2, "dd": 2, "dt": 2, "tr": 3, "td": 3, "th": 3, "pre": 4, "div": 5}
    index |= dict.fromkeys(_HEADINGS, 1)
    return np.eye(len(_OF_TAG))[[index.get(block.tag, 6) for block in blocks]]


def _places(
    blocks: list[Block], own: NDArray[np.float64], title: str, depths: _Column
) -> NDArray[np.float64]:
    count = len(blocks)
    order = np.arange(count, dtype=np.float64)
    before = np.cumsum(own[:, 0]) - own[:, 0]
    total = own[:, 0].sum()
    title = title.lower()
    h1 = np.full(count, -1.0)
    in_title = np.zeros(count)
    last = -1
    for at, block in enumerate(blocks):
        if block.tag in _HEADINGS and 5 <= len(block.text) <= 300 and block.text.lower() in title:
            in_title[at] = 1
            last = at
        elif block.tag == "h1" and last < 0:
            last = at
        h1[at] = at - last if last >= 0 else -1
    columns = [order / count, before / total, np.full(count, float(count)), np.full(count, total)]
    return np.stack([*columns, h1, in_title, depths], axis=1)


def _of_elements(
    page: Blocks, elements: NDArray[np.int64], size: _Column, linked: _Column, is_p: _Column
) -> NDArray[np.float64]:
    """What the elements around a block hold, and their share of the next one around them."""
    count = len(page.parents)
    sums = np.zeros((count + 1, 4))
    long = is_p * (size > _LONG)
    for column, weights in enumerate((size, linked, None, long)):
        np.cumsum(np.bincount(elements, weights, count), out=sums[1:, column])
    ends = np.array(page.ends, dtype=np.int64)
    held = sums[ends] - sums[:-1]
    up = np.array(page.parents, dtype=np.int64)
    filled = np.maximum(held[:, 0], 1.0)
    table = np.stack(
        [
            held[:, 0],
            held[:, 1] / filled,
            held[:, 2],
            held[:, 3],
            held[:, 0] / np.maximum(held[:, 2], 1.0),
            held[:, 0] / np.maximum(held[0, 0], 1.0),
        ],
        axis=1,
    )
    columns = []
    at_level = elements
    steps = 0
    for wanted in _UP:
        while steps < wanted:
            at_level = up[at_level]
            steps += 1
        columns.append(table[at_level])
    return np.concatenate(columns, axis=1)


def _bits(masks: list[int], elements: NDArray[np.int64]) -> NDArray[np.float64]:
    taken = np.array(masks, dtype=np.int64)[elements]
    return ((taken[:, None] >> np.arange(BITS)) & 1).astype(np.float64)


def _neighbours(
    size: _Column,
    linked: _Column,
    kinds: NDArray[np.float64],
    elements: NDArray[np.int64],
    ends: _Column,
) -> NDArray[np.float64]:
    count = len(size)
    share = linked / size
    pad = max(map(abs, _NEAR))
    mine = np.stack([size, share, kinds[:, 0], kinds[:, 1], elements.astype(float), ends], axis=1)
    padded = np.full((count + 2 * pad, mine.shape[1]), -1.0)
    padded[pad : pad + count] = mine
    columns = []
    for at in _NEAR:
        near = padded[pad + at : pad + at + count].copy()
        near[:, 4] = near[:, 4] == elements
        columns.append(near)
    return np.concatenate(columns, axis=1)


def _windows(size: _Column, linked: _Column, stops: _Column) -> NDArray[np.float64]:
    """Per block on either side: characters that are no links, the share of links, sentences."""
    count = len(size)
    sums = np.zeros((count + 1, 4))
    np.cumsum(np.stack([size - linked, linked, stops, size], axis=1), axis=0, out=sums[1:])
    order = np.arange(count)
    columns = []
    for reach in _AROUND:
        low, high = np.maximum(order - reach, 0), np.minimum(order + reach + 1, count)
        held = sums[high] - sums[low]
        width = high - low
        columns += [held[:, 0] / width, held[:, 1] / held[:, 3], held[:, 2] / width]
    return np.stack(columns, axis=1)
