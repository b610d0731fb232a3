"""The texts that the language model learns from and is tried on, each source on one side only."""

from __future__ import annotations

import gettext
import gzip
import html
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path

# Codes of packages to ISO 639-3. Bosnian, Croatian and Serbian in Latin letters cannot be told apart
# by a few sentences and need not be here: one class, the macrolanguage `hbs`.
CODES = {
    "be": "bel", "bel": "bel", "br": "bre", "bs": "hbs", "bos": "hbs", "bg": "bul", "bul": "bul",
    "ca": "cat", "cs": "ces", "ces": "ces", "csb": "csb", "cy": "cym", "da": "dan", "de": "deu",
    "deu": "deu", "dsb": "dsb", "el": "ell", "en": "eng", "en-us": "eng", "eng": "eng",
    "eo": "epo", "es": "spa", "es-es": "spa", "et": "est", "eu": "eus", "fi": "fin", "fr": "fra",
    "ga-ie": "gle", "gl": "glg", "hr": "hbs", "hrv": "hbs", "hsb": "hsb", "hu": "hun",
    "hun": "hun", "is": "isl", "it": "ita", "lit": "lit", "lt": "lit", "lv": "lav", "mk": "mkd",
    "nb-no": "nor", "nl": "nld", "pl": "pol", "pol": "pol", "pt-pt": "por", "ro": "ron",
    "ron": "ron", "ru": "rus", "rus": "rus", "sk": "slk", "slk": "slk", "sl": "slv", "slv": "slv",
    "sq": "sqi", "sr": "srp", "srp": "srp", "sv": "swe", "sv-se": "swe", "szl": "szl",
    "tr": "tur", "uk": "ukr", "ukr": "ukr",
}  # fmt: skip
_ENGLISH = re.compile(r"\b(?:the|of|and|this|with|for|you|your)\b")


def learnt(data: Path, packages: Path) -> Iterator[tuple[str, str, str]]:
    """(source, language, text) of every passage of the sources that the model is taught on."""
    root = packages
    for file in _files(root, "usr/lib/*/*/extensions/langpack-*.xpi", "usr/lib/*/extensions/*.xpi"):
        code = CODES.get(file.name.partition("@")[0].removeprefix("langpack-").lower())
        if code:
            yield from _named("mozilla", code, _xpi(file))
    for file in _files(root, "usr/share/man/*/man[1-8]/*.gz"):
        code = CODES.get(file.parent.parent.name.lower())
        if code:
            yield from _named("manpages", code, _man(file))
    for file in _files(root, "usr/share/libreoffice/help/*/text/**/*.html"):
        code = CODES.get(file.relative_to(root / "usr/share/libreoffice/help").parts[0].lower())
        if code:
            yield from _named("libreoffice-help", code, _page(file))
    for file in _files(root, "usr/lib/libreoffice/program/resource/*/LC_MESSAGES/*.mo"):
        if (code := CODES.get(file.parent.parent.name)) in ("bel", "lit"):
            yield from _named("libreoffice", code, _catalogue(file))
    for file in _files(root, "usr/share/gimp/2.0/help/*/*.html"):
        if code := CODES.get(file.parent.name):
            yield from _named("gimp-help", code, _page(file))
    for file in _files(root, "usr/share/games/fortunes/*"):
        if file.is_file() and not file.suffix:
            sayings = file.read_text("utf-8", "replace").split("\n%\n")
            # Sayings in Italian lie in the same folder.
            english = [saying for saying in sayings if len(_ENGLISH.findall(saying)) > 1]
            yield from _named("fortunes", "eng", english)
    for file in _files(data, "text/eltec-pol/*.xml"):
        yield from _named("eltec", "pol", _passages(_xml(file)))
    for file in _files(data, "text/ustawy-dziennik-ustaw/**/*.txt"):
        yield from _named("ustawy", "pol", _passages(file.read_text("utf-8", "replace")))
    for file in _files(data, "text/poquad-wikipedia/data.json"):
        entries = json.loads(file.read_text())["data"]
        found = [item["context"] for entry in entries for item in entry["paragraphs"]]
        yield from _named("poquad", "pol", found)
    for file in _files(data, "text/silesian-wikipedia/szlwiki*.txt"):
        yield from _named("wikipedia", "szl", file.read_text().split("\n"))
    for file in _files(data, "text/kashubian-wikipedia-leipzig/*sentences.txt"):
        lines = [line.partition("\t")[2] for line in file.read_text().splitlines()]
        yield from _named("wikipedia", "csb", lines)


def held_out(data: Path, packages: Path | None = None) -> Iterator[tuple[str, str, str]]:
    """(source, language, text) of the sources that the model has never seen."""
    for file in _files(data, "lid/ntrex/newstest2019-ref.*.txt"):
        code = CODES.get(file.name.split(".")[1].partition("-")[0].lower())
        code = "hbs" if "srp-Latn" in file.name else code
        if code and "eng-IN" not in file.name and "eng-GB" not in file.name:
            yield from _named("ntrex", code, file.read_text().splitlines())
    for file in _files(data, "lid/udhr/udhr_*.xml"):
        name = file.stem.split("_")[1]
        code = "hbs" if "srp_latn" in file.name else CODES.get(name)
        if code:
            texts = [" ".join(part.itertext()).strip() for part in ET.parse(file).iter()  # noqa: S314
                     if part.tag.endswith("para")]  # fmt: skip
            yield from _named("udhr", code, texts)
    for name in ("pud", "mpdt"):
        for file in _files(data, f"text/ud-polish-{name}/*.conllu"):
            found = re.findall(r"^# text = (.+)$", file.read_text(), re.MULTILINE)
            yield from _named(f"ud-{name}", "pol", found)
    for file in _files(data, "text/wolne-lektury-xml/**/*.xml"):
        yield from _named("wolne-lektury", "pol", _passages(_xml(file)))
    for file in _files(data, "text/kodeksy-json/*.json"):
        yield from _named("kodeksy", "pol", _strings(json.loads(file.read_text())))
    if packages is not None:
        for file in _files(packages, "usr/share/mediawiki/**/i18n/**/*.json"):
            if file.stem in ("szl", "csb", "hsb", "dsb") and file.stem in CODES:
                messages = json.loads(file.read_text())
                texts = [_plain(text) for text in messages.values() if isinstance(text, str)]
                yield from _named("mediawiki", CODES[file.stem], texts)
        for file in _files(packages, "usr/lib/libreoffice/program/resource/szl/*/*.mo"):
            yield from _named("libreoffice", "szl", _catalogue(file))


def _named(
    source: str, code: str, texts: Iterator[str] | list[str]
) -> Iterator[tuple[str, str, str]]:
    for text in texts:
        line = " ".join(text.split())
        if sum(map(str.isalpha, line)) >= 12 and not (
            code not in ("eng", "deu", "dan", "nld", "nor", "swe")
            and len(_ENGLISH.findall(line)) > 1
        ):
            yield source, code, line


def _files(root: Path, *patterns: str) -> list[Path]:
    return sorted(file for pattern in patterns for file in root.glob(pattern))


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
