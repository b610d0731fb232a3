"""Running work units with a ledger, so that a killed run loses at most one unit a worker."""

from mowa.execution._context import Context, Unit
from mowa.execution._energy import Energy, EnergyMeter
from mowa.execution._executor import Executor
from mowa.execution._journal import Journal
from mowa.execution._ledger import Ledger
from mowa.execution._progress import BarProgress, PlainProgress, Progress, best_progress
from mowa.execution._retry import retry_after
from mowa.execution._terminal import harmless

__all__ = [
    "BarProgress",
    "Context",
    "Energy",
    "EnergyMeter",
    "Executor",
    "Journal",
    "Ledger",
    "PlainProgress",
    "Progress",
    "Unit",
    "best_progress",
    "harmless",
    "retry_after",
]
