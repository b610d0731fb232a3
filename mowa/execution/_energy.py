"""Energy that a run takes: read from the hardware's counters, else estimated and said so.

On GPUs NVML counts millijoules (`nvidia-ml-py`, if installed). On a processor RAPL counts
microjoules under ``/sys/class/powercap``, which on most systems root alone may read. Where neither
can be read, the energy is seconds x a nominal power. A GPU's run is never given the energy of the
processor beside it.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

How = Literal["nvml", "rapl", "estimated"]

POWERCAP = Path("/sys/class/powercap")

WATTS_PER_CORE = 12.0
"""Of a processor that is not in any table: Green Algorithms' default (Lannelongue et al. 2021)."""

# A RAPL counter of 262 kJ, the usual size, is full after four minutes at a kilowatt.
_READ_EVERY_SECONDS = 60.0


@dataclass(frozen=True)
class Energy:
    """What was taken between two moments.

    Attributes:
        joules: The energy.
        seconds: The time.
        how: ``nvml`` or ``rapl``, read from counters; ``estimated``, time x nominal power.
        of: What the figure covers, for people: ``2 GPUs``, ``processor and memory``, ``450 W …``.
    """

    joules: float
    seconds: float
    how: How
    of: str

    @property
    def kwh(self) -> float:
        """In kilowatt-hours."""
        return self.joules / 3.6e6

    @property
    def watts(self) -> float:
        """The mean power."""
        return self.joules / self.seconds if self.seconds > 0 else 0.0


class _Counter(Protocol):
    how: How
    of: str

    def joules(self) -> float:
        """Since the counter was made; never falls."""


class EnergyMeter:
    """Counts from its making, or from the entry of its `with` block, to each `read`.

    Args:
        gpus: NVML's UUIDs (``GPU-…``) or indices of the GPUs that the run uses; empty: it runs on
            the processor.
        watts: Nominal power for an estimate, all GPUs together or the whole processor.
        watts_are: Where `watts` is from, said with an estimate.
        powercap: Where the kernel shows RAPL.
        nvml: The module `pynvml`, for tests; None: imported if it is there.
        clock: Seconds that never run backwards.

    Example:
        >>> with EnergyMeter(watts=100, powercap=Path("/nonexistent")) as meter:
        ...     pass
        >>> meter.read().how
        'estimated'
    """

    def __init__(
        self,
        *,
        gpus: Sequence[str | int] = (),
        watts: float,
        watts_are: str = "nominal power",
        powercap: Path = POWERCAP,
        nvml: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        estimate = _Estimate(watts, watts_are, clock)
        measured = _nvml(gpus, nvml) if gpus else _rapl(powercap)
        self._counter: _Counter = measured or estimate
        self._fallback = estimate
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._began, self._start = clock(), self._counter.joules()
        self._ended: Energy | None = None

    def __enter__(self) -> Self:
        self._began, self._start = self._clock(), self._joules()
        if isinstance(self._counter, _Rapl):
            self._thread = threading.Thread(target=self._keep_reading, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._ended = self.read()

    def read(self) -> Energy:
        """What was taken until now; after the `with` block, what was taken in it."""
        if self._ended is not None:
            return self._ended
        joules = self._joules()
        seconds = self._clock() - self._began
        return Energy(joules - self._start, seconds, self._counter.how, self._counter.of)

    def _joules(self) -> float:
        """A counter that fails in the middle of a run makes the whole run an estimate."""
        with self._lock:
            try:
                return self._counter.joules()
            except (OSError, ValueError):
                self._counter = self._fallback
                self._start = self._fallback.at(self._began)
                return self._counter.joules()

    def _keep_reading(self) -> None:
        while not self._stop.wait(_READ_EVERY_SECONDS):
            self._joules()


class _Estimate:
    how: How = "estimated"

    def __init__(self, watts: float, watts_are: str, clock: Callable[[], float]) -> None:
        self.of = f"{watts:,.0f} W, {watts_are}"
        self._watts, self._clock = watts, clock

    def joules(self) -> float:
        return self.at(self._clock())

    def at(self, moment: float) -> float:
        return moment * self._watts


class _Nvml:
    how: How = "nvml"

    def __init__(self, module: Any, handles: Sequence[Any]) -> None:
        self.of = f"{len(handles)} GPU{'s' if len(handles) != 1 else ''}"
        self._handles = handles
        self._module = module

    def joules(self) -> float:
        read = self._module.nvmlDeviceGetTotalEnergyConsumption  # mJ since the driver began
        try:
            return sum(float(read(handle)) for handle in self._handles) / 1e3
        except self._module.NVMLError as error:
            raise OSError(f"NVML no longer counts: {error}") from error


class _Rapl:
    how: How = "rapl"

    def __init__(self, zones: Sequence[Path]) -> None:
        names = {(zone / "name").read_text("ascii").strip() for zone in zones}
        self.of = "processor and memory" if "dram" in names else "processor"
        self._zones = zones
        self._ranges = [_microjoules(zone, "max_energy_range_uj") for zone in zones]
        self._last = [_microjoules(zone, "energy_uj") for zone in zones]
        self._total = 0.0

    def joules(self) -> float:
        for place, zone in enumerate(self._zones):
            now = _microjoules(zone, "energy_uj")
            taken = now - self._last[place]
            # The counter starts again at zero when it has reached its range.
            self._total += taken if taken >= 0 else taken + self._ranges[place]
            self._last[place] = now
        return self._total / 1e6


def _nvml(gpus: Sequence[str | int], module: Any) -> _Nvml | None:
    if module is None:
        try:
            module = importlib.import_module("pynvml")
        except ModuleNotFoundError:
            return None
    try:
        module.nvmlInit()
        counter = _Nvml(
            module,
            [
                module.nvmlDeviceGetHandleByIndex(gpu)
                if isinstance(gpu, int)
                else module.nvmlDeviceGetHandleByUUID(gpu)
                for gpu in gpus
            ],
        )
        counter.joules()
    except (
        module.NVMLError,
        OSError,
    ):  # no driver, or a GPU older than Volta, which does not count
        return None
    return counter


def _rapl(powercap: Path) -> _Rapl | None:
    """All packages, and the memory where it counts apart; ``psys`` would count both again."""
    try:
        zones = [
            zone
            for zone in sorted(powercap.glob("intel-rapl:*"))
            if (name := (zone / "name").read_text("ascii").strip()).startswith("package")
            or name == "dram"
        ]
        return _Rapl(zones) if zones else None
    except (OSError, ValueError):
        return None


def _microjoules(zone: Path, name: str) -> int:
    return int((zone / name).read_text("ascii"))
