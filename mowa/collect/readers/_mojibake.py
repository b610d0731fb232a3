"""Undoing mojibake: text that was once decoded with the wrong table, and only such text.

Two kinds are known. UTF-8 that was read byte by byte ("Å¼Ã³Å‚w", "ĹĽĂłĹ‚w"), even twice or three
times; and Polish in ISO-8859-2 or Windows-1250 that was read as the other of the two ("ksi±żka"),
or as Windows-1252 ("ksi±¿ka"). Whether a line is broken is judged by what stands in it and around
it: broken letters inside words speak for it; letters that a broken line cannot hold, against. An
example of mojibake in an otherwise good text stays as it is, and so does what stands in quotation
marks where nothing outside of them is broken.

ftfy 6.3.1 does not serve: it mends quoted examples, knows nothing of the second kind, and reads
clean Polish text at 4 MB/s, a hundredth of this module's speed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

# A stretch of a good text is mended only with so many broken letters in it: some 300 characters of
# Polish, where one in fifteen is beyond ASCII; a quoted example is shorter.
_LONG_STRETCH = 20

# Polish read with the wrong table has a broken letter inside a word in every 50 to 150 characters;
# signs between letters that come less often are typing errors and formulas.
_CHARACTERS_PER_SIGN = 500

_MAX_LAYERS = 3

_LEADS = (0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xCB, 0xD0, 0xD1, 0xE2, 0xEF, 0xF0)

_POLISH = frozenset("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ")

# What one layer less of UTF-8 mostly gives, in every language of Europe: its letters, or the first
# signs of another layer. Where two tables decode the same signs, these tell which is right.
_LIKELY = _POLISH | frozenset(
    "ÄÅÂÃĂĹâáčéěíňřšťúůýžäöüßàèêëôñçšžćđâîșțåæøабвгдежзийклмнопрстуфхцчшщ"
)
_C1 = "\x80-\x9f"
_LETTERS = "A-Za-zª-ºÀ-ÖØ-öø-ɏ"
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_QUOTED = re.compile(
    r"\"[^\"\n]{1,80}\"|`[^`\n]{1,80}`|“[^”\n]{1,80}”|„[^”\n]{1,80}”|«[^»\n]{1,80}»"
)


def repair(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` without mojibake, and a note for each kind that was undone.

    Text without mojibake comes back as the same object. The number of lines stays.

    Example:
        >>> repair("ZaÅ¼Ã³Å‚Ä‡ gÄ™Å›lÄ… jaÅºÅ„")
        ('Zażółć gęślą jaźń', ('repaired-double-utf-8',))
        >>> repair("Zamiast „ż” widać „Å¼”.")
        ('Zamiast „ż” widać „Å¼”.', ())
    """
    if text.isascii():
        return text, ()
    notes = []
    for _ in range(_MAX_LAYERS):
        single = _without_double_utf_8(text)
        if single is None:
            break
        text, notes = single, ["repaired-double-utf-8"]
    found = [
        (*mended, each) for each in _confusions() if (mended := _without_confusion(text, each))
    ]
    if found:
        # The right table explains most; the first of equals gives most away.
        text, _, confusion = max(found, key=lambda item: item[1])
        notes.append(confusion.note)
    return text, tuple(notes)


def repair_together(fields: Sequence[str | None]) -> tuple[list[str | None], tuple[str, ...]]:
    """`repair` for fields of one record, such as text and title: what one shows counts for all."""
    if all(field is None or field.isascii() for field in fields):
        return list(fields), ()
    there = [field for field in fields if field is not None]
    text, notes = repair("\n".join(there))
    if not notes:
        return list(fields), ()
    lines = iter(text.split("\n"))
    return [
        None if field is None else "\n".join(next(lines) for _ in range(field.count("\n") + 1))
        for field in fields
    ], notes


@dataclass(frozen=True, slots=True)
class _Tally:
    """What one line shows.

    Attributes:
        broken: Letters that would be mended.
        evidence: Those of them that stand where nothing but a letter can.
        unquoted: Those of `evidence` that stand outside of quotation marks.
        sound: Letters beyond ASCII that speak for another language, or against all damage.
        impossible: Those of `sound` that no damaged line holds.
    """

    broken: int = 0
    evidence: int = 0
    unquoted: int = 0
    sound: int = 0
    impossible: int = 0


def _without_double_utf_8(text: str) -> str | None:
    """`text` with one layer of UTF-8 undone in its broken lines; None where there is none."""
    leads, beginning = _beginning()
    if not any(lead in text for lead in leads) or beginning.search(text) is None:
        return None
    best: tuple[int, int] = (0, 0)
    for candidate in _readings():
        found = [_decoded(each, candidate[1]) for each in candidate[0].findall(text)]
        count = (sum(each in _LIKELY for each in found), len(found))
        if count > best:
            best, (pattern, table) = count, candidate
    if best == (0, 0):
        return None

    def tally(line: str) -> _Tally:
        if line.isascii():
            return _Tally()
        rest, broken = pattern.subn("", line)
        evidence = _sequences_in_words(line, pattern)
        unquoted = evidence and _sequences_in_words(_QUOTED.sub("", line), pattern)
        sound = sum(map(str.isalpha, _BEYOND_ASCII.findall(rest)))
        return _Tally(broken, evidence, unquoted, sound, sound)

    def mend(line: str) -> str:
        return pattern.sub(lambda match: _decoded(match.group(), table), line)

    mended = _mended(text, tally, mend, 1)
    return mended and mended[0]


