"""Personal data in texts: where they are, how many, and what stands for them."""

from mowa.corpus.personal._find import PERSONAL_DATA, find, spans_of
from mowa.corpus.personal._kinds import (
    BUSINESS,
    DEFAULT_POLICY,
    KINDS,
    MASK,
    PLACEHOLDERS,
    Action,
)
from mowa.corpus.personal._redact import redact, redact_all

__all__ = [
    "BUSINESS",
    "DEFAULT_POLICY",
    "KINDS",
    "MASK",
    "PERSONAL_DATA",
    "PLACEHOLDERS",
    "Action",
    "find",
    "redact",
    "redact_all",
    "spans_of",
]
