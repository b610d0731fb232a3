"""Fetching: what a source's `[fetch]` table names, brought politely into a folder."""

from mowa.collect.fetching._download import Wanted
from mowa.collect.fetching._limits import Limits
from mowa.collect.fetching._names import LEDGER
from mowa.collect.fetching._plan import FetchOptions, check_contact, planned
from mowa.collect.fetching._run import FetchReport, fetch

__all__ = [
    "LEDGER",
    "FetchOptions",
    "FetchReport",
    "Limits",
    "Wanted",
    "check_contact",
    "fetch",
    "planned",
]
