"""What work units run on: processes of this machine, or a Ray cluster; the same bytes on both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from mowa.errors import UsageError
from mowa.execution._local import ONE_THREAD, Function, LocalPool

Kind = Literal["local", "ray"]


@dataclass(frozen=True)
class Executor:
    """Where units run; `close` ends what was started for them.

    Attributes:
        kind: ``local`` for processes of this machine, ``ray`` for a Ray cluster.
        address: ``host:port`` of the cluster; without it one is started on this machine when the
            first unit is to run.
    """

    kind: Kind = "local"
    address: str | None = None
    _local: LocalPool = field(default_factory=LocalPool, repr=False, compare=False)

    @classmethod
    def named(cls, kind: str, address: str | None = None) -> Executor:
        """The executor that a command line asks for.

        Raises:
            UsageError: For a name that is none, or an address without ``ray``.
        """
        if kind == "local" and address is None:
            return cls("local")
        if kind == "ray":
            return cls("ray", address)
        if kind == "local":
            raise UsageError("--ray-address is of no use without --executor ray")
        raise UsageError(
            f"there is no executor {kind!r}", fix=f"choose one of: {', '.join(get_args(Kind))}"
        )

    def check(self) -> None:
        """Refuse at once what cannot work: Ray not installed, a cluster that does not answer."""
        if self.kind == "ray":
            from mowa.execution._ray import check

            check(self.address)

    def run(
        self, function: Function, units: Mapping[str, Any], out: Path, *, workers: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield key and result of each unit as it is finished, in no particular order.

        Raises:
            MowaError: Where worker processes die, naming the units that they may have held. An
                error raised by the function itself comes through unchanged.
        """
        if self.kind == "local":
            return self._local.run(function, units, out, workers=workers)
        from mowa.execution._ray import run_units_on_ray

        return run_units_on_ray(
            function, units, out, workers=workers, address=self.address, environment=ONE_THREAD
        )

    def close(self) -> None:
        """End the processes or the cluster that were started, or leave the one that was joined."""
        self._local.close()
        if self.kind == "ray":
            from mowa.execution._ray import shut_down

            shut_down()
