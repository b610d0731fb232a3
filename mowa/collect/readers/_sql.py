"""Dumps of PostgreSQL and MySQL: one record a row of `INSERT … VALUES` and `COPY … FROM stdin`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._fields import BrokenRecordError, all_fields, record_of, text_fields
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._sql_tokens import Kind, Token, Tokens
from mowa.collect.readers._streams import open_stream, uncompressed
from mowa.errors import DataError

_NO_COLUMN = {
    b"CHECK", b"CONSTRAINT", b"EXCLUDE", b"FOREIGN", b"FULLTEXT", b"INDEX", b"KEY", b"LIKE",
    b"PERIOD", b"PRIMARY", b"SPATIAL", b"UNIQUE",
}  # fmt: skip
_MOST_COLUMNS = 4_096  # MySQL's limit; PostgreSQL's is 1,600
_MOST_TABLES = 10_000
_COPY_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_COPY_CHARACTERS = dict(zip(b"bfnrtv", b"\b\f\n\r\t\v", strict=True))


class Expression:
    """A value that is no literal, such as ``now()``; nobody computes it here."""


class TooLong:
    """A value that was too long to hold."""


def read_sql(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """One `Record` or `Skipped` a row, known by its id or its number from 1 in the file.

    Rows are read from the table `sql_table`, else from every table that has a column of the text;
    those of other tables are counted as ``other-table``. The columns are those of the statement,
    else of the ``CREATE TABLE`` before it. No statement is held in memory, only one row.

    Raises:
        DataError: Where the file has rows and none of a table to read.
    """
    with open_stream(path) as stream:
        dump = _Dump(Tokens(stream, options.max_record_bytes), relative, options)
        yield from dump.records()
        locator = f"{relative}#row={dump.row + 1}"
        if stream.failure is not None:
            yield broken(locator, stream.failure.reason, stream.failure.detail, options)
        elif dump.is_cut:
            yield broken(locator, "truncated-sql", "", options)
    if dump.row and not dump.found:
        raise _no_table(dump.tables, options, path)


class _Dump:
    """What is known of a dump so far.

    Attributes:
        tables: Columns by table, in lower case where they are not quoted.
        row: The number of the last row.
        found: A table to read was met.
        is_cut: The dump ends within a statement.
    """

    def __init__(self, tokens: Tokens, relative: str, options: ReaderOptions) -> None:
        self.tables: dict[str, list[str]] = {}
        self.row = 0
        self.found = False
        self.is_cut = False
        self._tokens = tokens
        self._relative = relative
        self._options = options
        self._wanted = set(all_fields(options))

    def records(self) -> Iterator[Record | Skipped]:
        """Yield what the rows of all statements give."""
        while (token := self._tokens.next(keep=False)).kind is not Kind.END:
            if token.is_word(b"INSERT", b"REPLACE"):
                yield from self._insert()
            elif token.is_word(b"COPY"):
                yield from self._copy()
            elif token.is_word(b"CREATE"):
                self._create()
            elif token.is_word(b"SET"):
                self._set()
            elif token.is_sign(b"\\"):  # psql's own: \restrict, \connect
                self._tokens.line(0)
            else:
                self._pass(token)
        self.is_cut = self.is_cut or self._tokens.cut

    def _pass(self, token: Token | None = None) -> None:
        """Pass the rest of a statement, of which `token` is the last that was read."""
        while token is None or not (token.is_sign(b";") or token.kind is Kind.END):
            token = self._tokens.next(keep=False)
        self.is_cut = self.is_cut or token.kind is Kind.END

    def _set(self) -> None:
        token = self._tokens.next()
        if token.is_word(b"STANDARD_CONFORMING_STRINGS"):
            self._tokens.next()
            token = self._tokens.next()
            if (token.value or b"").lower() in {b"off", b"on"}:
                self._tokens.backslash = (token.value or b"").lower() == b"off"
        self._pass(token)

    def _create(self) -> None:
        """Remember the columns of a table."""
        token = self._tokens.next()
        while token.is_word(b"TEMPORARY", b"TEMP", b"UNLOGGED", b"GLOBAL", b"LOCAL", b"FOREIGN"):
            token = self._tokens.next()
        if not token.is_word(b"TABLE"):
            self._pass(token)
            return
        token = self._tokens.next()
        while token.is_word(b"IF", b"NOT", b"EXISTS"):
            token = self._tokens.next()
        table, token = self._table(token)
        columns: list[str] = []
        depth = int(token.is_sign(b"("))
        is_first = True
        while depth and token.kind is not Kind.END:
            token = self._tokens.next()
            if depth == 1 and is_first and not token.is_word(*_NO_COLUMN):
                columns.append(_text(token))
            is_first = depth == 1 and token.is_sign(b",")
            depth += token.is_sign(b"(") - token.is_sign(b")")
        self._pass(token)
        if len(columns) <= _MOST_COLUMNS and len(self.tables) < _MOST_TABLES:
            self.tables[table] = columns

    def _insert(self) -> Iterator[Record | Skipped]:
        token = self._tokens.next()
        while token.kind is Kind.WORD and not token.is_word(b"INTO"):
            token = self._tokens.next()
        if not token.is_word(b"INTO"):
            self._pass(token)
            return
        table, token = self._table(self._tokens.next())
        columns, token = self._columns(table, token)
        while token.kind is Kind.WORD and not token.is_word(b"VALUES", b"VALUE", b"SELECT"):
            token = self._tokens.next()  # OVERRIDING SYSTEM VALUE
        if not token.is_word(b"VALUES", b"VALUE"):
            self._pass(token)
            return
        is_read = self._is_read(table, columns)
        token = self._tokens.next()
        while token.is_sign(b"("):
            values, token = self._values(columns if is_read else [])
            if token.kind is Kind.END:
                self.is_cut = True
                return
            yield self._one(table, columns, values, is_read=is_read)
            token = self._tokens.next()
            token = self._tokens.next() if token.is_sign(b",") else token
        self._pass(token)

    def _copy(self) -> Iterator[Record | Skipped]:
        table, token = self._table(self._tokens.next())
        columns, token = self._columns(table, token)
        is_stdin = token.is_word(b"FROM") and self._tokens.next().is_word(b"STDIN")
        if not is_stdin:
            self._pass(token)
            return
        token = self._tokens.next()
        is_plain = token.is_sign(b";")
        self._pass(token)
        self._tokens.line(0)
        is_read = self._is_read(table, columns)
        # Each byte of a text may take two.
        limit = 2 * self._options.max_record_bytes if is_read else 8
        while not self._tokens.at_end:
            line = self._tokens.line(limit)
            if line == b"\\.":
                return
            if self._tokens.at_end:  # a line that the end mark does not follow may be cut itself
                break
            yield self._one(
                table, columns, _copied(line, columns) if is_plain else None, is_read=is_read
            )
        self.is_cut = True

    def _table(self, token: Token) -> tuple[str, Token]:
        """The table's name without its schema, and the token after it."""
        name = _text(token)
        token = self._tokens.next()
        while token.is_sign(b"."):
            name = _text(self._tokens.next())
            token = self._tokens.next()
        return name, token

    def _columns(self, table: str, token: Token) -> tuple[list[str], Token]:
        """Columns as the statement or the table has them, and the token after the list."""
        if not token.is_sign(b"("):
            return self.tables.get(table, []), token
        columns: list[str] = []
        while token.kind is not Kind.END and not token.is_sign(b")"):
            token = self._tokens.next()
            if token.kind is not Kind.SIGN and len(columns) < _MOST_COLUMNS:
                columns.append(_text(token))
        if len(self.tables) < _MOST_TABLES:
            self.tables.setdefault(table, columns)
        return columns, self._tokens.next()

    def _is_read(self, table: str, columns: list[str]) -> bool:
        named = self._options.sql_table
        has_text = not columns or any(field in columns for field in text_fields(self._options))
        is_read = (not named or table == named) and has_text
        self.found = self.found or is_read
        return is_read

    def _values(self, columns: list[str]) -> tuple[list[Any], Token]:
        """The values of a row, those of columns that nobody asks for as None; the token after."""
        values: list[Any] = []
        token = Token(Kind.SIGN, b",")
        while token.is_sign(b","):
            keep = len(values) < len(columns) and columns[len(values)] in self._wanted
            value, token = self._value(keep=keep)
            if len(values) <= _MOST_COLUMNS:
                values.append(value if keep else None)
        return values, token

    def _value(self, *, keep: bool) -> tuple[Any, Token]:
        """A literal, maybe with a charset before or a type behind; or else an `Expression`."""
        token = self._tokens.next(keep=keep)
        while token.is_word(b"N") or (token.kind is Kind.WORD and (token.value or b"")[:1] == b"_"):
            token = self._tokens.next(keep=keep)
        sign = b""
        if token.is_sign(b"-") or token.is_sign(b"+"):
            sign = token.value or b""
            token = self._tokens.next(keep=keep)
        value = _literal(token, sign)
        depth = _depth(token)
        is_type = False
        token = self._tokens.next(keep=False)
        while token.kind is not Kind.END and (
            depth or not (token.is_sign(b",") or token.is_sign(b")"))
        ):
            is_type = is_type or token.is_sign(b":")
            value = value if is_type else Expression()
            depth += _depth(token)
            token = self._tokens.next(keep=False)
        return value, token

    def _one(
        self, table: str, columns: list[str], values: list[Any] | None, *, is_read: bool
    ) -> Record | Skipped:
        self.row += 1
        locator = f"{self._relative}#row={self.row}"
        if not is_read:
            return Skipped(locator, "other-table", table)
        try:
            row = _row(table, columns, values)
            key = f"{uncompressed(self._relative)}#{self.row}"
            return record_of(row, key, locator, self._options)
        except BrokenRecordError as error:
            return broken(locator, error.reason, error.detail, self._options)


