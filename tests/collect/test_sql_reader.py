import gzip
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from real_data import real

from mowa.collect import ReaderOptions, Record, Skipped, read_file
from mowa.collect.readers import _sql_tokens
from mowa.corpus._extract import extract
from mowa.errors import DataError

POSTGRES = r"""
\restrict abc
SET standard_conforming_strings = on;
CREATE TABLE public.uchwaly (
    id integer NOT NULL DEFAULT nextval('x; y'::regclass),
    "Tytuł" character varying(255),
    text text, -- treść; cała
    price numeric(10, 2),
    PRIMARY KEY (id, text)
) PARTITION BY RANGE (id, other);
CREATE FUNCTION f() RETURNS trigger AS $body$ BEGIN INSERT INTO x VALUES (1); END $body$;
/* komentarz; 'nie domknięty */
INSERT INTO public.uchwaly (id, "Tytuł", text, price) VALUES (1, 'O''Hara', 'C:\nowe', 1.5e-3),
  (2, NULL, E'wers\nza wersem \'i\' \u0105', -7) ON CONFLICT DO NOTHING;
INSERT INTO uchwaly VALUES (3, 'a'::character varying(9), 'Rzutowany'::text, ARRAY['a', 'b'][1]);
INSERT INTO inne (a) VALUES ('x'), ('y');
COPY public.uchwaly (id, "Tytuł", text) FROM stdin;
4	\N	pierwszy\ndrugi\tz tabulatorem i \\ ukośnikiem
5	T	\\N
\.
INSERT INTO uchwaly VALUES (6, 'b', $q$bez 'cudzysłowów'$q$, now());
"""

MYSQL = r"""-- MySQL dump 10.13
# komentarz; z 'apostrofem
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `posty`;
CREATE TABLE `posty` (
  `id` int NOT NULL AUTO_INCREMENT,
  `text` longtext COLLATE utf8mb4_polish_ci COMMENT 'a, b',
  `title` varchar(10),
  PRIMARY KEY (`id`),
  KEY `t` (`title`,`text`(10))
) ENGINE=InnoDB;
LOCK TABLES `posty` WRITE;
INSERT INTO `posty` VALUES (1,'Idź na \'skróty\'\nprzez las; 50\% \\ drogi','a'),
(2,_utf8mb4'b\"c',NULL);
INSERT INTO `posty` VALUES (3,"w cudzysłowie 'mysql'",'');
UNLOCK TABLES;
"""


def test_a_dump_of_postgresql_is_read_row_by_row(read):
    found = read("a.sql.gz", gzip.compress(POSTGRES.encode(), mtime=0), title_field="Tytuł")
    records = [item for item in found if isinstance(item, Record)]
    assert [(record.key, record.title, record.text) for record in records] == [
        ("1", "O'Hara", r"C:\nowe"),
        ("2", None, "wers\nza wersem 'i' ą"),
        ("3", "a", "Rzutowany"),
        ("4", None, "pierwszy\ndrugi\tz tabulatorem i \\ ukośnikiem"),
        ("5", "T", r"\N"),
        ("6", "b", "bez 'cudzysłowów'"),
    ]
    assert [record.locator for record in records] == [
        f"a.sql.gz#row={row}" for row in (1, 2, 3, 6, 7, 8)
    ]
    assert [item for item in found if isinstance(item, Skipped)] == [
        Skipped(f"a.sql.gz#row={row}", "other-table", "inne") for row in (4, 5)
    ]


def test_a_dump_of_mysql_has_its_own_escapes(read):
    found = read("a.sql", MYSQL.encode())
    assert [(record.key, record.title, record.text) for record in found] == [
        ("1", "a", "Idź na 'skróty'\nprzez las; 50\\% \\ drogi"),
        ("2", None, 'b"c'),
        ("3", None, "w cudzysłowie 'mysql'"),
    ]


