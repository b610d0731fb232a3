"""A training process that has no compiler where it is the second; the first one's does nothing."""

import os

import torch

from mowa.training import _worker


def compile_or_fail(function, **_):
    def call(*values, **named):
        if os.environ["RANK"] == "1":
            raise RuntimeError("no C++ compiler here")
        return function(*values, **named)

    return call


torch.compile = compile_or_fail
_worker.main()
