"""What a run would take before it is run: parameters, operations, memory, hours, energy, money."""

from typing import TYPE_CHECKING, Any

from mowa.training.planner._calibration import Calibration, Prediction, Probe
from mowa.training.planner._estimate import (
    GENERAL_PURPOSE_FLOPS,
    SYSTEMIC_RISK_FLOPS,
    Choice,
    RunPlan,
    Sharding,
    going_on,
    plan_run,
)
from mowa.training.planner._machine import AVERAGE_PUE, Machine, parse_gpus, this_machine
from mowa.training.planner._memory import Memory, memory_per_device
from mowa.training.planner._published import PUBLISHED, PublishedRun

if TYPE_CHECKING:
    from mowa.training.planner._probe import probe

__all__ = [
    "AVERAGE_PUE",
    "GENERAL_PURPOSE_FLOPS",
    "PUBLISHED",
    "SYSTEMIC_RISK_FLOPS",
    "Calibration",
    "Choice",
    "Machine",
    "Memory",
    "Prediction",
    "Probe",
    "PublishedRun",
    "RunPlan",
    "Sharding",
    "going_on",
    "memory_per_device",
    "parse_gpus",
    "plan_run",
    "probe",
    "this_machine",
]


def __getattr__(name: str) -> Any:
    """The probe is a program of its own too, which nothing may import before it runs."""
    if name != "probe":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mowa.training.planner._probe import probe

    return probe
