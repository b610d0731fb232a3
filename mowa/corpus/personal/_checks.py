"""Check digits of the numbers that Poles and their banks are given; strings without separators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

_PESEL = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
_NIP = (6, 5, 7, 2, 3, 4, 5, 6, 7)
_REGON_9 = (8, 9, 2, 3, 4, 5, 6, 7)
_REGON_14 = (2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)
_CENTURIES = {0: 1900, 20: 2000, 40: 2100, 60: 2200, 80: 1800}
_LETTERS = {letter: value for value, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}
# The order in which signs count in the number of a land register (Dz.U. 2016 poz. 312, § 3).
_LAND_REGISTER = {sign: at for at, sign in enumerate("0123456789XABCDEFGHIJKLMNOPRSTUWYZ")}

# Lengths of IBANs near us (ISO 13616 registry).
IBAN_LENGTHS = {
    "PL": 28, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
    "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22,
    "IT": 27, "LT": 20, "LU": 20, "LV": 21, "MT": 31, "NL": 18, "NO": 15, "PT": 25, "RO": 24,
    "SE": 24, "SI": 19, "SK": 24, "UA": 29,
}  # fmt: skip


def _sum(values: Sequence[int], weights: Sequence[int]) -> int:
    return sum(value * weight for value, weight in zip(values, weights, strict=True))


def _digits(text: str) -> list[int]:
    return [int(sign) for sign in text]


def is_pesel(number: str) -> bool:
    """Eleven digits with a real date of birth and the right check digit."""
    return birth_year(number) is not None and (
        (_sum(_digits(number[:10]), _PESEL) + int(number[10])) % 10 == 0
    )


def birth_year(number: str) -> int | None:
    """The year that a PESEL of eleven digits says; None where its date does not exist."""
    month = int(number[2:4])
    year = _CENTURIES[month // 20 * 20] + int(number[:2])
    try:
        return date(year, month % 20, int(number[4:6])).year
    except ValueError:
        return None


def is_nip(number: str) -> bool:
    """Ten digits with the right check digit."""
    return _sum(_digits(number[:9]), _NIP) % 11 == int(number[9])


def is_regon(number: str) -> bool:
    """Nine digits, or fourteen that begin with such nine, with the right check digits."""
    values = _digits(number)
    if _sum(values[:8], _REGON_9) % 11 % 10 != values[8]:
        return False
    return len(values) == 9 or _sum(values[:13], _REGON_14) % 11 % 10 == values[13]


def is_iban(number: str) -> bool:
    """Country, two check digits and the account, of the country's length (ISO 7064 mod 97-10)."""
    if IBAN_LENGTHS.get(number[:2]) != len(number):
        return False
    moved = number[4:] + number[:4]
    return int("".join(str(_LETTERS.get(sign, sign)) for sign in moved)) % 97 == 1


def is_card(number: str) -> bool:
    """Digits that Luhn's sum accepts (ISO/IEC 7812-1, annex B)."""
    values = _digits(number)[::-1]
    doubled = sum(sum(divmod(2 * value, 10)) for value in values[1::2])
    return (sum(values[::2]) + doubled) % 10 == 0


def is_id_card(number: str) -> bool:
    """Three letters and six digits, the first of them the check digit."""
    values = [_LETTERS[sign] for sign in number[:3]] + _digits(number[3:])
    return _sum(values, (7, 3, 1, 9, 7, 3, 1, 7, 3)) % 10 == 0


def is_passport(number: str) -> bool:
    """Two letters and seven digits, the first of them the check digit."""
    values = [_LETTERS[sign] for sign in number[:2]] + _digits(number[3:])
    return _sum(values, (7, 3, 1, 7, 3, 1, 7, 3)) % 10 == int(number[2])


def is_land_register(court: str, number: str, check: str) -> bool:
    """The court's code of four signs, eight digits, and the check digit."""
    signs = court + number
    if any(sign not in _LAND_REGISTER for sign in signs):
        return False
    return _sum([_LAND_REGISTER[sign] for sign in signs], (1, 3, 7) * 4) % 10 == int(check)
