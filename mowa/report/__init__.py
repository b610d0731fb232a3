"""One page frame for every `report.html`: figures, tables and inline SVG charts."""

from mowa.report._blocks import Block, Figures, Preformatted, Table, Text
from mowa.report._charts import Bars, Histogram, Lines
from mowa.report._page import Page, Section

__all__ = [
    "Bars",
    "Block",
    "Figures",
    "Histogram",
    "Lines",
    "Page",
    "Preformatted",
    "Section",
    "Table",
    "Text",
]
