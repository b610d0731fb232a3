"""torch.compile on all processes that train together, or on none of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

import torch
from torch._functorch import config as functorch_config

from mowa.training._distribution import Ranks
from mowa.training._forward import Forward, Rows


def compile_layers(
    forward: Forward, example: Rows, ranks: Ranks, say: Callable[[str], None]
) -> bool:
    """Compile `forward` and try it on `example`; False, and as before, where a process cannot.

    Raises:
        torch.OutOfMemoryError: Which is no failure of the compiler, though a `RuntimeError` too.
    """
    began = time.monotonic()
    trial = _Trial()
    try:
        with (
            torch.random.fork_rng(),  # a run that goes on has just got its random state back
            # The backward pass is compiled with the forward one, where a failure is caught.
            functorch_config.patch(force_non_lazy_backward_lowering=True),
        ):
            forward.compile_layers(example, trial.compiler)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        trial.failed = trial.failed or error
    trial.is_over = True
    if ranks.most(trial.failed is not None):
        why = "another process could not" if trial.failed is None else _first_line(trial.failed)
        with suppress(RuntimeError):
            forward.compile_layers(example, _refuse)  # which leaves it as before
        say(f"torch.compile failed ({why}); training goes on without it")
        return False
    say(f"compiled in {time.monotonic() - began:.0f} s")
    return True


class _Trial:
    """Compiles functions that, until it is over, go on uncompiled where the compiler fails.

    Where weights are divided, the layers of all processes meet in one pass: one that left it at
    its first failure would be waited for by the others.
    """

    def __init__(self) -> None:
        self.failed: RuntimeError | None = None
        self.is_over = False

    def compiler(self, function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        compiled = torch.compile(function, **options)
        works = False

        @wraps(function)
        def call(*values: Any, **named: Any) -> Any:
            nonlocal works
            # What has been computed compiled is computed again so, where its layer is checkpointed.
            if self.is_over or works:
                return compiled(*values, **named)
            if self.failed is None:
                try:
                    result = compiled(*values, **named)
                except torch.OutOfMemoryError:
                    raise
                except RuntimeError as error:
                    self.failed = error
                else:
                    works = True
                    return result
            return function(*values, **named)

        return call


def _refuse(*_: Any, **__: Any) -> Any:
    raise RuntimeError


def _first_line(error: RuntimeError) -> str:
    return str(error).strip().partition("\n")[0]
