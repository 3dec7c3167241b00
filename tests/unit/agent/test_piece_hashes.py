import hashlib
import random

import pytest

from tseeder_agent.domain.piece_hashes import PieceHashes, V1Hashes, V2File, V2Hashes, layer_is_right
from tseeder_testkit.merkle import FileTree

PIECE = 64 * 1024


def check(hashes: PieceHashes, piece: int, data: bytes, step: int) -> bool:
    hasher = hashes.hasher(piece)
    assert hasher is not None
    for at in range(0, len(data), step):
        hasher.update(memoryview(data)[at : at + step])
    return hasher.matches()


@pytest.mark.parametrize("step", [1000, 16 * 1024, 10**6])
@pytest.mark.parametrize("size", [1, 16 * 1024, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 12345])
def test_v2_pieces_are_checked_against_their_file_s_tree(size: int, step: int) -> None:
    data = random.Random(size).randbytes(size)
    tree = FileTree(PIECE)
    tree.feed(data)
    root, layer = tree.close()
    hashes = V2Hashes([V2File(2 * PIECE, size, root)], PIECE, {root: layer} if layer else {})
    for index, at in enumerate(range(0, size, PIECE)):
        piece, right = index + 2, data[at : at + PIECE]
        assert hashes.size(piece) == len(right)
        assert check(hashes, piece, right, step)
        assert not check(hashes, piece, right[:-1] + bytes([right[-1] ^ 1]), step)
    assert layer_is_right(layer, root, PIECE) == bool(layer)


def test_a_v2_piece_without_its_layer_is_unknown_until_it_is_learnt() -> None:
    data = random.Random(1).randbytes(3 * PIECE)
    tree = FileTree(PIECE)
    tree.feed(data)
    root, layer = tree.close()
    hashes = V2Hashes([V2File(0, len(data), root)], PIECE, {})
    assert hashes.hasher(0) is None
    hashes.learn({root: layer})
    assert check(hashes, 1, data[PIECE : 2 * PIECE], 4096)


@pytest.mark.parametrize("wrong", [b"", b"x", bytes(32), bytes(64)])
def test_a_layer_that_does_not_lead_to_its_root_is_refused(wrong: bytes) -> None:
    assert not layer_is_right(wrong, hashlib.sha256(b"other").digest(), PIECE)


def test_v1_pieces_are_checked_by_sha1_and_the_last_is_short() -> None:
    data = random.Random(2).randbytes(2 * PIECE + 7)
    pieces = b"".join(
        hashlib.sha1(data[at : at + PIECE], usedforsecurity=False).digest() for at in range(0, len(data), PIECE)
    )
    hashes = V1Hashes(pieces, PIECE, len(data))
    assert [hashes.size(piece) for piece in range(3)] == [PIECE, PIECE, 7]
    assert check(hashes, 2, data[2 * PIECE :], 3)
    assert not check(hashes, 1, data[:PIECE], 1024)
