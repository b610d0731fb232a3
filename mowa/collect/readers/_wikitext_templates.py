"""The few templates whose text is part of the sentence; all others are left out.

A template of Wikipedia can be anything: an infobox, a map, a warning to editors. Those below stand
within sentences and show one of their arguments.
"""

from __future__ import annotations

# What a template shows: the number of an argument without a name, or "last" for the last of them.
_SHOWN: dict[str, int | str] = {
    "lang": "last",  # {{lang|de|Krakau}}
    "język": "last",
    "w języku": "last",
    "transl": "last",
    "nowrap": 1,
    "nobr": 1,
    "bez podziału": 1,
    "small": 1,
    "mała czcionka": 1,
    "big": 1,
    "kapitaliki": 1,
    "smallcaps": 1,
    "podkreślenie": 1,
    "abbr": 1,
    "skrót": 1,
    "tooltip": 1,
    "sic": 1,
    "!xt": 1,
    "xt": 1,
    "cytat": 1,
    "cytatd": 1,
    "quote": 1,
    "kolor": "last",
    "color": "last",
    "font color": "last",
    "link-interwiki": 1,  # {{link-interwiki|Nazwa|Q=Q1}}
    "ill": 1,
    "sort": "last",  # {{sort|klucz|tekst}}
    "dts": "last",
    "verse": 1,
    "f": 1,
    "wiersz": 1,
    "poem": 1,
    "formatnum": 1,
    "liczba": 1,
    "ułamek": "fraction",
    "frac": "fraction",
    "sfrac": "fraction",
    "sortname": "name",  # {{sortname|Jan|Kowalski}}
    "unit": "name",
    "jednostka": "name",
}
_SIGNS = {
    "!": "|",
    "=": "=",
    "·": " · ",
    "•": " • ",
    "--": " – ",
    "spacja": " ",
    "spaces": " ",
    "nbsp": " ",
    "ndash": "–",
    "mdash": "—",
}
_FUNCTIONS = ("formatnum", "lc", "uc", "lcfirst", "ucfirst")


def rendered(arguments: list[str]) -> str:
    """What a template shows, given its name and arguments as they stand between its pipes.

    Example:
        >>> rendered(["lang", "de", "Krakau"]), rendered(["Infobox", "a=1"])
        ('Krakau', '')
    """
    name = arguments[0].strip().replace("_", " ").lower()
    function, colon, value = arguments[0].strip().partition(":")
    if colon and function.lower() in _FUNCTIONS:
        return value
    if name in _SIGNS:
        return _SIGNS[name]
    # {{j. niem.|Krakau}}, {{lang-de|Krakau}}
    by_language = name.startswith(("j. ", "lang-")) and len(name) < 16
    how = _SHOWN.get(name, "last" if by_language else None)
    shown = _unnamed(arguments[1:]) if how is not None else []
    return _put_together(shown, how) if shown else ""


def _put_together(shown: list[str], how: int | str | None) -> str:
    if how == "fraction":
        return "/".join(shown[-2:]) if len(shown) < 3 else f"{shown[0]} {shown[1]}/{shown[2]}"
    if how == "name":
        return " ".join(shown[:2])
    return shown[-1] if how == "last" else shown[0]


def _unnamed(arguments: list[str]) -> list[str]:
    """The arguments by number; one with another name is an option."""
    numbered: dict[int, str] = {}
    following = 1
    for argument in arguments:
        name, equals, value = argument.partition("=")
        name = name.strip()
        if not equals or "<" in name or " " in name:
            numbered[following] = argument.strip()
            following += 1
        elif name.isdecimal() and len(name) < 4:
            numbered[int(name)] = value.strip()
    return [numbered[number] for number in sorted(numbered) if numbered[number]]
