"""Text of strangers on a terminal."""

from __future__ import annotations

# Control characters are shown, not obeyed: what a model or a stranger wrote may not move the
# cursor, set the title of the window or write into the clipboard. Nor may it turn the direction of
# writing.
_SHOWN = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"}
_SHOWN |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
_SHOWN |= dict.fromkeys(
    [0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)], 0xFFFD
)
_SHOWN |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)  # halves of a pair, which no terminal takes


def harmless(text: str) -> str:
    """`text` without what a terminal would obey: a sign stands for each such character."""
    return text.translate(_SHOWN)
