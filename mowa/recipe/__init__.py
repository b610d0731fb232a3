"""Recipes: what to make, the plan of a run, and the run."""

from mowa.recipe._plan import Planned, make_plan, step_config
from mowa.recipe._recipe import Recipe, Step
from mowa.recipe._run import StepResult, run
from mowa.recipe._steps import STEPS, StepType
from mowa.recipe._trace import Hop, Trace, trace

__all__ = [
    "STEPS",
    "Hop",
    "Planned",
    "Recipe",
    "Step",
    "StepResult",
    "StepType",
    "Trace",
    "make_plan",
    "run",
    "step_config",
    "trace",
]
