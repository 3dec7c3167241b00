"""What users send that cannot be right, each with the code of its error: for the parsers, and for REST end to end.

One table a kind: name -> (what is sent, expected code). Names are those of the design's list of faults.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from tseeder_testkit import raw_torrents as raw

HASH: Final = "0123456789abcdef0123456789abcdef01234567"
HASH_V2: Final = "0123456789abcdef" * 4


class BadText(NamedTuple):
    """A magnet or an info-hash, and the code that it must be refused with."""

    text: str
    code: str


class BadTorrent(NamedTuple):
    """How to make the bytes of a `.torrent`, and the code that it must be refused with."""

    make: Callable[[], bytes]
    code: str


def _magnet(*fields: str, hash_: str = f"xt=urn:btih:{HASH}") -> str:
    return "magnet:?" + "&".join((hash_, *fields))


def _tracker(host: str) -> BadText:
    return BadText(_magnet("tr=" + quote(f"http://{host}/announce", safe="")), "magnet_private_tracker")


BAD_MAGNETS: Final[Mapping[str, BadText]] = MappingProxyType(
    {
        "not a magnet": BadText("https://example.com/file.torrent", "magnet_not_magnet"),
        "nothing": BadText("", "magnet_not_magnet"),
        "no xt": BadText("magnet:?dn=name", "magnet_no_hash"),
        "xt of another network": BadText("magnet:?xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C", "magnet_no_hash"),
        "39 hex digits": BadText(f"magnet:?xt=urn:btih:{HASH[:39]}", "magnet_bad_hash"),
        "40 digits, not hex": BadText(f"magnet:?xt=urn:btih:{HASH[:39]}g", "magnet_bad_hash"),
        "bad base32": BadText("magnet:?xt=urn:btih:YNCKHTQCWBTRNJIV4WNAE52SJUQCZ01!", "magnet_bad_base32"),
        "base32 with padding": BadText("magnet:?xt=urn:btih:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5=", "magnet_bad_base32"),
        "all-zero hash": BadText(f"magnet:?xt=urn:btih:{'0' * 40}", "magnet_zero_hash"),
        "all-zero base32": BadText(f"magnet:?xt=urn:btih:{'A' * 32}", "magnet_zero_hash"),
        "all-zero v2 hash": BadText(f"magnet:?xt=urn:btmh:1220{'0' * 64}", "magnet_zero_hash"),
        "two conflicting btih": BadText(
            _magnet(f"xt=urn:btih:{HASH[::-1]}"),
            "magnet_conflicting_hashes",
        ),
        "two conflicting btmh": BadText(
            f"magnet:?xt.1=urn:btmh:1220{HASH_V2}&xt.2=urn:btmh:1220{HASH_V2[::-1]}", "magnet_conflicting_hashes"
        ),
        "btmh of another function": BadText(f"magnet:?xt=urn:btmh:1114{HASH}", "magnet_bad_multihash"),
        "btmh too short": BadText(f"magnet:?xt=urn:btmh:1220{HASH_V2[:62]}", "magnet_bad_multihash"),
        "btmh not hex": BadText(f"magnet:?xt=urn:btmh:1220{HASH_V2[:63]}x", "magnet_bad_multihash"),
        "50,000 trackers": BadText(
            # Short enough for one body of a MiB, so that REST tells of the trackers too.
            _magnet(*(f"tr=udp://t{number}.io" for number in range(50_000))),
            "magnet_too_many_trackers",
        ),
        "1 MB URI": BadText(_magnet("dn=" + "x" * 1_000_000), "magnet_too_large"),
        "tracker at the metadata service": _tracker("169.254.169.254"),
        "tracker at a mapped private address": _tracker("[::ffff:10.0.0.1]"),
        "tracker at 127.1": _tracker("127.1"),
        "tracker at a decimal host": _tracker("2130706433"),
        "tracker at a hex host": _tracker("0x7f000001"),
        "tracker at dotted hex": _tracker("0x7f.0.0.1"),
        "tracker at an octal host": _tracker("0177.0.0.1"),
        "tracker at localhost": _tracker("localhost:6969"),
        "tracker at loopback with a user": _tracker("tracker.example.com:80@127.0.0.1"),
        "tracker at loopback, full-width": _tracker("１２７.0.0.1"),
        "tracker at IPv6 loopback": _tracker("[::1]:80"),
        "tracker at a private address": _tracker("192.168.1.1"),
        "tracker at CGNAT": _tracker("100.64.0.1"),
        "tracker at multicast": _tracker("239.1.2.3"),
        "tracker at NAT64": _tracker("[64:ff9b::a00:1]"),
        "tracker at a cluster's service": _tracker("jobs.tseeder.svc.cluster.local"),
        "tracker at a bare name": _tracker("postgres:5432"),
        "udp tracker inside": BadText(_magnet("tr=udp%3A%2F%2F10.0.0.1%3A80"), "magnet_private_tracker"),
        "x.pe pointing inside": BadText(_magnet("x.pe=10.0.0.1:6881"), "magnet_private_peer"),
        "x.pe pointing inside, IPv6": BadText(_magnet("x.pe=[fe80::1]:6881"), "magnet_private_peer"),
        "ws pointing inside": BadText(
            _magnet("ws=http%3A%2F%2F169.254.169.254%2Flatest%2Fmeta-data"), "magnet_private_web_seed"
        ),
    }
)

BAD_INFO_HASHES: Final[Mapping[str, BadText]] = MappingProxyType(
    {
        "39 digits": BadText(HASH[:39], "info_hash_bad"),
        "empty": BadText("", "info_hash_bad"),
        "40 digits, not hex": BadText("g" * 40, "info_hash_bad"),
        "64 digits, not hex": BadText("g" * 64, "info_hash_bad"),
        "bad base32": BadText("1" * 32, "info_hash_bad_base32"),
        "zero": BadText("0" * 40, "info_hash_zero"),
        "zero v2": BadText("0" * 64, "info_hash_zero"),
    }
)


def _one(path: list[Any], size: int = 10, **changes: Any) -> Callable[[], bytes]:
    return lambda: raw.torrent(raw.v1_info([(path, size), (["other"], 5)], **changes))


def _items(*items: dict[bytes, Any], **changes: Any) -> Callable[[], bytes]:
    return lambda: raw.torrent(raw.v1_info_of(items, **changes))


def _two(first: list[str | bytes], second: list[str | bytes]) -> Callable[[], bytes]:
    return lambda: raw.torrent(raw.v1_info([(first, 10), (second, 5)]))


def _mismatched_hybrid() -> bytes:
    sizes = {"a": 100_000, "b": 5}
    info = raw.hybrid_info(sizes)
    info[b"files"][0][b"length"] -= 1
    info[b"files"][1][b"length"] += 1
    return raw.torrent(info, piece_layers=raw.layers_of(sizes))


def _unsorted_tree() -> bytes:
    return raw.torrent(raw.v2_info({"a": 10, "b": 10})).replace(b"1:ad0:", b"1:cd0:")


def _pad(size: int) -> dict[bytes, Any]:
    return raw.v1_file([".pad", str(size)], size, attr="p")


def _link(*target: str) -> dict[bytes, Any]:
    return raw.v1_file(["link"], 0, attr="l", length=None, symlink_path=list(target))


_GOOD: Final = raw.torrent(raw.v1_single("file", 100_000))
_REAL: Final = raw.v1_file(["real"], 10)

BAD_TORRENTS: Final[Mapping[str, BadTorrent]] = MappingProxyType(
    {
        "empty": BadTorrent(lambda: b"", "torrent_empty"),
        "HTML": BadTorrent(lambda: b"\n<!DOCTYPE html><html><body>Log in</body></html>", "torrent_is_html"),
        "gzip body": BadTorrent(lambda: gzip.compress(_GOOD), "torrent_is_gzip"),
        "not bencode": BadTorrent(lambda: b"PK\x03\x04" + _GOOD, "torrent_not_bencode"),
        "truncated": BadTorrent(lambda: _GOOD[:-10], "torrent_truncated"),
        "trailing bytes": BadTorrent(lambda: _GOOD + b"\n", "torrent_trailing_bytes"),
        "larger than 10 MB": BadTorrent(
            lambda: raw.torrent(raw.v1_single("file", 100_000), comment="x" * 10_000_000), "torrent_too_large"
        ),
        "negative integer": BadTorrent(_one(["a"], -5), "torrent_negative_number"),
        "overlong integer": BadTorrent(
            lambda: _GOOD.replace(b"i100000e", b"i" + b"9" * 5000 + b"e"), "torrent_integer_too_long"
        ),
        "integer past 64 bits": BadTorrent(
            lambda: _GOOD.replace(b"i100000e", b"i9223372036854775808e"), "torrent_integer_too_long"
        ),
        "leading zero": BadTorrent(lambda: _GOOD.replace(b"i100000e", b"i0100000e"), "torrent_bad_integer"),
        "negative zero": BadTorrent(lambda: _GOOD.replace(b"i100000e", b"i-0e"), "torrent_bad_integer"),
        "bad string length": BadTorrent(lambda: _GOOD.replace(b"4:file", b"04:file"), "torrent_bad_string_length"),
        "duplicate key": BadTorrent(lambda: _GOOD[:-1] + b"4:infod1:ai1eee", "torrent_duplicate_key"),
        "depth 200": BadTorrent(lambda: b"d4:info" + b"l" * 200 + b"e" * 200 + b"e", "torrent_too_deep"),
        "2 million tokens": BadTorrent(lambda: b"d4:infol" + b"0:" * 2_000_000 + b"ee", "torrent_too_many_tokens"),
        "a list": BadTorrent(lambda: b"le", "torrent_not_dictionary"),
        "no info": BadTorrent(lambda: b"d8:announce3:fooe", "torrent_no_info"),
        "no name": BadTorrent(lambda: raw.torrent(raw.v1_info([(["x"], 10)], name=None)), "torrent_no_name"),
        "no files": BadTorrent(lambda: raw.torrent(raw.v1_info([])), "torrent_no_files"),
        "files and length": BadTorrent(_one(["a"], length=15), "torrent_bad_files"),
        "16,000 equal file names": BadTorrent(
            lambda: raw.torrent(raw.v1_info([(["same"], 1)] * 16_000)), "torrent_duplicate_paths"
        ),
        "path depth 5,000": BadTorrent(_one(["d"] * 5_000), "torrent_path_too_deep"),
        "path depth 5,000 in a v2 tree": BadTorrent(
            lambda: b"d4:infod9:file tree" + b"d1:d" * 5_000 + b"e" * 5_002, "torrent_too_deep"
        ),
        "..": BadTorrent(_one(["..", "etc", "passwd"]), "torrent_path_traversal"),
        ".. inside": BadTorrent(_one(["a", "..", "..", "b"]), "torrent_path_traversal"),
        ".. as name": BadTorrent(lambda: raw.torrent(raw.v1_single("..", 10)), "torrent_path_traversal"),
        ".. in a v2 tree": BadTorrent(lambda: raw.v2_torrent({"a/../b": 10}), "torrent_path_traversal"),
        "absolute path": BadTorrent(_one(["/etc/passwd"]), "torrent_path_absolute"),
        "absolute path, split": BadTorrent(_one(["", "etc", "passwd"]), "torrent_path_absolute"),
        "drive letter": BadTorrent(_one(["C:", "Windows"]), "torrent_path_absolute"),
        "backslash path": BadTorrent(_one(["a\\..\\b"]), "torrent_path_backslash"),
        "slash in an element": BadTorrent(_one(["a", "b/c"]), "torrent_bad_path"),
        "NUL in a path": BadTorrent(_one(["a\0b"]), "torrent_bad_path"),
        "no path": BadTorrent(_one([]), "torrent_bad_path"),
        "name of 2,000 bytes": BadTorrent(_one(["n" * 2_000]), "torrent_name_too_long"),
        "symlink escape": BadTorrent(_items(_REAL, _link("..", "..", "etc")), "torrent_symlink_escape"),
        "absolute symlink": BadTorrent(_items(_REAL, _link("/etc/passwd")), "torrent_symlink_escape"),
        "symlink without target": BadTorrent(_items(_REAL, _link()), "torrent_bad_symlink"),
        "piece length 0": BadTorrent(_one(["a"], piece_length=0), "torrent_piece_length_zero"),
        "piece length 2^31-1": BadTorrent(_one(["a"], piece_length=2**31 - 1), "torrent_piece_length_too_large"),
        "v2 piece length of 48 KiB": BadTorrent(
            lambda: raw.torrent(raw.v2_info({"a": 10}, piece_length=48 * 1024)), "torrent_bad_piece_length"
        ),
        "pieces/length mismatch": BadTorrent(_one(["a"], pieces=bytes(40)), "torrent_pieces_mismatch"),
        "pieces cut": BadTorrent(_one(["a"], pieces=bytes(19)), "torrent_pieces_mismatch"),
        "200,001 pieces": BadTorrent(
            lambda: raw.torrent(raw.v1_single("x", 200_001 * 16_384, piece_length=16_384)), "torrent_too_many_pieces"
        ),
        "size 2^62": BadTorrent(_one(["a"], 2**62), "torrent_size_too_large"),
        "sizes that add up to 2^63": BadTorrent(
            lambda: raw.torrent(raw.v1_info([([str(number)], 2**48 - 1) for number in range(2**15)], pieces=b"")),
            "torrent_size_too_large",
        ),
        "only pad files": BadTorrent(_items(_pad(10), _pad(20)), "torrent_only_pads"),
        "only zero-byte files": BadTorrent(
            lambda: raw.torrent(raw.v1_info([(["a"], 0), (["b"], 0)])), "torrent_only_empty_files"
        ),
        "hybrid whose v1 and v2 disagree": BadTorrent(_mismatched_hybrid, "torrent_hybrid_mismatch"),
        "names that collide by case": BadTorrent(_two(["Dir", "A"], ["dir", "a"]), "torrent_paths_collide_by_case"),
        "names that collide by NFC": BadTorrent(
            _two(["caf\u00e9"], ["cafe\u0301"]), "torrent_paths_collide_by_normalization"
        ),
        "a file that is a folder": BadTorrent(_two(["a"], ["a", "b"]), "torrent_path_conflict"),
        "v3": BadTorrent(lambda: raw.torrent(raw.v2_info({"a": 10}, meta_version=3)), "torrent_unsupported_version"),
        "v2 without layers": BadTorrent(
            lambda: raw.torrent(raw.v2_info({"a": 100_000})), "torrent_missing_piece_layers"
        ),
        "v2 with other layers": BadTorrent(
            lambda: raw.v2_torrent(
                {"a": 100_000}, piece_layers={raw.tree_of("a", 100_000)[0]: raw.tree_of("b", 100_000)[1]}
            ),
            "torrent_piece_layers_mismatch",
        ),
        "v2 with short layers": BadTorrent(
            lambda: raw.v2_torrent(
                {"a": 100_000}, piece_layers={raw.tree_of("a", 100_000)[0]: raw.tree_of("a", 100_000)[1][:-32]}
            ),
            "torrent_piece_layers_mismatch",
        ),
        "v2 file without pieces root": BadTorrent(
            lambda: raw.torrent(raw.v2_info({}, file_tree={"a": {"": {"length": 10}}})), "torrent_bad_pieces_root"
        ),
        "v2 tree with an empty folder": BadTorrent(
            lambda: raw.torrent(raw.v2_info({"a": 10}, file_tree={"a": {}})), "torrent_bad_file_tree"
        ),
        "v2 tree not sorted": BadTorrent(_unsorted_tree, "torrent_tree_not_sorted"),
        "tracker inside": BadTorrent(
            lambda: raw.torrent(raw.v1_single("f", 10), announce="http://169.254.169.254/announce"),
            "torrent_private_tracker",
        ),
        "tracker inside, in the list": BadTorrent(
            lambda: raw.torrent(
                raw.v1_single("f", 10), announce_list=[["http://t.example.com/a"], ["udp://[::ffff:10.0.0.1]:80"]]
            ),
            "torrent_private_tracker",
        ),
        "50,000 trackers": BadTorrent(
            lambda: raw.torrent(
                raw.v1_single("f", 10), announce_list=[[f"udp://t{n}.example.com:80"] for n in range(50_000)]
            ),
            "torrent_too_many_trackers",
        ),
        "web seed inside": BadTorrent(
            lambda: raw.torrent(raw.v1_single("f", 10), url_list=["http://127.1/"]), "torrent_private_web_seed"
        ),
    }
)
