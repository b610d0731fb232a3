"""The peer of `corpus.py`, run by it inside an environment of its own: datatrove's filters.

    python datatrove_pipeline.py WARCS OUTPUT

FineWeb's order: WARC, Trafilatura, Gopher repetition, Gopher quality, C4, FineWeb, personal data,
JSON Lines; Polish tokenizer, the filters' own thresholds, no page cut off by a clock.
"""

from __future__ import annotations

import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import WarcReader
from datatrove.pipeline.writers.jsonl import JsonlWriter

_LANGUAGE = "pol"
# Gopher's stop words are English by default; with those, every Polish page would be rejected early.
_STOP_WORDS = ["i", "w", "na", "się", "nie", "do", "z", "że", "to", "jest"]


def main() -> None:
    warcs, out = Path(sys.argv[1]), Path(sys.argv[2])
    steps = [
        WarcReader(str(warcs), glob_pattern="*.warc.gz"),
        Trafilatura(favour_precision=True, timeout=60),
        GopherRepetitionFilter(language=_LANGUAGE),
        GopherQualityFilter(language=_LANGUAGE, stop_words=_STOP_WORDS),
        C4QualityFilter(language=_LANGUAGE, filter_no_terminal_punct=False),
        FineWebQualityFilter(language=_LANGUAGE),
        PIIFormatter(),
        JsonlWriter(str(out / "kept")),
    ]
    LocalPipelineExecutor(pipeline=steps, logging_dir=str(out / "logs"), tasks=1).run()


if __name__ == "__main__":
    main()
