"""The kinds of personal data, what stands for each, and what is done by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from mowa.errors import UsageError

Action = Literal["placeholder", "mask", "keep"]

# What stands for a value. `find` never looks inside one of these.
PLACEHOLDERS: Mapping[str, str] = {
    "email": "[EMAIL]",
    "iban": "[IBAN]",
    "card": "[KARTA]",
    "pesel": "[PESEL]",
    "regon": "[REGON]",
    "nip": "[NIP]",
    "krs": "[KRS]",
    "land_register": "[KSIĘGA WIECZYSTA]",
    "id_card": "[DOWÓD]",
    "passport": "[PASZPORT]",
    "plate": "[REJESTRACJA]",
    "ip": "[IP]",
    "birth_date": "[DATA URODZENIA]",
    "phone": "[TELEFON]",
    "address": "[ADRES]",
}
KINDS = tuple(PLACEHOLDERS)

# Identifiers of businesses: public registers are made of them (a sole trader is a person, though).
BUSINESS = ("nip", "regon", "krs")

DEFAULT_POLICY: Mapping[str, Action] = {
    kind: "keep" if kind in BUSINESS else "placeholder" for kind in KINDS
}

# What a mask writes for a letter or digit: a sign that no detector can take for part of a value.
MASK = "#"


def whole_policy(policy: Mapping[str, str] | None) -> dict[str, str]:
    """`policy` over the defaults.

    Raises:
        UsageError: Where it names a kind or an action that does not exist.
    """
    whole: dict[str, str] = {**DEFAULT_POLICY, **(policy or {})}
    for kind, action in whole.items():
        if kind not in PLACEHOLDERS:
            raise UsageError(f"no kind of personal data {kind!r}", fix=f"one of {', '.join(KINDS)}")
        if action not in ("placeholder", "mask", "keep"):
            raise UsageError(f"{kind}: no action {action!r}", fix="one of placeholder, mask, keep")
    return whole
