"""What an info dictionary lists: its files with their places in piece space, from v1's `files` and v2's `file tree`.

Piece space is the torrent's payload laid end to end as pieces count it: with v1's pad files, and for v2 with each
non-empty file beginning at a piece boundary. `file_index` counts v1's list where there is one (pads and symlinks take
an index), else the file tree in its order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from tseeder_jobs.domain import paths
from tseeder_jobs.domain.bencode import Bvalue, refused
from tseeder_jobs.domain.merkle import HASH_BYTES

MAX_SIZE_BYTES: Final = (1 << 48) - 1
"""Of a file and of a torrent's payload: libtorrent's own limit."""

Info = dict[bytes, Bvalue]


class ListedFile(NamedTuple):
    """One file as listed: true names for eyes, sizes and offsets in bytes; a pad's path is empty."""

    file_index: int
    path: tuple[str, ...]
    size_bytes: int
    piece_offset: int
    is_pad: bool = False
    is_symlink: bool = False


class TreeFile(NamedTuple):
    """A file of the v2 tree; `pieces_root` is empty for an empty file."""

    listed: ListedFile
    pieces_root: bytes


def number(holder: Info, key: bytes, **where: object) -> int:
    """A count or size that must be there and not negative."""
    value = holder.get(key)
    field = key.decode()
    if not isinstance(value, int):
        raise refused("bad_field", f"The torrent's {field!r} is missing or no number.", field=field, **where)
    if value < 0:
        raise refused("negative_number", f"The torrent's {field!r} is negative.", field=field, **where)
    return value


def name_of(info: Info) -> str:
    """The torrent's name: `name.utf-8` where it is valid UTF-8, else `name`."""
    preferred = info.get(b"name.utf-8")
    raw = preferred if isinstance(preferred, bytes) and _is_utf8(preferred) else info.get(b"name")
    if raw is None or raw == b"":
        raise refused("no_name", "The torrent has no name.")
    return paths.element(raw, first=True)


def v1_files(info: Info) -> tuple[ListedFile, ...]:
    """The files that v1 lists, in its order."""
    listing = info.get(b"files")
    if listing is None:
        path = (name_of(info),)
        return (ListedFile(0, path, _size(number(info, b"length")), 0),)
    if not isinstance(listing, list) or b"length" in info:
        raise refused("bad_files", "The torrent's list of files is malformed.")
    files: list[ListedFile] = []
    offset = 0
    for index, item in enumerate(listing):
        if not isinstance(item, dict):
            raise refused("bad_files", "The torrent's list of files is malformed.", file_index=index)
        file = _v1_file(item, index, offset)
        files.append(file)
        offset = _size(offset + file.size_bytes)
    return tuple(files)


def _v1_file(item: Info, index: int, offset: int) -> ListedFile:
    attributes = item.get(b"attr", b"")
    if not isinstance(attributes, bytes):
        raise refused("bad_field", "A file's 'attr' is no string.", field="attr", file_index=index)
    if b"l" in attributes:
        _check_symlink(item, index)
        return ListedFile(index, _v1_path(item, index), 0, offset, is_symlink=True)
    size = _size(number(item, b"length", file_index=index), file_index=index)
    if b"p" in attributes:
        return ListedFile(index, (), size, offset, is_pad=True)
    return ListedFile(index, _v1_path(item, index), size, offset)


def _v1_path(item: Info, index: int) -> tuple[str, ...]:
    preferred = item.get(b"path.utf-8")
    if isinstance(preferred, list) and all(isinstance(part, bytes) and _is_utf8(part) for part in preferred):
        return paths.path_of(preferred, file_index=index)
    return paths.path_of(item.get(b"path", []), file_index=index)


def _check_symlink(item: Info, index: int) -> None:
    if item.get(b"length", 0) != 0:  # clients differ on whether its bytes count, so piece space would be ambiguous
        raise refused("bad_symlink", "A symlink of the torrent has a size.", file_index=index)
    paths.check_symlink(item.get(b"symlink path", []), file_index=index)


def v2_files(info: Info, piece_length: int) -> tuple[TreeFile, ...]:
    """The files of the v2 tree, in its order: keys sorted as raw bytes, a folder where its name stands."""
    found: list[TreeFile] = []
    offset = 0
    pending: list[tuple[tuple[str, ...], Bvalue | None]] = [((), info.get(b"file tree"))]
    while pending:
        path, node = pending.pop()
        if not isinstance(node, dict) or not node:
            raise _bad_tree()
        if b"" in node:
            if len(node) != 1 or not path:
                raise _bad_tree()
            file = _v2_file(node[b""], path, len(found), offset, piece_length)
            found.append(file)
            offset = _size(file.listed.piece_offset + file.listed.size_bytes)
            continue
        keys = list(node)
        if keys != sorted(keys):
            raise refused("tree_not_sorted", "The torrent's file tree is not sorted, and so its order is unclear.")
        paths.check_depth(len(path) + 1)
        children: list[tuple[tuple[str, ...], Bvalue | None]] = [
            ((*path, paths.element(key, first=not path)), node[key]) for key in keys
        ]
        pending.extend(reversed(children))
    return tuple(found)


def _v2_file(leaf: Bvalue, path: tuple[str, ...], index: int, offset: int, piece_length: int) -> TreeFile:
    if not isinstance(leaf, dict):
        raise _bad_tree()
    paths.check_length(path, file_index=index)
    attributes = leaf.get(b"attr", b"")
    if not isinstance(attributes, bytes) or b"p" in attributes:  # v2 aligns by itself: it has no pads
        raise _bad_tree()
    if b"l" in attributes:
        _check_symlink(leaf, index)
        return TreeFile(ListedFile(index, path, 0, offset, is_symlink=True), b"")
    size = _size(number(leaf, b"length", file_index=index), file_index=index)
    if size == 0:
        return TreeFile(ListedFile(index, path, 0, offset), b"")
    root = leaf.get(b"pieces root")
    if not isinstance(root, bytes) or len(root) != HASH_BYTES:
        raise refused("bad_pieces_root", "A file of the torrent has no valid 'pieces root'.", file_index=index)
    aligned = -(-offset // piece_length) * piece_length
    return TreeFile(ListedFile(index, path, size, aligned), root)


def check_hybrid(v1: Iterable[ListedFile], v2: Iterable[TreeFile]) -> None:
    """Both halves of a hybrid must list the same files at the same places."""
    ours = [_place(file) for file in v1 if not file.is_pad]
    theirs = [_place(file.listed) for file in v2]
    if ours != theirs:
        raise refused("hybrid_mismatch", "The v1 and v2 halves of this hybrid torrent list different files.")


def _place(file: ListedFile) -> tuple[tuple[str, ...], int, int, bool]:
    return file.path, file.size_bytes, file.piece_offset if file.size_bytes else 0, file.is_symlink


def _size(value: int, **where: object) -> int:
    if value > MAX_SIZE_BYTES:
        raise refused(
            "size_too_large", f"The torrent, or a file of it, is larger than {MAX_SIZE_BYTES} bytes.", **where
        )
    return value


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bad_tree() -> Exception:
    return refused("bad_file_tree", "The torrent's file tree is malformed.")
