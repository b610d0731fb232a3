# ruff: noqa: INP001  # scripts are no package
"""The texts that the language model learns from and is tried on, each source on one side only."""

from __future__ import annotations

import gettext
import gzip
import html
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

# Codes of packages to ISO 639-3. Bosnian, Croatian and Serbian in Latin letters cannot be told
# apart by a few sentences and need not be here: one class, the macrolanguage `hbs`.
CODES = {
    "be": "bel", "bel": "bel", "br": "bre", "bs": "hbs", "bos": "hbs", "bg": "bul", "bul": "bul",
    "ca": "cat", "cs": "ces", "ces": "ces", "csb": "csb", "cy": "cym", "da": "dan", "de": "deu",
    "deu": "deu", "dsb": "dsb", "el": "ell", "en": "eng", "en-us": "eng", "eng": "eng",
    "eo": "epo", "es": "spa", "es-es": "spa", "et": "est", "eu": "eus", "fi": "fin", "fr": "fra",
    "ga-ie": "gle", "gl": "glg", "hr": "hbs", "hrv": "hbs", "hsb": "hsb", "hu": "hun",
    "hun": "hun", "is": "isl", "it": "ita", "lit": "lit", "lt": "lit", "lv": "lav", "mk": "mkd",
    "nb-no": "nor", "nb": "nor", "nl": "nld", "pl": "pol", "pol": "pol", "pt-pt": "por",
    "ro": "ron", "ron": "ron", "ru": "rus", "rus": "rus", "sk": "slk", "slk": "slk",
    "sl": "slv", "slv": "slv", "sq": "sqi", "sr": "srp", "srp": "srp", "sv": "swe", "sv-se": "swe",
    "szl": "szl", "tr": "tur", "uk": "ukr", "ukr": "ukr",
}  # fmt: skip
_ENGLISH = re.compile(r"\b(?:the|of|and|this|with|for|you|your)\b")


def learnt(data: Path, packages: Path) -> Iterator[tuple[str, str, str]]:
    """(source, language, text) of every passage of the sources that the model is taught on."""
    yield from _passages_of(packages, _PACKAGES_LEARNT)
    yield from _passages_of(data, _DATA_LEARNT)


def held_out(data: Path, packages: Path | None = None) -> Iterator[tuple[str, str, str]]:
    """(source, language, text) of the sources that the model has never seen.

    A program's message that is the same in Polish is in neither language more than in the other:
    it is left out.
    """
    yield from _passages_of(data, _DATA_HELD_OUT)
    if packages is None:
        return
    polish: dict[str, set[str]] = {}
    for source, _, text in _passages_of(packages, _PACKAGES_IN_POLISH):
        polish.setdefault(source, set()).add(text)
    for source, code, text in _passages_of(packages, _PACKAGES_HELD_OUT):
        if text not in polish.get(source, ()):
            yield source, code, text


def short(
    data: Path, packages: Path | None = None, longest: int = 49
) -> Iterator[tuple[str, str, str]]:
    """(source, language, text) of Polish and protected lines of 5 to 49 characters, each once.

    Messages of programs, and verses, headings and names of Wolne Lektury; no source was learnt
    from. A message that is in two of the languages is left out.
    """
    found = {(source, "pol"): dict.fromkeys(texts) for source, texts in _short_lines(data)}
    if packages is not None:
        tables = (*_PACKAGES_IN_POLISH, *_PACKAGES_HELD_OUT)
        for source, code, text in _passages_of(packages, tables, letters=4):
            found.setdefault((source, code), {})[text] = None
    languages = Counter(text for texts in found.values() for text in texts)
    for (source, code), texts in found.items():
        for text in texts:
            if 5 <= len(text) <= longest and languages[text] == 1:
                yield source, code, text


def _short_lines(data: Path) -> Iterator[tuple[str, list[str]]]:
    files = sorted(data.glob("text/wolne-lektury-xml/**/*.xml"))
    texts = [text for file in files for text in _xml(file).split("\n")]
    lines = (" ".join(text.split()) for text in texts)
    yield "wolne-lektury", [line for line in lines if sum(map(str.isalpha, line)) >= 4]


def develops(source: str, text: str) -> bool:
    """Whether a held-out text is for choosing thresholds, and so not for the trial."""
    if source == "mediawiki":  # the only one of Kashubian and Lower Sorbian: every other message
        return blake2b(text.encode(), digest_size=1).digest()[0] % 2 == 0
    return source in ("udhr", "ud-pud", "kodeksy")


