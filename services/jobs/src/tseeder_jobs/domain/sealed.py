"""What secrets look like in rows: ciphertext with the id of its key, and blind indexes with their key's version."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ciphertext stands; it can be read there only, so that rows cannot be exchanged for each other."""

    table: str
    column: str
    row_id: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """Ciphertext, and the id of the key that opens it."""

    key_id: str
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Blind:
    """A digest's blind index under one version of the index key."""

    version: int
    value: bytes
