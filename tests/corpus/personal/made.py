"""Made sentences with personal data of every kind, and as many that only look like it.

Values are invented, with valid check digits by python-stdnum and the sums written out here, in
other words and shapes than the sample's.
"""

# ruff: noqa: E501  # a sentence a line reads better than one cut in two

import random

from stdnum import luhn
from stdnum.pl import nip, pesel, regon

NAMES = ["Anna Wymyślna", "pan Zmyślony", "Jan Niebywały", "pani Papierowa", "świadek K. Nikt"]
STREETS = ["Wymyślonej", "Świętej Anny", "gen. Papierowego", "3 Maja", "Jana Pawła II", "Bajecznej",
           "Kwiatu Paproci", "ks. Nikogo", "Długiej", "11 Listopada"]  # fmt: skip
TOWNS = ["Nibylas", "Wymysłów Mały", "Niebywałowo", "Bajkowo-Zdrój", "Łąki Zmyślone"]

CONTEXTS = {
    "email": ["Proszę pisać na adres {}.", "Kontakt: {}, odpowiadamy w dwa dni.", "E-mail:{}",
              "Zgłoszenia ({}) przyjmuje sekretariat.", "{name} <{}> napisał:"],
    "phone": ["Proszę dzwonić pod numer {}.", "tel. {}", "Telefon kontaktowy: {}, po 16.", "Kom.: {}.",
              "{name}, tel./faks {}", "Zadzwoniła z telefonu {} wieczorem."],
    "pesel": ["{name} (PESEL {}) zgłosił się sam.", "nr PESEL: {}", "Wnioskodawca o numerze PESEL {}.",
              "Legitymujący się PESEL-em {}.", "W rubryce wpisano {} i podpis."],
    "nip": ["NIP {}", "Faktura na firmę o numerze NIP: {}.", "Spółka (NIP {}) nie odpowiedziała.",
            "numer identyfikacji podatkowej {}"],
    "regon": ["REGON {}", "Zakład ma nr REGON: {}.", "numerem statystycznym REGON {} posługuje się"],
    "krs": ["KRS {}", "wpisana do Krajowego Rejestru Sądowego pod numerem {}", "nr KRS: {}, sąd w Nibylesie"],
    "id_card": ["legitymuje się dowodem osobistym {}", "dowód osobisty seria i nr {}", "Dowód: {}, ważny.",
                "na podstawie dowodu tożsamości o numerze {} ustalono"],
    "passport": ["paszport nr {}", "Numer paszportu: {}.", "okazał paszport serii {} wydany przez konsula"],
    "iban": ["Wpłaty na konto {}.", "nr rachunku: {}", "przelew na rachunek bankowy {} w terminie",
             "{} (z dopiskiem „składka”)"],
    "card": ["Numer karty: {}.", "zapłacono kartą {} w sklepie", "Visa {}", "karta kredytowa nr {}"],
    "land_register": ["księga wieczysta {}", "KW nr {}", "dla której prowadzi się księgę wieczystą nr {}."],
    "address": ["Mieszka przy {}.", "Adres: {}", "zamieszkała przy {}, wdowa", "Paczkę wysłano na {}."],
    "birth_date": ["{name}, ur. {}", "urodzona {} w Nibylesie", "Data urodzenia: {}", "urodził się dnia {}"],
    "ip": ["Logowanie z adresu IP {}.", "wpis z {} usunięto", "Połączono z hostem {}."],
    "plate": ["samochód o nr rej. {}", "pojazd o numerze rejestracyjnym {} stał", "tablice rejestracyjne {}"],
}  # fmt: skip


def _digits(rng, count):
    return "".join(rng.choice("0123456789") for _ in range(count))


def _document(rng, letters, digits, place):
    while True:
        name = "".join(rng.choice("ABCDEFGHIJKLMNPRSTUVWXYZ") for _ in range(letters))
        signs = name + _digits(rng, digits)
        values = [int(sign, 36) for sign in signs]
        weights = (7, 3, 1, 9, 7, 3, 1, 7, 3) if place == 3 else (7, 3, 0, 1, 7, 3, 1, 7, 3)
        total = sum(value * weight for value, weight in zip(values, weights, strict=True)) % 10
        if total == (0 if place == 3 else values[2]):
            space = rng.choice(["", " "])
            return signs[:letters] + space + signs[letters:]


def _pesel(rng):
    year, month = rng.choice([(rng.randint(30, 99), 0), (rng.randint(0, 9), 20)])
    body = f"{year:02}{month + rng.randint(1, 12):02}{rng.randint(1, 28):02}{_digits(rng, 4)}"
    return body + pesel.calc_check_digit(body)