def _passages_of(
    root: Path, sources: Sequence[Source], letters: int = 12
) -> Iterator[tuple[str, str, str]]:
    for name, pattern, tag, read in sources:
        for file in sorted(root.glob(pattern)):
            # A package may link one language's folder to another's: Slovak help to Czech.
            if file.parent.resolve() != root.resolve() / file.parent.relative_to(root):
                continue
            if code := CODES.get(tag(file).lower()):
                yield from _named(name, code, read(file), letters)


def _named(
    source: str, code: str, texts: Iterable[str], letters: int
) -> Iterator[tuple[str, str, str]]:
    for text in texts:
        line = " ".join(text.split())
        if sum(map(str.isalpha, line)) >= letters and not (
            code not in ("eng", "deu", "dan", "nld", "nor", "swe")
            and len(_ENGLISH.findall(line)) > 1
        ):
            yield source, code, line


def _of_langpack(file: Path) -> str:
    return file.name.partition("@")[0].removeprefix("langpack-")


def _xpi(file: Path) -> Iterator[str]:
    with zipfile.ZipFile(file) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith((".ftl", ".properties")):
                continue
            for line in archive.read(name).decode("utf-8", "replace").splitlines():
                if line.startswith("#") or "=" not in line:
                    continue
                yield _plain(line.partition("=")[2])


def _plain(text: str) -> str:
    """A message without its markup: braces, tags, links, addresses, letters after a %."""
    text = html.unescape(text.replace("&shy;", ""))
    for _ in range(2):
        text = re.sub(r"\{[^{}]*\}", " ", text)
    text = re.sub(r"<[^<>]{0,300}>|https?://\S+|%\w|\$\d|&\w+;", " ", text)
    return re.sub(r"\[\[[^\[\]|]*\||[\[\]~_'{}*#=]|\\\w", " ", text).strip()


def _man(file: Path) -> Iterator[str]:
    try:
        text = gzip.decompress(file.read_bytes()).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    lines = [line for line in text.splitlines() if line[:1] not in (".", "'", "")]
    plain = re.sub(r"\\f.|\\[&|,/:%c^]|\\\(..|\\\[[^\]]*\]|\\-|\\e", " ", "\n".join(lines))
    words = plain.split()
    for start in range(0, min(len(words), 3000), 40):
        yield " ".join(words[start : start + 40])


def _page(file: Path) -> list[str]:
    text = file.read_text("utf-8", "replace")
    text = re.sub(r"(?s)<(script|style|nav|head)\b.*?</\1>", " ", text)
    parts = re.findall(r"(?s)<(?:p|h1|h2|td)\b[^>]*>(.*?)</(?:p|h1|h2|td)>", text)
    return [html.unescape(re.sub(r"<[^>]*>", "", part)) for part in parts]


def _handbook(file: Path) -> str:
    return file.parent.name.partition("-")[0]


def _catalogue(file: Path) -> Iterator[str]:
    with file.open("rb") as stream:
        messages = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]  # noqa: SLF001
    for key, text in messages.items():
        if key and text != key:
            yield _plain(text.replace("~", ""))


def _xml(file: Path) -> str:
    try:
        return "\n".join(ET.parse(file).getroot().itertext())  # noqa: S314
    except ET.ParseError:
        return ""


def _passages(text: str) -> Iterator[str]:
    words = text.split()
    for start in range(0, len(words), 45):
        yield " ".join(words[start : start + 45])


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _lines(file: Path) -> list[str]:
    return file.read_text().split("\n")


def _leipzig(file: Path) -> list[str]:
    return [line.partition("\t")[2] for line in _lines(file)]


def _poquad(file: Path) -> list[str]:
    entries = json.loads(file.read_text())["data"]
    return [item["context"] for entry in entries for item in entry["paragraphs"]]


def _udhr(file: Path) -> list[str]:
    root = ET.parse(file).getroot()  # noqa: S314  # a file of the Unicode project
    return [" ".join(part.itertext()) for part in root.iter() if part.tag.endswith("para")]


def _sentences(file: Path) -> list[str]:
    return re.findall(r"^# text = (.+)$", file.read_text(), re.MULTILINE)