def _decoded(sequence: str, table: dict[str, int]) -> str:
    return bytes(table[sign] for sign in sequence).decode("utf-8")


@cache
def _beginning() -> tuple[str, re.Pattern[str]]:
    """What the first two characters of a sequence may be, in any reading: quickly looked for."""
    tables = [table for _, table in _readings()]
    firsts = {sign for table in tables for sign, byte in table.items() if byte in _LEADS}
    seconds = {sign for table in tables for sign, byte in table.items() if byte < 0xC0}
    leads = "".join(sorted(sign for sign in firsts if sign >= "\xa0"))
    return leads, re.compile(f"[{leads}][{re.escape(''.join(sorted(seconds)))}]")


@cache
def _readings() -> tuple[tuple[re.Pattern[str], dict[str, int]], ...]:
    """Pattern and bytes of UTF-8 that was read as another encoding."""
    # ISO-8859-1 and Windows-1252 are one reading, as in browsers: they differ in C1 controls.
    return tuple(_reading(codec) for codec in ("cp1252", "cp1250", "iso8859-2"))


def _reading(codec: str) -> tuple[re.Pattern[str], dict[str, int]]:
    table: dict[str, int] = {}
    for byte in range(0x80, 0x100):
        table[bytes([byte]).decode(codec, "ignore") or chr(byte)] = byte
        if byte < 0xA0 and codec == "cp1252":
            table[chr(byte)] = byte
    signs: dict[int, list[str]] = {}
    for sign, byte in table.items():
        signs.setdefault(byte, []).append(sign)

    def of(first: int, last: int | None = None) -> str:
        both = range(first, (last or first) + 1)
        return "[" + "".join(re.escape(sign) for byte in both for sign in signs[byte]) + "]"

    # Latin-1 and Latin Extended-A; punctuation, arrows, formulas; U+FEFF, U+FFFD and U+FE0F; emoji.
    # What CB and C6 begin (˜, ˇ, ƒ) comes up between two layers.
    # Other scripts are left out: in Central European capitals (CZĘŻ, PÓŹ) their bytes are letters.
    tail = of(0x80, 0xBF)
    forms = [
        f"{of(0xC2, 0xC5)}{tail}",
        f"{of(0xCB)}(?:{of(0x86, 0x87)}|{of(0x98, 0x9D)})",
        f"{of(0xE2)}{tail}{tail}",
        f"{of(0xEF)}(?:{of(0xBB)}{of(0xBF)}|{of(0xBF)}{of(0xBD)}|{of(0xB8)}{of(0x8F)})",
        f"{of(0xF0)}{of(0x9F)}{tail}{tail}",
    ]
    if codec == "cp1252":
        forms += [
            f"{of(0xC6)}{of(0x92)}",
            f"{of(0xD0)}{of(0x90, 0xBF)}",
            f"{of(0xD1)}{of(0x80, 0x8F)}",
        ]
    return re.compile("|".join(forms)), table


def _sequences_in_words(line: str, pattern: re.Pattern[str]) -> int:
    return sum(_is_in_a_word(line, match) for match in pattern.finditer(line))


def _is_in_a_word(line: str, match: re.Match[str]) -> bool:
    """Does the sequence stand where a good text has no such signs: next to letters of its word?"""
    before, after = line[: match.start()][-1:], line[match.end() :][:1]
    follows, goes_on = before.isalpha(), after.isalpha()
    if not (follows or goes_on):
        return False
    if before.islower() or after.islower():
        return True
    # A capital before a closing quotation mark or a dash (MAÇÃ»), or two capitals, may be right.
    return goes_on and not all(map(str.isalpha, match.group()))


@dataclass(frozen=True, slots=True)
class _Confusion:
    """One table in the place of another.

    Attributes:
        note: What undoing it is called.
        broken: Signs that were other letters of Polish; and C1 controls, which no text has.
        kept: Signs that were letters of Polish, changed or not.
        table: For `str.translate`: what every sign was.
        telling: Those signs of `letters` that are no letters of other languages, or rarely.
        inside: One of them beside a letter.
        words: At least four letters and signs together.
    """

    note: str
    broken: frozenset[str]
    kept: frozenset[str]
    table: dict[int, str]
    telling: str
    inside: re.Pattern[str]
    words: re.Pattern[str]


