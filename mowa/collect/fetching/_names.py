"""Names of fetched files: what a server says becomes a path that stays in the target folder."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from urllib.parse import unquote, urlsplit

LEDGER = "fetched.jsonl"
PART, BAD = ".part", ".bad"

_NAME_BYTES = 160  # file systems allow 255; ".part.json" and a mark are added
_PATH_BYTES = 900
_DEPTH = 12
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


def name_of(url: str, base: str) -> str:
    """A path for what lies at `url`: as below `base`, under the host's name elsewhere.

    Example:
        >>> name_of("https://a.example/dumps/x/y.bz2", "https://a.example/dumps/")
        'x/y.bz2'
        >>> name_of("https://b.example/../../etc/passwd?v=1", "https://a.example/")
        'b.example/etc/passwd-c46bcdbd'
    """
    parts = urlsplit(url)
    whole, root = urlsplit(url), urlsplit(base)
    path = unquote(parts.path)
    if (whole.scheme, whole.netloc) == (root.scheme, root.netloc):
        path = path.removeprefix(unquote(root.path))
    else:
        path = f"{parts.hostname or 'host'}/{path}"
    if path.endswith("/") or not path:
        path += "index.html"
    # Two queries at one path are two files.
    return clean(f"{path}-{_mark(parts.query)}" if parts.query else path)


def clean(name: str) -> str:
    """The nearest path that is relative, plain, of bounded length and not hidden."""
    parts = [_part(part) for part in unicodedata.normalize("NFC", name).split("/")]
    parts = [part for part in parts if part]
    if not parts:
        return _mark(name)
    if len(parts) > _DEPTH:
        parts = [*parts[: _DEPTH - 2], _mark(name), parts[-1]]
    path = "/".join(parts)
    if len(path.encode()) > _PATH_BYTES:
        path = f"{_mark(name)}/{parts[-1]}"
    if path.casefold() == LEDGER or path.casefold().endswith((PART, BAD, f"{PART}.json")):
        path += "_"  # ours
    return path


class Names:
    """Which path belongs to which address; no two that a file system might take for one."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: set[str] = set()
        self._of: dict[str, str] = {}

    def known(self, key: str) -> str | None:
        """The path that `key` has."""
        return self._of.get(key)

    def take(self, key: str, wish: str) -> str:
        """The path of `key`: as wished, or with a mark where another has that path already."""
        if key in self._of:
            return self._of[key]
        path = wish
        if not self._free(path):
            stem, dot, end = path.rpartition(".")
            mark = f"~{_mark(key)}"
            path = f"{stem}{mark}.{end}" if dot and "/" not in end and stem else f"{path}{mark}"
        if not self._free(path):
            path = f"{_mark(key)}/{path.rpartition('/')[2]}"
        self.keep(key, path)
        return path

    def keep(self, key: str, path: str) -> None:
        """Remember a path that was given before."""
        self._of[key] = path
        self._files[path.casefold()] = key
        self._folders.update(folder.casefold() for folder in _above(path))

    def _free(self, path: str) -> bool:
        folded = path.casefold()
        if folded in self._files or folded in self._folders:
            return False
        return not any(folder.casefold() in self._files for folder in _above(path))


def _part(part: str) -> str:
    part = part.encode("utf-8", "replace").decode("utf-8")  # a name may be no Unicode at all
    part = _FORBIDDEN.sub("_", part)
    part = "".join(sign for sign in part if unicodedata.category(sign) not in ("Cc", "Cf", "Cs"))
    part = unicodedata.normalize("NFC", part).strip()
    if part.strip(".") == "":
        return ""
    if part.startswith("."):
        part = f"_{part[1:]}"
    if len(part.encode()) > _NAME_BYTES:
        mark = _mark(part)
        # The end of a name says what the file is.
        end = part.encode()[-40:].decode("utf-8", "ignore")
        part = part.encode()[: _NAME_BYTES - 60].decode("utf-8", "ignore") + f"~{mark}~" + end
    return part


def _mark(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=4).hexdigest()


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: at + 1]) for at in range(len(parts))]
