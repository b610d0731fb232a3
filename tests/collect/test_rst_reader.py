"""reStructuredText: prose and code stay, the machinery goes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import real

from mowa.collect import ReaderOptions, read_file

SOURCE = """\
:author: Jan Kowalski
:license: https://creativecommons.org/licenses/by-sa/4.0/
:version: 3

.. _zolw:

########
O żółwiu
########

Żółw jest *powolny*, zob. :ref:`rozdział o zającu <zajac>` i :term:`gad`,
a także `Wikipedię
<https://pl.wikipedia.org/>`_ oraz ``zolw.py``.

.. contents::
    :depth: 1

Kod
===

.. code-block:: python
    :linenos:

    def zolw(x):
        return x  # :ref:`nie`

Tak się go uruchamia::

    $ python zolw.py

.. note:: Uwaga na `zająca`_.

    Biega :kbd:`szybko`.

    .. code:: sh

        ls

.. figure:: img/zolw.png
    :alt: żółw

    Żółw w trawie

.. raw:: html

    <div>nie</div>

.. [1] Przypis o żółwiu.
.. |data| date::
.. komentarz
   na dwa wiersze

Koniec.
"""

TEXT = """\
O żółwiu

Żółw jest *powolny*, zob. rozdział o zającu i gad,
a także Wikipedię oraz `zolw.py`.

Kod

    def zolw(x):
        return x  # :ref:`nie`

Tak się go uruchamia:

    $ python zolw.py

Uwaga na zająca.

Biega szybko.

    ls

Żółw w trawie

[1] Przypis o żółwiu.

Koniec.
"""


def test_prose_and_code_stay_and_the_machinery_goes(read):
    (record,) = read("kurs/a.rst", SOURCE.encode())
    assert record.text == TEXT
    assert (record.title, record.author) == ("O żółwiu", "Jan Kowalski")
    assert (record.key, record.licence) == ("kurs/a.rst", "CC-BY-SA-4.0")


def test_nothing_that_a_directive_names_is_read(read, tmp_path):
    (tmp_path / "tajne").write_text("tajne")
    (record,) = read("a.rst", b"a\n\n.. include:: tajne\n\n.. raw:: html\n   :file: tajne\n\nb\n")
    assert record.text == "a\n\nb\n"


@pytest.mark.parametrize(
    "unit",
    ["`", "``", ":", ":a:`", ".. a::\n ", "`a <", "\n\n", "==\n", "....", ".. |", "` ", "a::\n"],
)
def test_half_a_megabyte_of_anything_is_read_at_once(read, unit):
    assert read("a.rst", (unit * (500_000 // len(unit))).encode())


def test_a_thousand_levels_of_directives_are_read(read):
    source = "".join(f"{' ' * n}.. note::\n\n" for n in range(1000)) + " " * 1001 + "koniec\n"
    assert "koniec" in read("a.rst", source.encode())[0].text


@given(st.text(".:`_|=* ab\n-[]<>", max_size=200))
def test_no_text_makes_reading_fail(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("rst") / "a.rst"
    path.write_bytes(text.encode())
    (record,) = read_file(path, "a.rst", ReaderOptions())
    assert isinstance(record.text, str)


def test_a_real_course_keeps_its_polish_words_and_its_code():
    files = sorted(real("text/python101-rst").rglob("*.rst"))
    assert files
    polish = re.compile(r"\b\w*[ąćęłńóśźż]\w*\b")
    kept = there = titles = 0
    for path in files:
        (record,) = read_file(path, path.name, ReaderOptions())
        directives = r"^\s*\.\. (?:raw|note|tip|figure|code-block|literalinclude|_\w+)::?"
        assert re.findall(directives, record.text, re.MULTILINE) == []
        assert re.findall(r":(?:ref|term|file|kbd):`", record.text) == []
        kept += len(polish.findall(record.text))
        there += len(polish.findall(path.read_text("utf-8")))
        titles += record.title is not None
    assert kept > 0.95 * there
    assert titles >= len(files) - 2