def _row(table: str, columns: list[str], values: list[Any] | None) -> dict[str, Any]:
    """Values by column.

    Raises:
        BrokenRecordError: Where they are not known.
    """
    if not columns:
        raise BrokenRecordError("unknown-columns", table)
    if values is None:
        raise BrokenRecordError("invalid-sql", "this form of COPY is not read")
    if any(isinstance(value, TooLong) for value in values):
        raise BrokenRecordError("record-too-large")
    if len(values) != len(columns):
        detail = f"{len(values)} values for {len(columns)} columns"
        raise BrokenRecordError("invalid-sql", detail)
    return dict(zip(columns, values, strict=True))


def _depth(token: Token) -> int:
    """How much deeper in brackets the next token is."""
    opens = token.is_sign(b"(") or token.is_sign(b"[")
    return opens - (token.is_sign(b")") or token.is_sign(b"]"))


def _text(token: Token) -> str:
    name = (token.value or b"").decode("utf-8", "replace")
    return name.lower() if token.kind is Kind.WORD else name


def _literal(token: Token, sign: bytes) -> Any:
    if token.kind is Kind.STRING and not sign:
        return TooLong() if token.value is None else token.value
    if token.kind is Kind.NUMBER:
        number = (sign + (token.value or b"")).decode()
        return int(number) if number.lstrip("-+").isdecimal() and len(number) < 40 else number
    if token.is_word(b"NULL", b"DEFAULT"):
        return None
    if token.is_word(b"TRUE", b"FALSE"):
        return token.is_word(b"TRUE")
    return Expression()