def test_postgresql_may_be_told_that_backslashes_escape(read):
    raw = r"SET standard_conforming_strings = off; INSERT INTO t (text) VALUES ('a\'b');"
    assert read("a.sql", raw.encode())[0].text == "a'b"


def test_one_table_may_be_named(outline):
    raw = b"INSERT INTO a (id, text) VALUES (1, 'x'); INSERT INTO b (id, text) VALUES (2, 'y');"
    assert outline("a.sql", raw) == ["1", "2"]
    assert outline("a.sql", raw, sql_table="b") == ["-other-table", "2"]
    with pytest.raises(DataError, match="no row of the table 'c'"):
        outline("a.sql", raw, sql_table="c", bad_input="skip")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"(2, NULL)", "no-text-field"),
        (b"(2, now())", "no-text-field"),
        (b"(2, 'a' || 'b')", "no-text-field"),
        (b"(2, X'41')", "no-text-field"),
        (b"(2)", "invalid-sql"),
        (b"(2, 'a', 3)", "invalid-sql"),
        (b"(true, 'a')", "invalid-id"),
        (b"(2, '\xb3\xf3d\xbc')", "invalid-utf-8"),
        (b"(2, E'\\xb3')", "invalid-utf-8"),
        (b"(2, E'\\ud800')", "invalid-utf-8"),
        (b"(2, '" + b"a" * 101 + b"')", "record-too-large"),
        (b"(2, E'" + b"\\\\" * 101 + b"')", "record-too-large"),
    ],
)
def test_a_broken_row_is_refused_by_its_number_or_counted(read, row, reason):
    raw = b"INSERT INTO t (id, text) VALUES (1, 'a'), " + row + b", (3, 'b');"
    found = read("a.sql", raw, bad_input="skip", max_record_bytes=100)
    assert [item.locator for item in found] == [f"a.sql#row={number}" for number in (1, 2, 3)]
    assert isinstance(found[1], Skipped)
    assert found[1].reason == reason
    assert [found[0].text, found[2].text] == ["a", "b"]
    with pytest.raises(DataError, match="row=2"):
        read("a.sql", raw, max_record_bytes=100)


def test_a_long_column_that_nobody_asks_for_is_passed(read):
    raw = b"INSERT INTO t (x, text) VALUES ('" + b"a" * 200_000 + b"', 'b');"
    assert read("a.sql", raw, max_record_bytes=100)[0].text == "b"


def test_rows_without_known_columns_are_counted(outline):
    raw = b"INSERT INTO t VALUES (1, 'a');"
    assert outline("a.sql", raw, bad_input="skip") == ["-unknown-columns"]
    with pytest.raises(DataError, match="with column names"):
        outline("a.sql", raw)


@pytest.mark.parametrize("bad_input", ["refuse", "skip"])
def test_a_wrong_column_is_an_error_that_names_the_right_one(read, bad_input):
    with pytest.raises(DataError, match="no table has the column 'text'") as caught:
        read("a.sql", b"INSERT INTO t (nr, text_content) VALUES (1, 'a');", bad_input=bad_input)
    assert "such as 'text_content'" in str(caught.value)
    assert "t: nr, text_content" in str(caught.value)


def test_a_dump_cut_anywhere_gives_rows_and_says_so(outline):
    whole = POSTGRES.encode()
    rows = ["1", "2", "3", "-other-table", "-other-table", "4", "5", "6"]
    for end in range(whole.index(b"INSERT INTO public"), len(whole), 3):
        cut = whole[:end].rstrip()
        *found, last = [*outline("a.sql", whole[:end], bad_input="skip"), "-"]
        if found[-1:] == ["-truncated-sql"]:
            last = found.pop()
        assert found == rows[: len(found)]
        is_whole = cut.endswith((b";", rb"\.", b"*/")) and not cut.endswith(b"stdin;")
        assert (last == "-") == is_whole, cut[-40:]


