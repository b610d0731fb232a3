"""Subtitles (SubRip): what is said, without numbers, times, tags and signs of music."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from mowa.collect._config import ReaderOptions
from mowa.collect.readers._opus import PAUSE, seconds
from mowa.collect.readers._records import Record, Skipped, broken
from mowa.collect.readers._streams import uncompressed
from mowa.collect.readers._text import read_whole

_TIMES = re.compile(r"^\s*(\d+:\d+:\d+[,.]\d+)\s*-->\s*(\d+:\d+:\d+[,.]\d+)")
_TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|\{\\[^{}]{0,200}\}|\{[a-zA-Z]:[^{}]{0,200}\}")
_MUSIC = re.compile(r"[♪♫♬♩]+|^\s*#|#\s*$")


def read_srt(path: Path, relative: str, options: ReaderOptions) -> Iterator[Record | Skipped]:
    """The file as one record: a line a subtitle or speaker, a paragraph behind a long pause."""
    raw = read_whole(path, relative, options)
    if isinstance(raw, Skipped):
        yield raw
        return
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        yield broken(relative, "invalid-utf-8", f"byte {error.start}: {error.reason}", options)
        return
    yield Record(uncompressed(relative), relative, spoken(text))


def spoken(text: str) -> str:
    """What is said in the text of a subtitle file."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    out: list[str] = []
    cue: list[str] = []
    ended: float | None = None
    for at, line in enumerate(lines):
        if times := _TIMES.match(line):
            out += _said(cue)
            cue = []
            begins = seconds(times[1])
            if out and ended is not None and begins is not None and begins - ended > PAUSE:
                out.append("")
            ended = seconds(times[2])
        elif not (line.strip().isdecimal() and _numbers(lines, at)):
            cue.append(line)
    return "\n".join([*out, *_said(cue)]).strip("\n")


def _numbers(lines: list[str], at: int) -> bool:
    """Is a line of digits a subtitle's number: do its times follow?"""
    return at + 1 < len(lines) and _TIMES.match(lines[at + 1]) is not None


def _said(cue: list[str]) -> list[str]:
    """The lines of one subtitle as one, but for those of different speakers, which have dashes."""
    said: list[str] = []
    for raw in cue:
        line = _MUSIC.sub("", _TAGS.sub("", raw)).strip()
        if not line:
            continue
        if said and not line.startswith(("-", "–", "—")):
            said[-1] += f" {line}"
        else:
            said.append(line)
    return said
