"""A training process whose compiler fails where it is the second; the first one's does nothing.

In the pass that MOWA_TEST_FAILS_IN names, forward or backward.
"""

import os

import torch
from torch._dynamo.backends.common import aot_autograd

from mowa.training import _worker

real = torch.compile


def untouched(module, _inputs):
    return module


def failing(_module, _inputs):
    raise RuntimeError("no C++ compiler here")


def compile_or_fail(function, **options):
    compilers = {"forward": untouched, "backward": untouched}
    if os.environ["RANK"] == "1":
        compilers[os.environ["MOWA_TEST_FAILS_IN"]] = failing
    backend = aot_autograd(fw_compiler=compilers["forward"], bw_compiler=compilers["backward"])
    return real(function, **options, backend=backend)


torch.compile = compile_or_fail
_worker.main()
