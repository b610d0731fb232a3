"""Unpack a .tar.zst archive of real texts: python tests/unpack.py ARCHIVE FOLDER."""

import sys
import tarfile
from pathlib import Path

import zstandard

if __name__ == "__main__":
    archive, folder = map(Path, sys.argv[1:])
    with (
        zstandard.open(archive, "rb") as stream,
        tarfile.open(fileobj=stream, mode="r|") as members,
    ):
        members.extractall(folder, filter="data")
