"""The workspace: artifacts, fingerprints, locks, lineage."""

from mowa.workspace._artifact import RECORD, Artifact, FileRecord, InputRef, Inputs, Metrics
from mowa.workspace._config import (
    StepConfig,
    canonical,
    fingerprint,
    first_problem,
    identity_of,
    runtime,
    runtime_of,
)
from mowa.workspace._files import (
    clear_partial_files,
    digest,
    disk_error,
    flush,
    link_or_copy,
    write_text,
    writing,
)
from mowa.workspace._lineage import Node, lineage, reference_to
from mowa.workspace._lock import is_locked, locked
from mowa.workspace._store import DEV, Workspace, check_name, check_version
from mowa.workspace._upkeep import Fault, collect_garbage, garbage, promote, verify

__all__ = [
    "DEV",
    "RECORD",
    "Artifact",
    "Fault",
    "FileRecord",
    "InputRef",
    "Inputs",
    "Metrics",
    "Node",
    "StepConfig",
    "Workspace",
    "canonical",
    "check_name",
    "check_version",
    "clear_partial_files",
    "collect_garbage",
    "digest",
    "disk_error",
    "fingerprint",
    "first_problem",
    "flush",
    "garbage",
    "identity_of",
    "is_locked",
    "lineage",
    "link_or_copy",
    "locked",
    "promote",
    "reference_to",
    "runtime",
    "runtime_of",
    "verify",
    "write_text",
    "writing",
]
