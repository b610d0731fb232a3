"""Shared by all tests: no network, one thread for libraries that would each take every core."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("COLUMNS", "200")

from hypothesis import settings

# A machine that is busy is no defect of what is tested. What guards the main branch looks at the
# same examples each time, so that a change is not blamed for what it did not do; elsewhere the
# search goes on.
settings.register_profile("mowa", deadline=None, derandomize="MOWA_SAME_EXAMPLES" in os.environ)
settings.load_profile("mowa")
