"""Getting text in: the inventory of a source's files, and readers of what is in them."""

from mowa.collect._config import InventoryConfig, ReaderOptions
from mowa.collect._inventory import observe, root_of, scan
from mowa.collect.readers import format_of, read_file
from mowa.collect.readers._records import Part, Record, Skipped

__all__ = [
    "InventoryConfig",
    "Part",
    "ReaderOptions",
    "Record",
    "Skipped",
    "format_of",
    "observe",
    "read_file",
    "root_of",
    "scan",
]
