"""Shared by all tests: no network, one thread for libraries that would each take every core."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("COLUMNS", "200")

from hypothesis import settings
from hypothesis.internal.conjecture import providers

# A machine that is busy is no defect of what is tested. What guards the main branch looks at the
# same examples each time, so that a change is not blamed for what it did not do; elsewhere the
# search goes on.
settings.register_profile("mowa", deadline=None, derandomize="MOWA_SAME_EXAMPLES" in os.environ)
settings.load_profile("mowa")

# Some draws are constants that stand in whichever of our modules are imported by then, which the
# tests that ran before in the same process decide.
if "MOWA_SAME_EXAMPLES" in os.environ:
    assert hasattr(providers, "_get_local_constants")
    providers._get_local_constants = lambda: providers._local_constants
