"""Getting text in: the inventory of a source's files, and readers of what is in them."""

from mowa.collect._config import InventoryConfig, ReaderOptions
from mowa.collect._inventory import groups_of, inventory_of, observe, root_of, scan
from mowa.collect._places import Place, S3Prefix, file_at
from mowa.collect.readers import format_of, read_file
from mowa.collect.readers._encoding import Decoded, decode
from mowa.collect.readers._markup import parseable
from mowa.collect.readers._mojibake import repair, repair_together
from mowa.collect.readers._records import Part, Record, Skipped

__all__ = [
    "Decoded",
    "InventoryConfig",
    "Part",
    "Place",
    "ReaderOptions",
    "Record",
    "S3Prefix",
    "Skipped",
    "decode",
    "file_at",
    "format_of",
    "groups_of",
    "inventory_of",
    "observe",
    "parseable",
    "read_file",
    "repair",
    "repair_together",
    "root_of",
    "scan",
]
