"""What jobs and its parser processes say to each other over pipes.

A message is a list of byte strings: their number and lengths as 32-bit big-endian integers, then their bytes. The
first is a JSON header. A torrent of 150,000 files must not stall the reader, so files travel as columns.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from tseeder_jobs.domain.filelist import ListedFile
from tseeder_jobs.domain.natural_order import Place
from tseeder_jobs.domain.torrent import Metainfo, MetaVersion

Operation = Literal["torrent", "info"]
Message = list[bytes]

MAX_FIELDS: Final = 8
MAX_FIELD_BYTES: Final = 64 << 20
COUNT: Final = struct.Struct(">I")
_PAD: Final = 1
_SYMLINK: Final = 2
_SCALARS: Final = (
    "name",
    "private",
    "piece_length",
    "piece_count",
    "info_hash_v1",
    "info_hash_v2",
    "total_bytes",
    "piece_space_bytes",
    "layers_known",
)


class WireError(Exception):
    """The other side does not speak this."""


def pack(message: Sequence[bytes]) -> bytes:
    """The bytes of a message."""
    return b"".join((COUNT.pack(len(message)), *(COUNT.pack(len(field)) for field in message), *message))


def lengths(raw: bytes) -> list[int]:
    """The lengths of a message's fields from the bytes that follow its count. WireError if one cannot be."""
    found = [value for (value,) in COUNT.iter_unpack(raw)]
    if any(length > MAX_FIELD_BYTES for length in found):
        raise WireError("a field is too long")
    return found


def field_count(raw: bytes) -> int:
    """How many fields a message has. WireError if it cannot be."""
    (count,) = COUNT.unpack(raw)
    if not 1 <= count <= MAX_FIELDS:
        raise WireError("not a message")
    return int(count)


def request(operation: Operation, data: bytes, layers: bytes | None, *, admit_private: bool, seconds: float) -> Message:
    """Ask for one parse that may take `seconds` of CPU."""
    header = {"op": operation, "layers": layers is not None, "admit_private": admit_private, "seconds": seconds}
    return [json.dumps(header).encode(), data, layers or b""]


def header_of(message: Message) -> dict[str, Any]:
    """The header of an answer. WireError if it has none, or tells of a crash."""
    try:
        header = json.loads(message[0])
    except ValueError as exc:
        raise WireError("no header") from exc
    if not isinstance(header, dict) or "crash" in header:
        raise WireError(str(header["crash"]) if isinstance(header, dict) else "no header")
    return header


def encode_metainfo(meta: Metainfo, data: bytes) -> Message:
    """The answer for a good torrent. Its raw bytes are left out: the asker has them in `data`, and is told where."""
    header = {name: getattr(meta, name) for name in _SCALARS}
    header |= {"version": meta.version.value, "trackers": meta.trackers, "web_seeds": meta.web_seeds}
    header |= {"info": _span(data, meta.info), "piece_layers": _span(data, meta.piece_layers)}
    return [
        json.dumps({"meta": header}).encode(),
        array("q", [file.size_bytes for file in meta.files]).tobytes(),
        array("q", [file.piece_offset for file in meta.files]).tobytes(),
        bytes([file.is_pad * _PAD | file.is_symlink * _SYMLINK for file in meta.files]),
        "\0".join(["/".join(file.path) for file in meta.files]).encode(),
        array("i", [place.rank for place in meta.places]).tobytes(),
        array("h", [place.shared_folders for place in meta.places]).tobytes(),
    ]


def _span(data: bytes, part: bytes) -> tuple[int, int]:
    start = data.find(part)
    return start, start + len(part)


def decode_metainfo(message: Message, data: bytes, layers: bytes | None) -> Metainfo:
    """The Metainfo of an answer; `data` and `layers` are what was asked about. WireError if it is none."""
    try:
        header = header_of(message)["meta"]
        info, own_layers = slice(*header["info"]), slice(*header["piece_layers"])
        return Metainfo(
            files=_files(message),
            places=_places(message),
            version=MetaVersion(header["version"]),
            trackers=tuple(header["trackers"]),
            web_seeds=tuple(header["web_seeds"]),
            info=data[info],
            piece_layers=data[own_layers] if layers is None else layers,
            **{name: header[name] for name in _SCALARS},
        )
    except (ValueError, KeyError, IndexError, TypeError) as exc:
        raise WireError("not a Metainfo") from exc


def encode_error(code: str, message: str, kind: str, details: Mapping[str, str]) -> Message:
    """The answer for a torrent that is refused."""
    error = {"code": code, "message": message, "kind": kind, "details": dict(details)}
    return [json.dumps({"error": error}).encode()]


def encode_crash(where: str) -> Message:
    """The last words of a parser: the kind of the exception and its place, nothing of the input."""
    return [json.dumps({"crash": where}).encode()]


def _files(message: Message) -> tuple[ListedFile, ...]:
    sizes, offsets = array("q", message[1]), array("q", message[2])
    paths = message[4].decode().split("\0")
    columns: Any = zip(range(len(sizes)), paths, sizes, offsets, message[3], strict=True)
    return tuple(
        [
            ListedFile(index, tuple(path.split("/")) if path else (), size, offset, bool(flags & 1), bool(flags & 2))
            for index, path, size, offset, flags in columns
        ]
    )


def _places(message: Message) -> tuple[Place, ...]:
    return tuple([Place(*place) for place in zip(array("i", message[5]), array("h", message[6]), strict=True)])
