"""The workspace: where artifacts lie, how one is put in its place, how one is found again."""

from __future__ import annotations

import difflib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from mowa.errors import DataError, MowaError, UsageError
from mowa.workspace._artifact import RECORD, Artifact, FileRecord
from mowa.workspace._files import digest, flush, write_text
from mowa.workspace._lock import is_locked, locked, read_lock, replace_lock

DEV = "dev"

_FORMAT = 1
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}")


def check_name(name: str, what: str) -> str:
    """Refuse a name that could not be a folder on every file system.

    Raises:
        UsageError: Unless it is 1 to 64 of a-z, 0-9, ``-`` and ``_``, a letter or digit first.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a {what}",
            fix="use a-z, digits, '-' and '_', a letter or digit first, 64 at most",
        )
    return name


def check_version(version: str) -> str:
    """Refuse a version that could not be part of a folder's name."""
    if not _VERSION.fullmatch(version) or ".." in version:
        raise UsageError(f"{version!r} is not a version", fix="use 'dev' or something like 1.0")
    return version


class Workspace:
    """A folder of artifacts: ``<recipe>/<step>@<version>/``; Mowa's own things under ``.mowa/``.

    ``.mowa/partial`` holds what is being made, ``.mowa/superseded`` what a newer build replaced,
    ``.mowa/locks`` the locks and ``.mowa/cache`` what can be computed again.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._own = self.root / ".mowa"

    @classmethod
    def open(cls, root: Path, *, create: bool = False) -> Workspace:
        """The workspace at `root`.

        Raises:
            UsageError: Where there is none (unless `create`), or one of a newer Mowa.
        """
        workspace = cls(root)
        record = workspace._own / "workspace.json"
        if record.exists():
            try:
                found = int(json.loads(record.read_text("utf-8"))["format"])
            except (ValueError, KeyError, TypeError) as error:
                raise DataError("the workspace's record is damaged", where=str(record)) from error
            if found > _FORMAT:
                raise UsageError(
                    f"this workspace has format {found}, this Mowa knows {_FORMAT}",
                    where=str(root),
                    fix="use a newer Mowa, or another --workspace",
                )
        elif create:
            if root.exists() and not root.is_dir():
                raise UsageError("this is a file, not a folder", where=str(root))
            write_text(record, json.dumps({"format": _FORMAT}) + "\n")
        else:
            raise UsageError(
                "there is no workspace here",
                where=str(root),
                fix="name it with --workspace, or make one by running a recipe",
            )
        return workspace

    def folder(self, name: str, version: str) -> Path:
        """Where artifact ``name@version`` lies, or would lie."""
        return self.root / f"{name}@{version}"

    def find(self, name: str, version: str) -> Artifact | None:
        """The artifact ``name@version``, if it has been made."""
        folder = self.folder(name, version)
        return Artifact.load(folder) if (folder / RECORD).exists() else None

    def all(self) -> list[Artifact]:
        """Every artifact in its place, by name and version."""
        return _loaded(self.root.glob(f"*/*@*/{RECORD}"))

    def superseded(self) -> list[Artifact]:
        """Every artifact that a newer build replaced and `gc` has not removed."""
        return _loaded((self._own / "superseded").glob(f"*/*/{RECORD}"))

    def get(self, reference: str) -> Artifact:
        """The artifact that a person means by ``recipe/step``, ``recipe/step@version`` or a folder.

        Raises:
            UsageError: Where there is none, with the nearest one there is.
        """
        name, _, version = reference.partition("@")
        if all(_NAME.fullmatch(part) for part in name.split("/")) and name.count("/") == 1:
            found = self._version_of(name, version)
            if found is not None:
                return found
        folder = Path(reference)
        if (folder / RECORD).exists():
            return Artifact.load(folder.resolve())
        known = [artifact.id for artifact in self.all()]
        near = difflib.get_close_matches(reference, known, n=3, cutoff=0.4) or known[:5]
        raise UsageError(
            f"there is no artifact {reference!r} in this workspace",
            where=str(self.root),
            fix=f"did you mean {' or '.join(near)}?" if near else "run a recipe first",
        )

    def partial(self, name: str, version: str, fingerprint: str) -> Path:
        """Where ``name@version`` with this fingerprint is being made; the same after a kill."""
        return self._own / "partial" / f"{name}@{version}-{fingerprint}"

    def cache(self, name: str) -> Path:
        """A file for what can be computed again."""
        return self._own / "cache" / name

    def lock(
        self,
        name: str,
        version: str,
        *,
        wait: bool = True,
        say: Callable[[str], None] | None = None,
    ) -> AbstractContextManager[None]:
        """The lock of ``name@version``; see `mowa.workspace.locked`."""
        return locked(self._lock_path(name, version), wait=wait, say=say)

    def publish(
        self,
        made: Artifact,
        digests: Mapping[str, tuple[int, str]],
        say: Callable[[str], None] | None = None,
    ) -> Artifact:
        """Write `artifact.json` into the finished folder `made.path` and put it in its place.

        `digests` gives size and hash of files that are known already. A kill in between leaves
        either the folder with its record in the partial place, which `recover` puts in its place,
        or the artifact in its place.
        """
        gone = [path for path in digests if not (made.path / path).is_file()]
        if gone:
            raise MowaError(
                f"{len(gone)} finished files went while the step ran, for example {gone[0]}",
                where=str(made.path),
                fix="run again: what is missing is made anew",
            )
        files = tuple(_records(made.path, digests))
        made = replace(made, files=files)
        write_text(made.path / RECORD, made.to_json())
        return self._put(made, say)

    def recover(self, name: str, version: str, fingerprint: str) -> Artifact | None:
        """Put in its place what is finished but not there: killed late, or a change taken back."""
        out = self.partial(name, version, fingerprint) / "out"
        if (out / RECORD).exists():
            return self._put(Artifact.load(out))
        old = self._superseded_folder(name, version, fingerprint)
        if (old / RECORD).exists():
            return self._put(Artifact.load(old))
        return None

    def can_recover(self, name: str, version: str, fingerprint: str) -> bool:
        """Would `recover` find something?"""
        return any(
            (folder / RECORD).exists()
            for folder in (
                self.partial(name, version, fingerprint) / "out",
                self._superseded_folder(name, version, fingerprint),
            )
        )

    @contextmanager
    def reading(self, artifact: Artifact) -> Iterator[None]:
        """Nothing takes the place of `artifact` while this is held.

        Raises:
            MowaError: Where something has taken its place already.
        """
        with read_lock(self._readers_path(artifact.name, artifact.version)):
            if artifact.path == self.folder(artifact.name, artifact.version):
                now = self.find(artifact.name, artifact.version)
                if now is None or now.fingerprint != artifact.fingerprint:
                    raise MowaError(
                        "an input was replaced by another run while this one went on",
                        where=artifact.id,
                        fix="run the recipe again",
                    )
            yield

    def leftovers(self) -> Iterator[tuple[Path, str, str]]:
        """Unfinished builds that no living process works on: folder, name, version."""
        for folder, name, version in self.unfinished():
            if not self.is_being_made(name, version):
                yield folder, name, version

    def is_being_made(self, name: str, version: str) -> bool:
        """Does a living process work on it?"""
        return is_locked(self._lock_path(name, version))

    def unfinished(self) -> Iterator[tuple[Path, str, str]]:
        """All unfinished builds, those that are being made too: folder, name, version."""
        for folder in sorted((self._own / "partial").glob("*/*@*")):
            step, _, rest = folder.name.partition("@")
            name, version = f"{folder.parent.name}/{step}", rest.rpartition("-")[0]
            if not (folder / "out" / RECORD).exists():  # else only to be put in its place
                yield folder, name, version

    def _put(self, made: Artifact, say: Callable[[str], None] | None = None) -> Artifact:
        target = self.folder(made.name, made.version)
        current = self.find(made.name, made.version)
        if current is not None:
            if made.version != DEV:
                raise UsageError(
                    f"{made.id} is fixed as another build ({current.fingerprint[:12]})",
                    fix="choose a version that is not taken",
                )
            old = self._superseded_folder(current.name, current.version, current.fingerprint)
            shutil.rmtree(old, ignore_errors=True)
            old.parent.mkdir(parents=True, exist_ok=True)
            with replace_lock(self._readers_path(made.name, made.version), say):
                target.rename(old)
        elif target.exists():
            raise DataError(
                f"a folder without {RECORD} stands where {made.id} should go",
                where=str(target),
                fix="move it elsewhere and run again",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        made.path.rename(target)
        shutil.rmtree(self.partial(made.name, made.version, made.fingerprint), ignore_errors=True)
        return replace(made, path=target)

    def _superseded_folder(self, name: str, version: str, fingerprint: str) -> Path:
        return self._own / "superseded" / f"{name}@{version}-{fingerprint}"

    def _lock_path(self, name: str, version: str) -> Path:
        return self._own / "locks" / f"{name}@{version}.lock"

    def _readers_path(self, name: str, version: str) -> Path:
        return self._own / "locks" / f"{name}@{version}.readers"

    def _version_of(self, name: str, version: str) -> Artifact | None:
        if version:
            return self.find(name, version)
        if found := self.find(name, DEV):
            return found
        versions = [Artifact.load(path.parent) for path in self.root.glob(f"{name}@*/{RECORD}")]
        return max(versions, key=lambda item: item.created, default=None)


def _loaded(records: Iterable[Path]) -> list[Artifact]:
    """The artifacts of `records`; one that another run moves away at this moment is left out."""
    found = []
    for record in sorted(records):
        try:
            found.append(Artifact.load(record.parent))
        except DataError:
            if record.exists():
                raise
    return found


def _records(folder: Path, digests: Mapping[str, tuple[int, str]]) -> Iterator[FileRecord]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != RECORD:
            relative = path.relative_to(folder).as_posix()
            size = path.stat().st_size
            known = digests.get(relative)
            if known is None:
                flush(path)
            yield FileRecord(
                relative, size, known[1] if known and known[0] == size else digest(path)
            )
