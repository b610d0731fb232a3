"""The small world of the quickstart and the tests: Polish texts that we wrote ourselves."""

from mowa.sample._write import SampleSummary, write_sample

__all__ = ["SampleSummary", "write_sample"]
