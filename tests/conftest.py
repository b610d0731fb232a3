"""Shared by all tests: no network, one thread for libraries that would each take every core."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("COLUMNS", "200")

from hypothesis import settings

# A machine that is busy is no defect of what is tested.
settings.register_profile("mowa", deadline=None)
settings.load_profile("mowa")