def _nip(rng):
    while True:
        body = "9" + _digits(rng, 8)
        check = nip.calc_check_digits(body) if hasattr(nip, "calc_check_digits") else None
        for digit in "0123456789" if check is None else check:
            if nip.is_valid(body + digit):
                n = body + digit
                return rng.choice([n, f"{n[:3]}-{n[3:6]}-{n[6:8]}-{n[8:]}",
                                   f"{n[:3]}-{n[3:5]}-{n[5:7]}-{n[7:]}", f"PL{n}"])  # fmt: skip


def _regon(rng):
    while True:
        number = _digits(rng, 9)
        if regon.is_valid(number):
            if rng.random() < 0.7:
                return number
            return next(whole for d in range(10**5) if regon.is_valid(whole := f"{number}{d:05}"))


def _iban(rng):
    account = _digits(rng, 24)
    number = f"{98 - int(account + '252100') % 97:02}{account}"
    grouped = number[:2] + "".join(f" {number[at : at + 4]}" for at in range(2, 26, 4))
    return rng.choice([number, grouped, f"PL{number}", f"PL {grouped}", f"PL{grouped}"])


def _card(rng):
    body = rng.choice("45") + _digits(rng, 14)
    whole = body + luhn.calc_check_digit(body)
    return rng.choice([" ", "-"]).join(whole[at : at + 4] for at in range(0, 16, 4))


def _land_register(rng):
    order = "0123456789XABCDEFGHIJKLMNOPRSTUWYZ"
    court, number = rng.choice(["WA1M", "KR1P", "PO2H", "GD1G"]), _digits(rng, 8)
    total = sum(order.index(s) * (1, 3, 7)[at % 3] for at, s in enumerate(court + number))
    return f"{court}/{number}/{total % 10}"


def _phone(rng):
    mobile = rng.choice(["50", "51", "60", "66", "69", "72", "78", "88"]) + _digits(rng, 7)
    area = rng.choice(["12", "22", "32", "58", "61", "71", "89"])
    land = _digits(rng, 7)
    m, n = f"{mobile[:3]} {mobile[3:6]} {mobile[6:]}", f"{land[:3]} {land[3:5]} {land[5:]}"
    return rng.choice([m, mobile, m.replace(" ", "-"), f"+48 {m}", f"+48{mobile}", f"0048 {m}",
                       f"({area}) {n}", f"{area} {n}", f"{area}-{n.replace(' ', '-')}",
                       f"(0-{area}) {n}", f"{area}/{land}"])  # fmt: skip


def _email(rng):
    user = rng.choice(["anna.wymyslna", "j_nikt", "biuro", "zmyslony+lista", "k-papier", "żółw"])
    host = rng.choice(["poczta.example", "nibylas.example", "it.firma.example.pl", "wp.example"])
    if rng.random() < 0.1:
        return f"{user} (at) {host}"
    return f"{user}{rng.randrange(99)}@{host}"


def _address(rng):
    kind = rng.choice(["ul. ", "ulicy ", "al. ", "os. ", "ul."])
    house = rng.choice(["{}", "{}/{}", "{}a", "{} m. {}", "{}B/{}", "{} lok. {}"])
    value = kind + rng.choice(STREETS) + " " + house.format(rng.randint(1, 199), rng.randint(1, 90))
    town = f"{rng.randint(10, 98)}-{rng.randint(100, 999)} {rng.choice(TOWNS)}"
    return rng.choice([value, f"{value}, {town}", f"{value}, {town}"])


def _birth_date(rng):
    year, month, day = rng.randint(1930, 2009), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice([f"{day:02}.{month:02}.{year}", f"{day} marca {year}", f"{day} września {year}",
                       f"{year}-{month:02}-{day:02}", f"{day} VI {year}"])  # fmt: skip


def _ip(rng):
    if rng.random() < 0.3:
        groups = ":".join(f"{rng.randrange(1, 65536):x}" for _ in range(4))
        return f"2a02:{rng.randrange(1, 65536):x}:{groups}::{rng.randint(1, 9)}"
    return f"{rng.choice([31, 37, 77, 83, 89])}.{rng.randint(32, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"


def _plate(rng):
    return rng.choice(["WX ", "KR ", "PO ", "DW", "GDA ", "SBI"]) + rng.choice(
        [_digits(rng, 5), _digits(rng, 4) + "A", "7" + _digits(rng, 2) + "KL"]
    )


VALUES = {
    "email": _email, "phone": _phone, "pesel": _pesel, "nip": _nip, "regon": _regon,
    "krs": lambda rng: "0000" + _digits(rng, 6),
    "id_card": lambda rng: _document(rng, 3, 6, 3), "passport": lambda rng: _document(rng, 2, 7, 2),
    "iban": _iban, "card": _card, "land_register": _land_register, "address": _address,
    "birth_date": _birth_date, "ip": _ip, "plate": _plate,
}  # fmt: skip

