"""Torrents written by hand, without content: every field can be wrong. For content use tseeder_testkit.torrents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tseeder_testkit.bencoding import bencode
from tseeder_testkit.merkle import BLOCK, power_of_two, root

PIECE: Final = 32 * 1024
Tree = Mapping[str, Any]
File = tuple[Sequence[str | bytes], int]


def v1_info(files: Sequence[File], **changes: Any) -> dict[bytes, Any]:
    """A v1 info dictionary of `files` (path, size); `changes` replace or add fields, None takes one out."""
    return v1_info_of([v1_file(path, size) for path, size in files], **changes)


def v1_info_of(items: Sequence[dict[bytes, Any]], **changes: Any) -> dict[bytes, Any]:
    """A v1 info dictionary of file dictionaries as they are."""
    total = sum(size for item in items if isinstance(size := item.get(b"length", 0), int) and size > 0)
    info: dict[bytes, Any] = {b"name": b"sample", b"piece length": PIECE, b"files": list(items)}
    info[b"pieces"] = _piece_hashes(total, changes.get("piece_length", PIECE))
    return changed(info, **changes)


def v1_file(path: Sequence[str | bytes], size: int, **changes: Any) -> dict[bytes, Any]:
    """One file of a v1 list."""
    return changed({b"length": size, b"path": list(path)}, **changes)


def v1_single(name: str | bytes, size: int, **changes: Any) -> dict[bytes, Any]:
    """A v1 info dictionary of one file."""
    info: dict[bytes, Any] = {b"name": name, b"piece length": PIECE, b"length": size}
    info[b"pieces"] = _piece_hashes(size, changes.get("piece_length", PIECE))
    return changed(info, **changes)


def v2_info(sizes: Mapping[str, int], **changes: Any) -> dict[bytes, Any]:
    """A v2 info dictionary: sizes by path, elements joined with '/'."""
    tree: dict[bytes, Any] = {}
    for path, size in sizes.items():
        node = tree
        for element in path.split("/"):
            node = node.setdefault(element.encode(), {})
        node[b""] = {b"length": size, b"pieces root": tree_of(path, size)[0]} if size else {b"length": 0}
    info: dict[bytes, Any] = {b"name": b"sample", b"piece length": PIECE, b"meta version": 2, b"file tree": tree}
    return changed(info, **changes)


def hybrid_info(sizes: Mapping[str, int], **changes: Any) -> dict[bytes, Any]:
    """A hybrid info dictionary: v1's list has the pad files that v2 needs."""
    info = v2_info(sizes)
    items: list[dict[bytes, Any]] = []
    offset = 0
    for path in sorted(sizes, key=lambda path: [element.encode() for element in path.split("/")]):
        gap = -offset % PIECE if sizes[path] else 0
        if gap:
            items.append({b"length": gap, b"path": [b".pad", b"%d" % gap], b"attr": b"p"})
        items.append(v1_file(path.split("/"), sizes[path]))
        offset += gap + sizes[path]
    info |= {b"files": items, b"pieces": _piece_hashes(offset, PIECE)}
    return changed(info, **changes)


def tree_of(path: str, size: int) -> tuple[bytes, bytes]:
    """(`pieces root`, `piece layer`) of made-up content that belongs to `path`."""
    pieces = -(-size // PIECE)
    layer = [hashlib.sha256(f"{path}:{piece}".encode()).digest() for piece in range(pieces)]
    if pieces == 1:
        return layer[0], b""
    return root(layer, power_of_two(pieces), root([], PIECE // BLOCK)), b"".join(layer)


def layers_of(sizes: Mapping[str, int]) -> dict[bytes, bytes]:
    """The `piece layers` of v2_info or hybrid_info with these sizes."""
    trees = [tree_of(path, size) for path, size in sizes.items() if size > PIECE]
    return dict(trees)


def torrent(info: Any, **outer: Any) -> bytes:
    """The bytes of a .torrent; `outer` adds fields (`announce_list` is written `announce-list`)."""
    return bencode(changed({b"info": info}, **outer))


def v2_torrent(sizes: Mapping[str, int], **outer: Any) -> bytes:
    """A .torrent of v2_info, with its layers."""
    return torrent(v2_info(sizes), **{"piece_layers": layers_of(sizes), **outer})


def hybrid_torrent(sizes: Mapping[str, int], **outer: Any) -> bytes:
    """A .torrent of hybrid_info, with its layers."""
    return torrent(hybrid_info(sizes), **{"piece_layers": layers_of(sizes), **outer})


def changed(fields: dict[bytes, Any], **changes: Any) -> dict[bytes, Any]:
    """`fields` with some replaced, added, or (None) taken out."""
    for name, value in changes.items():
        key = _spelt(name)
        if value is None:
            fields.pop(key, None)
        else:
            fields[key] = value
    return fields


def _spelt(name: str) -> bytes:
    dashed = {
        "announce_list": "announce-list",
        "url_list": "url-list",
        "path_utf8": "path.utf-8",
        "name_utf8": "name.utf-8",
    }
    return dashed.get(name, name.replace("_", " ")).encode()


def _piece_hashes(total: int, piece_length: int) -> bytes:
    return bytes(20 * -(-total // piece_length)) if piece_length > 0 and total < 1 << 50 else b""
