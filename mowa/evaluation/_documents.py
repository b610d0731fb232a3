"""How likely whole documents are to any engine, also those that its window does not hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mowa.inference import ChoiceRequest, Continuation, Engine


def document_loglikelihoods(
    engine: Engine, texts: Sequence[str]
) -> Iterator[tuple[int, Continuation]]:
    """Yield the index of a document and how likely it is after BOS, as they are done.

    A document that the window holds is a choice after nothing; a longer one is read on, in windows
    that predict each token once. Where an engine does not say what it holds, `cut` counts what did
    not fit.

    Raises:
        Unsupported: Where the engine has no log-likelihoods.
    """
    fitting: list[int] = []
    longer: list[tuple[int, list[int]]] = []
    for index, text in enumerate(texts):
        if engine.start is None or engine.window is None:
            fitting.append(index)
            continue
        tokens = engine.tokenize(text)
        if len(tokens) > engine.window:
            longer.append((index, tokens))
        else:
            fitting.append(index)
    requests = [ChoiceRequest("", (texts[index],)) for index in fitting]
    for place, (found,) in engine.choice_loglikelihoods(requests):
        yield fitting[place], found
    for index, tokens in longer:
        assert engine.start is not None
        assert engine.window is not None
        logprob = _read_on(engine, [engine.start, *tokens], engine.window)
        yield index, Continuation(logprob, len(tokens))


def _read_on(engine: Engine, ids: list[int], window: int) -> float:
    """Sum of ln p over all ids but the first, in windows that predict each of them once.

    Each window is full of context but for its first id; the last one ends with the document and has
    all the context that it holds, as lm-eval's rolling windows do.
    """
    whole, rest = divmod(len(ids) - 1, window)
    pieces = [ids[at * window : (at + 1) * window + 1] for at in range(whole)]
    if not rest:
        return math.fsum(engine.loglikelihood(pieces, stride=window))
    tail = ids[-window - 1 :]
    known = tail[: window + 1 - rest]  # of the last window, what earlier ones have counted
    *counted, twice = engine.loglikelihood([*pieces, tail, known], stride=window)
    return math.fsum(counted) - twice