def test_a_file_cut_short_gives_what_is_whole(outline):
    packed = gzip.compress(MYSQL.encode(), mtime=0)[:-4]
    assert outline("a.sql.gz", packed, bad_input="skip")[-1] == "-truncated-gzip"


def test_copy_in_another_format_is_counted(outline):
    raw = b"COPY t (id, text) FROM stdin WITH (FORMAT csv);\n1,a\n2,b\n\\.\n"
    assert outline("a.sql", raw, bad_input="skip") == ["-invalid-sql", "-invalid-sql"]


def test_a_dump_without_rows_holds_nothing(outline):
    assert outline("a.sql", b"SET x = 1; CREATE TABLE t (a int);") == []


def test_a_long_statement_is_never_held(tmp_path):
    path = tmp_path / "a.sql"
    row = b",\n(7, '" + b"zdanie " * 1_000 + b"')"
    path.write_bytes(b"INSERT INTO t (id, text) VALUES (0, 'a')" + row * 2_000 + b";")
    tracemalloc.start()
    assert sum(1 for _ in read_file(path, "a.sql", ReaderOptions())) == 2_001
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 13 << 20
    assert peak < 1 << 20


def insert(table, values):
    return f"INSERT INTO {table} VALUES ({'),('.join(values)});"  # noqa: S608 (nobody runs it)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
signs = st.text("'\\\"`;,()$E\n\r\t -/*#aN.", max_size=12)


@given(st.lists(texts | signs, min_size=1, max_size=6), st.integers(1, 40))
@example(["\\"], 1)
@example(["'"], 1)
def test_what_was_written_is_what_is_read(tmp_path_factory, written, chunk):
    postgres = ["'" + text.replace("'", "''") + "'" for text in written]
    postgres += [
        "E'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
        for text in written
    ]
    mysql = [
        "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
        for text in written
    ]
    copied = [
        text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
        for text in written
    ]
    folder = tmp_path_factory.mktemp("sql")
    dumps = {
        "pg.sql": insert("t (text)", postgres),
        "my.sql": insert("`t` (`text`)", mysql),
        "copy.sql": "COPY t (text) FROM stdin;\n"
        + "".join(f"{text}\n" for text in copied)
        + "\\.\n",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sql_tokens, "_CHUNK", chunk)
        for name, dump in dumps.items():
            (folder / name).write_bytes(dump.encode())
            found = [record.text for record in read_file(folder / name, name, ReaderOptions())]
            assert found == (written * 2 if name == "pg.sql" else written)


@given(
    st.lists(
        st.sampled_from(["INSERT INTO t ", "(text)", " VALUES ", "('a')", ",", ";", "'", "("])
        | signs
        | st.sampled_from(["COPY t (text) FROM stdin;\n", "\\.\n", "CREATE TABLE t ("])
    )
)
def test_any_text_gives_records_or_reasons(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("sql") / "a.sql"
    path.write_text("".join(pieces), "utf-8")
    try:
        found = list(read_file(path, "a.sql", ReaderOptions(bad_input="skip")))
    except DataError:
        return
    assert all(isinstance(item, Record | Skipped) for item in found)


def test_judgments_of_common_courts_are_pages():
    name = "testRawSourceCcJudgments.sql"
    path = real(f"text/saos-common-courts-html/{name}")
    options = ReaderOptions(
        text_field="text_content",
        text_is_html=True,
        id_field="source_id",
        title_field="case_number",
        url_field="source_url",
        date_field="publication_date",
    )
    found = list(read_file(path, name, options))
    assert len(found) == 25
    first = found[0]
    assert first.key == "152010000001003_II_Ca_002026_2013_Uz_2014-02-27_002"
    assert (first.title, first.date) == ("II Ca 2026/13", "2014-05-01 16:15:08")
    text = extract(first.html, charset=first.encoding, main_content=False).text
    assert text.startswith("Sygnatura akt II Ca 2026/13")
    assert "Sąd Okręgowy w Krakowie Wydział II Cywilny Odwoławczy" in text
