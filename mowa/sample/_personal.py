"""Invented personal data with valid check digits, and numbers that only look like it.

No living person can have these: PESELs are of people born before 1910, bank, court, tax office and
series are ones that do not exist, telephone numbers begin as no subscriber's does, and addresses
and domains are made up.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

__all__ = ["KINDS", "LOOK_ALIKES", "look_alike", "personal"]

_LETTERS = {letter: value for value, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}
# The order in which letters count in the number of a land register (Dz.U. 2016 poz. 312, § 3).
_LAND_REGISTER = "0123456789XABCDEFGHIJKLMNOPRSTUWYZ"


def personal(kind: str, rng: random.Random) -> str:
    """An invented value of a kind in `KINDS`, spelt as people spell it."""
    return KINDS[kind](rng)


def look_alike(kind: str, rng: random.Random) -> str:
    """A value of a kind in `LOOK_ALIKES`, which is nobody's."""
    return LOOK_ALIKES[kind](rng)


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True))


def _pesel(rng: random.Random) -> str:
    born = f"{rng.randint(0, 9):02}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    number = born + _digits(rng, 4)
    total = _weighted([int(digit) for digit in number], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3))
    return f"{number}{-total % 10}"


def _nip(rng: random.Random) -> str:
    while True:
        number = "999" + _digits(rng, 6)
        check = _weighted([int(digit) for digit in number], (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11
        if check < 10:
            whole = f"{number}{check}"
            return f"{whole[:3]}-{whole[3:6]}-{whole[6:8]}-{whole[8:]}"


def _regon(rng: random.Random) -> str:
    number = "99" + _digits(rng, 6)
    check = _weighted([int(digit) for digit in number], (8, 9, 2, 3, 4, 5, 6, 7)) % 11 % 10
    return f"{number}{check}"


def _id_card(rng: random.Random) -> str:
    letters, rest = "ZZ" + rng.choice("XYZ"), _digits(rng, 5)
    values = [*(_LETTERS[letter] for letter in letters), *(int(digit) for digit in rest)]
    # The check digit stands fourth, with weight 9: the rest plus nine times it is divisible by 10.
    check = _weighted(values, (7, 3, 1, 7, 3, 1, 7, 3)) % 10
    return f"{letters} {check}{rest}"


def _passport(rng: random.Random) -> str:
    letters, rest = "Z" + rng.choice("XYZ"), _digits(rng, 6)
    values = [*(_LETTERS[letter] for letter in letters), *(int(digit) for digit in rest)]
    return f"{letters}{_weighted(values, (7, 3, 1, 7, 3, 1, 7, 3)) % 10}{rest}"


def _iban(rng: random.Random) -> str:
    account = "9999" + _digits(rng, 20)
    check = 98 - int(account + "252100") % 97  # P = 25, L = 21; ISO 13616-1, 6.1
    number = f"{check:02}{account}"
    return "PL" + number[:2] + "".join(f" {number[at : at + 4]}" for at in range(2, 26, 4))


def _land_register(rng: random.Random) -> str:
    court, number = f"ZZ{rng.randint(1, 9)}Z", _digits(rng, 8)
    values = [_LAND_REGISTER.index(sign) for sign in court + number]
    check = _weighted(values, (1, 3, 7) * 4) % 10
    return f"{court}/{number}/{check}"


def _phone(rng: random.Random) -> str:
    # Behind an area code no subscriber's number begins with 0.
    area, rest = rng.choice(("12", "55", "61")), "0" + _digits(rng, 6)
    spaced = f"{rest[:3]} {rest[3:5]} {rest[5:]}"
    return rng.choice((f"+48 {area} {spaced}", f"({area}) {spaced}", f"0048 {area} {spaced}"))


def _email(rng: random.Random) -> str:
    user = rng.choice(("j.wymyslna", "biuro", "anna_wymyslna", "kowal1968", "sekretariat.wz"))
    return f"{user}{rng.randrange(100)}@{rng.choice(('poczta', 'skrzynka', 'listy'))}.example"


def _card(rng: random.Random) -> str:
    number = "400000" + _digits(rng, 9)
    doubled = (2 * int(digit) for digit in number[::-2])
    total = sum(value // 10 + value % 10 for value in doubled) + sum(map(int, number[-2::-2]))
    whole = f"{number}{-total % 10}"
    return " ".join(whole[at : at + 4] for at in range(0, 16, 4))


def _address(rng: random.Random) -> str:
    street = rng.choice(("Wymyślona", "Bajeczna", "Nieistniejąca", "Papierowa"))
    town = rng.choice(("Niebywałowo", "Wymysłów Mały", "Nibylas"))
    code = f"{rng.randint(10, 98)}-{rng.randint(900, 999)}"
    return f"ul. {street} {rng.randint(1, 99)}/{rng.randint(1, 40)}, {code} {town}"


def _wrong_pesel(rng: random.Random) -> str:
    right = _pesel(rng)
    return right[:-1] + str((int(right[-1]) + rng.randint(1, 9)) % 10)


def _wrong_iban(rng: random.Random) -> str:
    digits = _iban(rng).replace(" ", "")[2:]
    return f"{(int(digits[:2]) + 1) % 97:02}{digits[2:]}"


def _isbn(rng: random.Random) -> str:
    return _ean(rng, "97883")


def _ean(rng: random.Random, prefix: str = "590") -> str:
    number = prefix + _digits(rng, 12 - len(prefix))
    return f"{number}{-_weighted([int(digit) for digit in number], (1, 3) * 6) % 10}"


def _law(rng: random.Random) -> str:
    year, item = rng.randint(1990, 2025), rng.randint(10, 2_400)
    article = f"art. {rng.randint(2, 300)} ust. {rng.randint(1, 9)} pkt {rng.randint(1, 12)}"
    return f"{article}, Dz.U. z {year} r. poz. {item}"


def _years(rng: random.Random) -> str:
    first = rng.randint(1850, 1960)
    return f"{first}–{first + rng.randint(2, 30)}"


KINDS: dict[str, Callable[[random.Random], str]] = {
    "pesel": _pesel,
    "nip": _nip,
    "regon": _regon,
    "id-card": _id_card,
    "passport": _passport,
    "iban": _iban,
    "land-register": _land_register,
    "phone": _phone,
    "email": _email,
    "card": _card,
    "address": _address,
}

LOOK_ALIKES: dict[str, Callable[[random.Random], str]] = {
    "wrong-pesel": _wrong_pesel,
    "wrong-iban": _wrong_iban,
    "isbn": _isbn,
    "order": lambda rng: f"ZAM/{rng.randint(2019, 2026)}/{_digits(rng, 6)}",
    "law": _law,
    "ean": _ean,
    "years": _years,
    "invoice": lambda rng: (
        f"FV/{rng.randint(2019, 2026)}/{rng.randint(1, 12):02}/{_digits(rng, 4)}"
    ),
}
