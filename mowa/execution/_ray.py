"""Running work units on Ray: on a cluster that is there, or on one started for this run.

The workers write into the workspace, so it must be a folder that every machine of the cluster sees
under the same path. Only the driver, this process, writes the ledger.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mowa.errors import MowaError, UsageError
from mowa.workspace import clear_partial_files

Function = Callable[[Any, Path], dict[str, Any]]

# A unit whose worker dies is tried so many times in all: a machine may be taken away, but a unit
# that kills each worker (out of memory, a crash in native code) must not go on for ever.
_ATTEMPTS = 3

_CONNECT_SECONDS = 10.0  # for the port to answer; Ray itself gives up within a minute
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}


@dataclass(frozen=True)
class _Failed:
    """An error of the unit's own, carried as a value so that it comes through unchanged."""

    error: Exception


def check(address: str | None) -> None:
    """Refuse what cannot work before any step is made; starts nothing.

    Raises:
        UsageError: Where Ray is not installed, or no cluster answers at `address`.
    """
    if find_spec("ray") is None:
        raise UsageError(
            "--executor ray needs the package ray, which is not installed",
            fix="pip install 'mowa[ray]', or leave the option out",
        )
    if address is None:
        return
    host, colon, port = address.rpartition(":")
    if "://" in address or not (colon and host and port.isdecimal() and int(port) < 65_536):
        raise UsageError(
            f"{address!r} is not the address of a Ray cluster",
            fix="write host:port as `ray start --head` prints it, such as 10.0.0.5:6379",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from error


def run_units_on_ray(
    function: Function,
    units: Mapping[str, Any],
    out: Path,
    *,
    workers: int,
    address: str | None,
    environment: Mapping[str, str],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and result of each unit as it is finished, in no particular order.

    Args:
        function: Called with a unit's work and `out`, in a worker process of one core.
        units: What is still to do, by key.
        out: The folder that the function writes into.
        workers: How many units run at a time, at most; 0 for the cores of the cluster.
        address: ``host:port`` of a cluster; without it one of this machine is started, and stays
            until `shut_down`.
        environment: Variables that every worker process is started with.

    Raises:
        MowaError: Where the workers of one unit died again and again, or the cluster is lost. An
            error raised by the function itself comes through unchanged.
    """
    if not units:
        return
    cores = connect(workers, address, environment)
    import ray
    from ray.exceptions import RayError

    remote = ray.remote(num_cpus=1, max_retries=0)(_call)
    waiting = list(units)[::-1]
    attempts: dict[str, int] = {}
    running: dict[Any, str] = {}
    # On a cluster of our own Ray runs as many as it has cores; a second one each is in waiting.
    at_once = (workers or cores) if address else 2 * workers
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                key = waiting.pop()
                attempts[key] = attempts.get(key, 0) + 1
                running[remote.remote(function, units[key], out)] = key
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            key = running.pop(done)
            result = _result(done, key, last=attempts[key] >= _ATTEMPTS)
            if result is None:
                waiting.append(key)
            else:
                yield key, result
        if len(units) < sum(attempts.values()):
            clear_partial_files(out)  # of workers that died
    except RayError as error:
        raise MowaError(
            f"the Ray cluster failed: {_first_line(error)}",
            where=f"work units {', '.join(sorted(running.values()))}",
            fix="run again when the cluster is well; what is finished is kept",
        ) from error
    finally:
        for reference in running:
            with suppress(Exception):  # the cluster may be what is gone
                ray.cancel(reference, force=True)


def connect(workers: int, address: str | None, environment: Mapping[str, str]) -> int:
    """Start a local cluster of `workers` cores, or join the one at `address`; returns its cores."""
    os.environ.update(_QUIET)
    # It says that a token is asked for, as if that were a danger.
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    import ray

    if ray.is_initialized():
        return int(ray.cluster_resources().get("CPU", 0))
    options: dict[str, Any] = {
        "include_dashboard": False,
        "log_to_driver": False,
        "configure_logging": False,
        "runtime_env": {"env_vars": {**environment, **_QUIET}},
    }
    if address:
        check(address)
        _use_token()
        del options["include_dashboard"]
        options["address"] = address
    else:
        # As with local processes, what this process can import its workers can.
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        options["runtime_env"]["env_vars"]["PYTHONPATH"] = path
        options |= {"address": "local", "num_cpus": workers}
    try:
        ray.init(**options)
    except Exception as error:  # Ray raises plain ones too, where a node is slow to start
        if address:
            raise _not_joined(address, _first_line(error)) from error
        raise MowaError(
            f"a local Ray cluster could not be started: {_first_line(error)}",
            fix="look whether /tmp has space, or run without --executor ray",
        ) from error
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores < 1:
        shut_down()
        raise MowaError(
            "the Ray cluster has no core for us",
            where=address,
            fix="start a worker: `ray start --address HOST:PORT --num-cpus N`",
        )
    return cores


def _use_token() -> None:
    """Show the cluster our token, where there is one and `RAY_AUTH_MODE` does not say otherwise.

    `ray start` asks for a token where it finds one, and each local cluster leaves one behind; but a
    process that joins a cluster by its address shows the token it has only where `RAY_AUTH_MODE`
    is ``token``. A cluster that asks for none takes those who show one too.
    """
    from ray._private.authentication.authentication_token_setup import (
        maybe_enable_token_auth_if_token_available,
    )

    maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def shut_down() -> None:
    """Leave the cluster, and end it where this process started it."""
    import ray

    if ray.is_initialized():
        ray.shutdown()


def _call(function: Function, work: Any, out: Path) -> dict[str, Any] | _Failed:
    try:
        return function(work, out)
    except (MowaError, OSError, MemoryError) as error:
        return _Failed(error)


def _result(reference: Any, key: str, *, last: bool) -> dict[str, Any] | None:
    """What the unit returned; None where its worker died and it may be tried again."""
    import ray
    from ray.exceptions import (
        NodeDiedError,
        ObjectLostError,
        OutOfMemoryError,
        RayTaskError,
        WorkerCrashedError,
    )

    try:
        found: dict[str, Any] | _Failed = ray.get(reference)
    except RayTaskError as error:
        # Ray's own class would hide the unit's; the local executor raises it as it was.
        raise (error.cause if isinstance(error.cause, Exception) else error) from None
    except (WorkerCrashedError, NodeDiedError, ObjectLostError, OutOfMemoryError) as error:
        if not last:
            return None
        raise MowaError(
            f"the worker process died {_ATTEMPTS} times (killed, or out of memory)",
            where=f"work unit {key}",
            fix="run again, with fewer --workers if memory is short; what is finished is kept",
        ) from error
    if isinstance(found, _Failed):
        raise found.error
    return found


def _no_cluster(address: str, why: str) -> UsageError:
    return UsageError(
        f"no Ray cluster answers at {address} ({why})",
        fix="start one with `ray start --head`, or leave --ray-address out to use this machine",
    )


def _not_joined(address: str, why: str) -> UsageError:
    return UsageError(
        f"what answers at {address} is no Ray cluster that lets us in ({why})",
        fix="the token must be the cluster's: copy ~/.ray/auth_token of its head, or set"
        " RAY_AUTH_TOKEN; and Ray must be of the same version on both",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
