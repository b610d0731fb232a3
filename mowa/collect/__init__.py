"""Getting text in: the inventory of a source's files, and readers of what is in them."""

from mowa.collect._config import InventoryConfig, ReaderOptions
from mowa.collect._inventory import observe, root_of, scan
from mowa.collect._readers import format_of, read_file
from mowa.collect._records import Record, Skipped

__all__ = [
    "InventoryConfig",
    "ReaderOptions",
    "Record",
    "Skipped",
    "format_of",
    "observe",
    "read_file",
    "root_of",
    "scan",
]
