import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from mowa.collect import ReaderOptions, Record, Skipped, read_file


@pytest.fixture
def shared_folder():
    """A folder that other users can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def nobody():
    """Run a block as a user who may not read everything: root may."""

    @contextmanager
    def become():
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if is_root:
                os.seteuid(0)

    return become


@pytest.fixture
def read(tmp_path):
    """Write bytes to a file and read its records."""

    def reading(name, raw, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        return list(read_file(path, name, ReaderOptions(**options)))

    return reading


@pytest.fixture
def outline(read):
    """What reading gives, in short: the keys of records, the reasons of what is skipped."""

    def outlining(name, raw, **options):
        found = read(name, raw, **options)
        assert all(isinstance(item, Record | Skipped) for item in found)
        return [item.key if isinstance(item, Record) else f"-{item.reason}" for item in found]

    return outlining