HARD_NEGATIVES = [
    lambda r: f"ISBN 978-83-{r.randint(1000, 9999)}-{r.randint(100, 999)}-{r.randint(0, 9)}.",
    lambda r: f"ISBN 97883{_digits(r, 8)}, oprawa twarda",
    lambda r: f"ISSN {_digits(r, 4)}-{_digits(r, 4)}",
    lambda r: f"Dz. U. z {r.randint(1990, 2025)} r. Nr {r.randint(1, 250)}, poz. {r.randint(1, 2400)}",
    lambda r: f"Sygn. akt II K {r.randint(1, 999)}/{r.randint(10, 25)}, I ACa {r.randint(1, 999)}/08",
    lambda r: f"w latach {r.randint(1800, 1950)}–{r.randint(1951, 2020)} oraz 1918-1939",
    lambda r: f"cena {r.randint(1, 999)} {_digits(r, 3)} {_digits(r, 3)} zł brutto",
    lambda r: f"nakład wyniósł {r.randint(100, 999)} {_digits(r, 3)} {_digits(r, 3)} egzemplarzy",
    lambda r: f"wersja {r.randint(1, 9)}.{r.randint(0, 99)}.{r.randint(0, 99)}.{r.randint(0, 999)}",
    lambda r: f"{r.randint(100, 999)} {_digits(r, 3)} {_digits(r, 3)} {_digits(r, 3)} {_digits(r, 3)}",
    lambda r: f"współrzędne {r.uniform(49, 54):.6f}, {r.uniform(14, 24):.6f}",
    lambda r: f"kod pocztowy {_digits(r, 2)}-{_digits(r, 3)} obejmuje całą gminę",
    lambda r: f"numer przesyłki {_digits(r, 24)}",
    lambda r: f"adres lokalny 192.168.{r.randint(0, 255)}.{r.randint(1, 254)} albo 10.0.0.{r.randint(1, 254)}",
    lambda r: f"Zamówienie nr {_digits(r, 10)} z 5 marca {r.randint(1990, 2025)} r.",
    lambda r: f"numery od {_digits(r, 9)} do {_digits(r, 9)} są zajęte",
    lambda r: f"przy ulicy Długiej {r.randint(1, 28)} maja odbył się festyn",
    lambda r: f"rozdział {r.randint(1, 9)}.{r.randint(1, 9)}.{r.randint(1, 9)}.{r.randint(1, 9)} instrukcji",
    lambda r: f"Faktura FV/{r.randint(2010, 2025)}/{_digits(r, 6)}, model ABC{_digits(r, 6)}",
    lambda r: f"kod kreskowy 590{_digits(r, 10)}",
    lambda r: f"poeta Bolesław Zmyślony (ur. {r.randint(1, 28)} maja {r.randint(1790, 1890)} r.)",
    lambda r: f"o godzinie 12:{r.randint(10, 59)}:{r.randint(10, 59)} dekorator @app.route zawiódł",
    lambda r: f"Art. {r.randint(1, 999)} § {r.randint(1, 9)} pkt {r.randint(1, 20)} k.k. i art. 12 ust. 3",
    lambda r: f"suma kontrolna {r.randrange(16**32):032x}",
    lambda r: f"norma PN-EN {_digits(r, 5)}-{r.randint(1, 9)}:{r.randint(1990, 2020)}",
]  # fmt: skip


def made(seed, count):
    """`count` triples of kind, sentence and the value in it, kinds in turn."""
    rng = random.Random(seed)
    kinds = list(VALUES)
    rows = []
    for at in range(count):
        kind = kinds[at % len(kinds)]
        value = VALUES[kind](rng)
        context = rng.choice(CONTEXTS[kind])
        if value[0] == "a" and kind == "address":
            context = "Adres: {}"
        rows.append((kind, context.format(value, name=rng.choice(NAMES)), value))
    return rows


def hard_negatives(seed, count):
    """`count` sentences without personal data."""
    rng = random.Random(seed)
    return [HARD_NEGATIVES[at % len(HARD_NEGATIVES)](rng) for at in range(count)]


# Pieces that, repeated, would send a careless pattern back and forth.
# fmt: off
HOSTILE = [
    "1", "1 ", "1-", "@", "a@", "a@a.", ".", "1.", "1:", ":", "ul. ", "ul. A ", "ul. A 1 ", "(",
    "A", "AA1A/",
    "tel. ", "tel 1", "ur. ", "+48", "PL61 ", "12 345 ",
    "[", "[at]", "00-000 A", "A 1, ", "rej. ", "#",
    "PESEL 1", "44051401359 ", "ABA3", "4111 ", "w A ",
]
# fmt: on