@cache
def _confusions() -> tuple[_Confusion, ...]:
    """Each way in which Polish is misread, ordered by how much the misread text gives away."""
    return (
        _confusion("iso8859-2", "cp1250", "±¶Ľˇ¦¬", "iso-8859-2-as-windows-1250"),
        _confusion("iso8859-2", "cp1252", "±¶¼¡¦¬³¿£¯", "iso-8859-2-as-windows-1252"),
        _confusion("cp1250", "cp1252", "¹¥³¿£¯\x9c\x9f\x8c\x8f", "windows-1250-as-windows-1252"),
        _confusion("cp1250", "iso8859-2", "\x9c\x9f\x8c\x8f", "windows-1250-as-iso-8859-2"),
    )


def _confusion(real: str, read_as: str, telling: str, name: str) -> _Confusion:
    table: dict[int, str] = {}
    for byte in range(0x80, 0x100):
        was = bytes([byte]).decode(real, "ignore")
        if was and not "\x80" <= was < "\xa0":
            seen = bytes([byte]).decode(read_as, "ignore") or chr(byte)
            table[ord(seen)] = was
            table.setdefault(byte, was) if byte < 0xA0 else None
    polish = {chr(sign): was for sign, was in table.items() if was in _POLISH}
    signs = re.escape(telling)
    return _Confusion(
        f"repaired-{name}",
        frozenset(sign for sign, was in polish.items() if sign != was)
        | {chr(sign) for sign in table if sign < 0xA0},
        frozenset(polish),
        table,
        telling,
        re.compile(f"(?<=[{_LETTERS}])[{signs}]|[{_C1}](?=[{_LETTERS}])"),
        re.compile(f"[{_LETTERS}{signs}]{{4,}}"),
    )


def _without_confusion(text: str, confusion: _Confusion) -> tuple[str, int] | None:
    telling = [sign for sign in confusion.telling if sign in text]
    if not telling:
        return None
    if confusion.inside.search(text) is None:
        return None
    # Polish has more than one letter beyond ASCII; "age±SD, weight±SD" has one sign.
    if len(confusion.kept.intersection(_BEYOND_ASCII.findall(text))) < 2:
        return None

    def tally(line: str) -> _Tally:
        if line.isascii():
            return _Tally()
        beyond = _BEYOND_ASCII.findall(line)
        broken = sum(sign in confusion.broken for sign in beyond)
        sound = sum(
            sign not in confusion.kept
            and (sign.isalpha() or confusion.table.get(ord(sign), "").isalpha())
            for sign in beyond
        )
        impossible = sum(sign.isalpha() and ord(sign) not in confusion.table for sign in beyond)
        evidence = _telling_signs(line, telling, confusion.words)
        unquoted = evidence and _telling_signs(_QUOTED.sub("", line), telling, confusion.words)
        return _Tally(broken, evidence, unquoted, sound, impossible)

    # A C1 control beside a letter is never right; any other sign may be a slip of the pen.
    least = 1 if min(telling) < "\xa0" else 2
    return _mended(text, tally, lambda line: line.translate(confusion.table), least)


def _telling_signs(line: str, telling: Iterable[str], words: re.Pattern[str]) -> int:
    if not any(sign in line for sign in telling):
        return 0
    count = 0
    for match in words.finditer(line):
        word = match.group()
        # a±b and mean±SD are formulas; a word has letters that stand together, and no such capital.
        if re.search(r"[A-Za-z]{2}", word) and not re.search(r"[a-z][^A-Za-zÀ-ɏ][A-Z]", word):
            count += sum((word if sign < "\xa0" else word[1:-1]).count(sign) for sign in telling)
    return count


def _mended(
    text: str, tally: Callable[[str], _Tally], mend: Callable[[str], str], least: int
) -> tuple[str, int] | None:
    """`text` with `mend` done to its broken lines, and how many letters this speaks for.

    None where none is broken.

    A text is mended wherever it is broken if it has more of broken letters than of sound ones; else
    only in stretches of lines that are long enough to be no example.
    """
    lines = text.split("\n")
    tallies = [tally(line) for line in lines]
    evidence = sum(each.evidence for each in tallies)
    if not any(each.unquoted for each in tallies):
        return None
    dense = least == 1 or evidence * _CHARACTERS_PER_SIGN >= len(text)
    broken = sum(each.broken for each in tallies if each.evidence)
    if evidence >= least and dense and broken > sum(each.sound for each in tallies):
        chosen = [
            number
            for number, each in enumerate(tallies)
            if not each.impossible or each.broken > each.impossible
        ]
    else:
        chosen = _long_stretches(tallies)
    if not chosen:
        return None
    for number in chosen:
        lines[number] = mend(lines[number])
    return "\n".join(lines), sum(tallies[n].broken - tallies[n].sound for n in chosen)


def _long_stretches(tallies: Sequence[_Tally]) -> list[int]:
    """Numbers of the broken lines that stand together, with nothing sound between them."""
    chosen: list[int] = []
    stretch: list[int] = []
    broken = evidence = 0
    for number, each in enumerate([*tallies, _Tally(sound=1)]):
        if each.broken > each.sound:
            stretch.append(number)
            broken += each.broken
            evidence += each.evidence
        elif each.sound:
            if broken >= _LONG_STRETCH and evidence >= _LONG_STRETCH // 4:
                chosen += stretch
            stretch, broken, evidence = [], 0, 0
    return chosen