def _messages(file: Path) -> list[str]:
    found = json.loads(file.read_text()).values()
    return [_plain(text) for text in found if isinstance(text, str)]


def _always(code: str) -> Callable[[Path], str]:
    return lambda _file: code


def _ntrex(file: Path) -> str:
    tag = file.name.split(".")[1]
    return {"eng-IN": "", "eng-GB": "", "eng-US": "eng", "srp-Latn": "hbs"}.get(
        tag, tag.partition("-")[0]
    )


def _of_udhr(file: Path) -> str:
    return "hbs" if file.stem == "udhr_srp_latn" else file.stem.split("_")[1]


def _folder(up: int) -> Callable[[Path], str]:
    return lambda file: file.parents[up].name


# Name, files, the language of a file, its reader.
Source = tuple[str, str, Callable[[Path], str], Callable[[Path], Iterable[str]]]
_HELP = "usr/share/libreoffice/help"
_MO = "usr/lib/libreoffice/program/resource"
_EXTENSION = "extensions/langpack-*.xpi"
_PACKAGES_LEARNT: list[Source] = [
    *(
        ("mozilla", f"usr/lib/{where}/{_EXTENSION}", _of_langpack, _xpi)
        for where in ("firefox-esr/browser", "thunderbird")
    ),
    ("manpages", "usr/share/man/*/man[1-8]/*.gz", _folder(1), _man),
    (
        "libreoffice-help",
        f"{_HELP}/*/text/**/*.html",
        lambda file: file.as_posix().split("/help/")[1].split("/")[0],
        _page,
    ),
    *(
        ("libreoffice", f"{_MO}/{code}/*/*.mo", _folder(1), _catalogue)
        for code in ("be", "lt", "bg", "cs", "hr", "mk", "ru", "sk", "sl", "sr", "uk")
    ),
    ("gimp-help", "usr/share/gimp/2.0/help/*/*.html", _folder(0), _page),
    ("handbook", "usr/share/doc/debian-handbook/html/*/*.html", _handbook, _page),
    ("installation", "usr/share/doc/installation-guide-amd64/*/*.html", _folder(0), _page),
    ("anarchism", "usr/share/doc/anarchism/html/*.html", _always("eng"), _page),
]
_DATA_LEARNT: list[Source] = [
    ("eltec", "text/eltec-pol/*.xml", _always("pol"), lambda file: _passages(_xml(file))),
    (
        "ustawy",
        "text/ustawy-dziennik-ustaw/**/*.txt",
        _always("pol"),
        lambda file: _passages(file.read_text("utf-8", "replace")),
    ),
    ("poquad", "text/poquad-wikipedia/data.json", _always("pol"), _poquad),
    ("wikipedia", "text/silesian-wikipedia/szlwiki*.txt", _always("szl"), _lines),
    ("wikipedia", "text/kashubian-wikipedia-leipzig/*sentences.txt", _always("csb"), _leipzig),
]
_DATA_HELD_OUT: list[Source] = [
    ("ntrex", "lid/ntrex/newstest2019-ref.*.txt", _ntrex, _lines),
    ("udhr", "lid/udhr/udhr_*.xml", _of_udhr, _udhr),
    ("ud-pud", "text/ud-polish-pud/*.conllu", _always("pol"), _sentences),
    ("ud-mpdt", "text/ud-polish-mpdt/*.conllu", _always("pol"), _sentences),
    (
        "wolne-lektury",
        "text/wolne-lektury-xml/**/*.xml",
        _always("pol"),
        lambda file: _passages(_xml(file)),
    ),
    (
        "kodeksy",
        "text/kodeksy-json/*.json",
        _always("pol"),
        lambda file: _strings(json.loads(file.read_text())),
    ),
]
_PACKAGES_HELD_OUT: list[Source] = [
    *(
        ("mediawiki", f"usr/share/mediawiki/**/{code}.json", lambda file: file.stem, _messages)
        for code in ("szl", "csb", "hsb", "dsb")
    ),
    ("libreoffice", f"{_MO}/szl/*/*.mo", _folder(1), _catalogue),
]
_PACKAGES_IN_POLISH: list[Source] = [
    ("mediawiki", "usr/share/mediawiki/**/pl.json", _always("pol"), _messages),
    ("libreoffice", f"{_MO}/pl/*/*.mo", _folder(1), _catalogue),
]