def _copied(line: bytes | None, columns: list[str]) -> list[Any]:
    """The values of a line of COPY's text format."""
    if line is None:
        return [TooLong()]
    fields = line.split(b"\t", _MOST_COLUMNS) if columns else []
    return [None if field == rb"\N" else _COPY_ESCAPE.sub(_unescaped, field) for field in fields]


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if len(code) > 1 and code[:1] == b"x":
        return bytes([int(code[1:], 16)])
    if code.isdigit():
        return bytes([int(code, 8) & 0xFF])
    return bytes([_COPY_CHARACTERS.get(code[0], code[0])])


def _no_table(tables: dict[str, list[str]], options: ReaderOptions, path: Path) -> DataError:
    fields = text_fields(options)
    if options.sql_table and options.sql_table not in tables:
        problem = f"there is no row of the table {options.sql_table!r}"
    else:
        problem = f"no table has the column {' or '.join(map(repr, fields))}"
    columns = list(dict.fromkeys(column for found in tables.values() for column in found))
    near = get_close_matches(fields[0], columns, n=1, cutoff=0.4)
    hint = f" (such as {near[0]!r})" if near else ""
    listed = "; ".join(f"{table}: {', '.join(found)}" for table, found in tables.items())[:600]
    return DataError(
        problem,
        where=str(path),
        fix=f"name the column of the text in reader.text_field{hint}; there are {listed}; or leave"
        " the file out with the inventory's exclude",
    )
