"""Between identifiers in the clear and their rows: which place each ciphertext is sealed for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from uuid import UUID

from tseeder_jobs.adapters.crypto import Keyring
from tseeder_jobs.domain.agent_calls import Sources
from tseeder_jobs.domain.rows import EntryRow
from tseeder_jobs.domain.sealed import Blind, Place, Sealed
from tseeder_jobs.domain.torrent import Metainfo
from tseeder_jobs.store.torrents import Asked, Metadata, SealedHash, Secrets
from tseeder_kit.errors import internal
from tseeder_kit.ids import uuid7


def _hash_place(torrent_id: UUID, kind: str) -> Place:
    return Place("hashes", "digest", f"{torrent_id}/{kind}")


def _torrent_place(torrent_id: UUID, column: str) -> Place:
    return Place("torrents", column, str(torrent_id))


def _source_place(job_id: UUID) -> Place:
    return Place("jobs", "source", str(job_id))


def digests_of(hashes: Mapping[str, str]) -> list[bytes]:
    """Raw digests of `{kind: hex}`."""
    return [bytes.fromhex(value) for value in hashes.values()]


def blinds_of(keyring: Keyring, hashes: Mapping[str, str]) -> list[Blind]:
    """Every index, of every live key version, that these info-hashes may stand under."""
    return [blind for digest in digests_of(hashes) for blind in keyring.blinds(digest)]


def asked_of(keyring: Keyring, hashes: Mapping[str, str]) -> Asked:
    """These info-hashes, all of one torrent, to look it up by."""
    return Asked(len(hashes), blinds_of(keyring, hashes))


def seal_hashes(keyring: Keyring, torrent_id: UUID, hashes: Mapping[str, str]) -> list[SealedHash]:
    """Info-hashes `{kind: hex}` as a torrent's rows hold them."""
    rows = []
    for kind, value in hashes.items():
        digest = bytes.fromhex(value)
        sealed = keyring.seal(digest, _hash_place(torrent_id, kind))
        rows.append(SealedHash(kind, keyring.blind(digest), sealed.ciphertext, sealed.key_id))
    return rows


def open_hashes(keyring: Keyring, torrent_id: UUID, secrets: Secrets) -> dict[str, str]:
    """`{kind: hex}` of a torrent, claimed or verified."""
    return {
        kind: keyring.open(Sealed(key_id, ciphertext), _hash_place(torrent_id, kind)).hex()
        for kind, (ciphertext, key_id) in secrets.hashes.items()
    }


def hashes_of(meta: Metainfo) -> dict[str, str]:
    """`{kind: hex}` of verified metadata."""
    both = {"v1": meta.info_hash_v1, "v2": meta.info_hash_v2}
    return {kind: value for kind, value in both.items() if value is not None}


def hashes_to(info: bytes, hashes: Mapping[str, str]) -> bool:
    """Whether raw info bytes have all these info-hashes."""
    found = {"v1": hashlib.sha1(info, usedforsecurity=False).hexdigest(), "v2": hashlib.sha256(info).hexdigest()}
    return all(found[kind] == value for kind, value in hashes.items())


def seal_metadata(keyring: Keyring, torrent_id: UUID, meta: Metainfo) -> Metadata:
    """Verified metadata as its rows hold it, with new entry ids."""
    info = keyring.seal(meta.info, _torrent_place(torrent_id, "info"))
    layers = keyring.seal(meta.piece_layers, _torrent_place(torrent_id, "layers")) if meta.piece_layers else None
    if layers is not None and layers.key_id != info.key_id:
        raise internal("key_changed_meanwhile")
    return Metadata(
        private=meta.private,
        name=meta.name,
        total_bytes=meta.total_bytes,
        piece_length=meta.piece_length,
        piece_count=meta.piece_count,
        piece_space_bytes=meta.piece_space_bytes,
        info_ciphertext=info.ciphertext,
        layers_ciphertext=layers.ciphertext if layers else None,
        key_id=info.key_id,
        hashes=seal_hashes(keyring, torrent_id, hashes_of(meta)),
        entries=[
            EntryRow(uuid7(), file.file_index, list(file.path), file.size_bytes, file.piece_offset, place)
            for file, place in zip(meta.entries, meta.places, strict=True)
        ],
    )


def open_metadata(keyring: Keyring, torrent_id: UUID, secrets: Secrets) -> tuple[bytes | None, bytes | None]:
    """`(info, piece layers)`, each None where it is not known."""
    if secrets.info is None or secrets.key_id is None:
        return None, None
    info = keyring.open(Sealed(secrets.key_id, secrets.info), _torrent_place(torrent_id, "info"))
    if secrets.layers is None:
        return info, None
    return info, keyring.open(Sealed(secrets.key_id, secrets.layers), _torrent_place(torrent_id, "layers"))


def seal_sources(keyring: Keyring, job_id: UUID, sources: Sources) -> Sealed:
    """A job's own trackers (with their passkeys), web seeds and peers."""
    text = json.dumps({"trackers": sources.trackers, "web_seeds": sources.web_seeds, "peers": sources.peers})
    return keyring.seal(text.encode(), _source_place(job_id))


def open_sources(keyring: Keyring, sealed: Sequence[tuple[UUID, bytes, str]]) -> Sources:
    """The union of several jobs' sources `(job_id, ciphertext, key id)`, each once.

    The first ones of all jobs, then the second ones, and so on: one's many keep nobody else's from having a place.
    """
    opened = [
        json.loads(keyring.open(Sealed(key_id, ciphertext), _source_place(job_id)))
        for job_id, ciphertext, key_id in sealed
    ]
    trackers, web_seeds, peers = (
        tuple(dict.fromkeys(each for row in zip_longest(*(job[name] for job in opened)) for each in row if each))
        for name in ("trackers", "web_seeds", "peers")
    )
    return Sources(trackers[:50], web_seeds[:10], peers[:50])
