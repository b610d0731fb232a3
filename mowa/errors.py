"""What Mowa raises when something is wrong: what, where, and what to do about it."""

from __future__ import annotations

__all__ = ["DataError", "MowaError", "StoppedEarly", "UsageError"]


class MowaError(Exception):
    """A failure that a person should read: one message, no traceback, exit code 1.

    Args:
        what: What went wrong, one sentence without a full stop.
        where: The file, key, record or step that it happened in.
        fix: What the reader can do now.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  what to do: {self.fix}" if self.fix else ""
        return f"{place}{self.what}{remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        """Keep where and fix when the error crosses from a worker process to the parent."""
        return _rebuild, (type(self), self.what, self.where, self.fix)


class UsageError(MowaError):
    """A mistake in a recipe, a source or a command line: exit code 2."""

    exit_code = 2


class DataError(MowaError):
    """Input that cannot be read as what it claims to be: exit code 1."""


class StoppedEarly(MowaError):  # noqa: N818 - nothing went wrong
    """Work was asked to stop, has saved, and can go on: exit code 75 (``EX_TEMPFAIL``).

    A job script that finds 75 puts the job back into the queue.
    """

    exit_code = 75


def _rebuild(kind: type[MowaError], what: str, where: str | None, fix: str | None) -> MowaError:
    return kind(what, where=where, fix=fix)
