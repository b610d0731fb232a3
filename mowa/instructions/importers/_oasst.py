"""OpenAssistant's trees, nested or as flat messages: conversations, and preferences by rank.

Of the answers to one message the best-ranked goes on; the user's follow-ups are all followed, each
to its end. Where two answers to one message are ranked, the best is preferred to each of the
others. Messages that were deleted, or that reviewers turned down, end the path before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mowa.corpus._language_codes import iso_639_3
from mowa.inference import Message
from mowa.instructions._dialogue import Dialogue
from mowa.instructions.importers._common import BadRowError, Fields, details_of, licence_of, turn

_NONE: tuple[str | None, bool] = (None, False)
_MOST_TURNS = 1_000  # of one path; a path is held once for each of its turns
_MOST_CHARACTERS = 1 << 29  # of flat messages that wait for their trees


def is_tree(row: Fields) -> bool:
    """Is there a prompt with replies?"""
    prompt = row.get("prompt")
    return isinstance(prompt, Mapping) and "replies" in prompt


def from_tree(row: Fields, base: Dialogue) -> list[Dialogue]:
    """The conversations of one tree, then its preferences.

    Raises:
        BadRowError: Where a message is none, or a path has more than a thousand turns.
    """
    root = row["prompt"]
    if not isinstance(root, Mapping):
        raise BadRowError("the prompt is no message")
    tree = details_of({"message_tree_id": row.get("message_tree_id", "")}, ())
    licence, is_stated = next((found for found in map(licence_of, (row, root)) if found[1]), _NONE)
    base = replace(
        base,
        language=_language(root) or base.language,
        licence=licence if is_stated else base.licence,
        details=tree or base.details,
    )
    talks: list[Dialogue] = []
    pairs: list[Dialogue] = []
    waiting = [_Path((), None).and_then(root)] if _is_good(root) else []
    while waiting:
        path = waiting.pop()
        if path.is_answer:
            follow = [reply for reply in _replies(path.last) if _replies(reply)]
            waiting += [path.and_then(reply) for reply in reversed(follow)]
            if not follow:
                talks.append(_talk(path, base))
            continue
        answers = sorted(_replies(path.last), key=_rank)
        pairs += [
            _pair(path, answers[0], worse, base)
            for worse in answers[1:]
            if _rank(answers[0]) < _rank(worse) < _UNRANKED
        ]
        waiting += [path.and_then(answer) for answer in answers[:1]]
    return talks + pairs


def is_message(row: Fields) -> bool:
    """Is it one message of a tree?"""
    return all(name in row for name in ("message_id", "parent_id", "text", "role"))


@dataclass(frozen=True)
class Trees:
    """What flat messages make.

    Attributes:
        trees: Number of the root's row, and the row of the tree.
        joined: How many messages stand in a tree beside its root.
        lost: Number of a row that is in no tree, why, and the row.
    """

    trees: list[tuple[int, dict[str, Any]]]
    joined: int
    lost: list[tuple[int, str, Any]]


def gathered(rows: Iterable[tuple[int, Any]]) -> Trees:
    """Put flat messages together, in whatever order they come.

    Raises:
        BadRowError: Where they are too many to be held.
    """
    nodes: dict[str, tuple[int, dict[str, Any]]] = {}
    lost: list[tuple[int, str, Any]] = []
    size = 0
    for number, row in rows:
        key = row.get("message_id") if isinstance(row, Mapping) else None
        if not isinstance(key, str) or not key:
            lost.append((number, "no message", row))
        elif key in nodes:
            lost.append((number, "message id stands twice", row))
        else:
            nodes[key] = (number, {**row, "replies": []})
            size += len(str(row.get("text"))) + 1_000
        if size > _MOST_CHARACTERS:
            raise BadRowError("more messages than can be put together")
    roots = []
    for number, node in nodes.values():
        parent = node.get("parent_id")
        if parent is None:
            roots.append((number, node))
        elif isinstance(parent, str) and parent in nodes:
            nodes[parent][1]["replies"].append(node)
    reached = {node["message_id"] for _, root in roots for node in _below(root)}
    lost += [
        (number, "its parent is not in the file", {**node, "replies": None})
        for key, (number, node) in nodes.items()
        if key not in reached
    ]
    trees = [(number, {**_about(node), "prompt": node}) for number, node in roots]
    return Trees(trees, len(reached) - len(roots), sorted(lost, key=lambda one: one[0]))


_UNRANKED = 1 << 30


@dataclass(frozen=True)
class _Path:
    """Messages from the root down to one of them."""

    turns: tuple[Message, ...]
    last: Any
    synthetic: bool = False
    model: str | None = None

    @property
    def is_answer(self) -> bool:
        return bool(self.turns) and self.turns[-1].role == "assistant"

    def and_then(self, node: Mapping[str, Any]) -> _Path:
        if len(self.turns) >= _MOST_TURNS:
            raise BadRowError("too many turns")
        model = node.get("model_name")
        made = turn(node.get("role"), node.get("text"))
        synthetic = node.get("synthetic") is True and made.role == "assistant"
        return _Path(
            (*self.turns, made),
            node,
            self.synthetic or synthetic,
            model if synthetic and isinstance(model, str) else self.model,
        )


def _talk(path: _Path, base: Dialogue) -> Dialogue:
    return replace(_stated(path, base), id=_id(path.last) or base.id, messages=path.turns)


def _pair(path: _Path, better: Any, worse: Any, base: Dialogue) -> Dialogue:
    good, bad = path.and_then(better), path.and_then(worse)
    made = _stated(good, base)
    ids = [_id(better), _id(worse)]
    return replace(
        made,
        id=">".join(ids) if all(ids) else base.id,
        messages=path.turns,
        origin="generated" if good.synthetic or bad.synthetic else made.origin,
        chosen=good.turns[-1].content,
        rejected=bad.turns[-1].content,
    )


def _stated(path: _Path, base: Dialogue) -> Dialogue:
    return replace(
        base,
        origin="generated" if path.synthetic else base.origin,
        model=path.model or base.model,
        review="accepted" if path.last.get("review_result") is True else base.review,
    )


def _replies(node: Any) -> list[Any]:
    replies = node.get("replies")
    return [one for one in replies if _is_good(one)] if isinstance(replies, list | tuple) else []


def _is_good(node: Any) -> bool:
    return (
        isinstance(node, Mapping)
        and node.get("deleted") is not True
        and node.get("review_result") is not False
    )


def _rank(node: Any) -> int:
    rank = node.get("rank")
    if isinstance(rank, float) and rank.is_integer():
        rank = int(rank)  # tables hold a column with gaps as floats
    return rank if isinstance(rank, int) and not isinstance(rank, bool) else _UNRANKED


def _id(node: Any) -> str:
    found = node.get("message_id")
    return found if isinstance(found, str) and len(found) <= 100 else ""


def _language(node: Any) -> str | None:
    found = node.get("lang")
    return iso_639_3(found) if isinstance(found, str) else None


def _about(root: Mapping[str, Any]) -> dict[str, Any]:
    return {"message_tree_id": root.get("message_tree_id") or root["message_id"]}


def _below(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node["replies"]
