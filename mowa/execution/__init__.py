"""Running work units with a ledger, so that a killed run loses at most one unit a worker."""

from mowa.execution._context import Context, Unit
from mowa.execution._executor import Executor
from mowa.execution._ledger import Ledger
from mowa.execution._progress import BarProgress, PlainProgress, Progress, best_progress

__all__ = [
    "BarProgress",
    "Context",
    "Executor",
    "Ledger",
    "PlainProgress",
    "Progress",
    "Unit",
    "best_progress",
]
