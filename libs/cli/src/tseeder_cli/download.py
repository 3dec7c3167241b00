"""One file to disk: resumable through `<name>.part`, checked, and put in place in one step."""

from __future__ import annotations

import asyncio
import fcntl
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import httpx

from tseeder_cli.client import Client
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.wire import File

CHUNK_BYTES = 1 << 18
TRIES_WITHOUT_PROGRESS = 6
LONGEST_DELAY_SECONDS = 5.0

OnBytes = Callable[[int], None]


@dataclass(frozen=True)
class Downloaded:
    """`resumed_at` is how many bytes an earlier run had left; `checked` whether a CRC32 was there to compare."""

    path: Path
    size_bytes: int
    resumed_at: int
    checked: bool


@dataclass(frozen=True)
class Wanted:
    """What to bring. `key` tells it from all else, so that an earlier run's part can be continued; `open` asks for its
    bytes with these headers."""

    key: str
    size_bytes: int
    crc32: int | None
    open: Callable[[Mapping[str, str]], AbstractAsyncContextManager[httpx.Response]]


async def download(client: Client, file: File, target: Path, on_bytes: OnBytes = lambda _: None) -> Downloaded:
    """Bring the bytes of `file` to `target`, as `bring` does."""
    wanted = Wanted(file["file_id"], file["size_bytes"], file["crc32"], partial(client.content, file["file_id"]))
    return await bring(wanted, target, on_bytes)


async def bring(wanted: Wanted, target: Path, on_bytes: OnBytes = lambda _: None) -> Downloaded:
    """Bring the bytes to `target`. `on_bytes` is told how many are there, now and then.

    An earlier run's `.part` is continued if it is of the same. CliError if the bytes are not the right ones.
    """
    part = target.with_name(target.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _locked(part) as disk:
            transfer = _Transfer(wanted, part, disk, on_bytes)
            try:
                await transfer.run()
                transfer.finish(target)
            finally:
                transfer.tidy()
    except OSError as error:
        where = error.filename or target
        raise CliError(f"{where} cannot be written: {error.strerror}", code="disk_error") from error
    return Downloaded(target, wanted.size_bytes, transfer.resumed_at, wanted.crc32 is not None)


@contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
    with part.open("a+b") as disk:
        try:
            fcntl.flock(disk, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CliError(f"{part} is being written by another tseeder", code="download_running") from None
        yield disk


class _Transfer:
    """Bytes on their way into a `.part`."""

    def __init__(self, wanted: Wanted, part: Path, disk: BinaryIO, on_bytes: OnBytes) -> None:
        self._wanted = wanted
        self._disk = disk
        self._on_bytes = on_bytes
        self._note = part.with_name(part.name + ".json")
        self._part = part
        self._etag = ""  # strong, of the bytes in the part; "" while nothing may be continued
        self._begun = False
        self._have = 0
        self._crc = 0
        self.resumed_at = 0

    async def run(self) -> None:
        """Fetch until all is there; a broken connection is taken up where it broke."""
        self._take_up()
        failures = 0
        while self._have < self._wanted.size_bytes or not self._begun:
            before = self._have
            try:
                await self._fetch()
            except CliError as error:
                failures = 1 if self._have > before else failures + 1
                if error.exit_code != ExitCode.UNAVAILABLE or failures >= TRIES_WITHOUT_PROGRESS:
                    raise
                await asyncio.sleep(min(0.2 * 2**failures, LONGEST_DELAY_SECONDS))

    def finish(self, target: Path) -> None:
        """Compare the CRC32, if tseeder knows it, and put the file in its place."""
        self._disk.flush()
        expected = self._wanted.crc32
        if expected is not None and expected != self._crc:
            self._start_over()
            raise CliError(
                f"the bytes of {target.name} are not the ones that tseeder has stored (CRC32)",
                code="checksum_mismatch",
                hint="What was downloaded is dropped; get it again.",
            )
        self._part.replace(target)
        self._note.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Leave nothing behind that is of no use: an empty part, if the first request was refused."""
        if not self._have and self._part.exists():
            self._part.unlink()
            self._note.unlink(missing_ok=True)

    def _take_up(self) -> None:
        """Continue an earlier run's part, if its note says that it is of this very file."""
        note = _read_note(self._note)
        left = self._part.stat().st_size
        same = note.get("file_id") == self._wanted.key and note.get("size_bytes") == self._wanted.size_bytes
        if not same or not note.get("etag") or left > self._wanted.size_bytes:
            self._start_over()
            return
        self._etag = str(note["etag"])
        self._begun = True
        self._disk.seek(0)
        while block := self._disk.read(CHUNK_BYTES):
            self._crc = zlib.crc32(block, self._crc)
        self._have = self.resumed_at = left
        self._on_bytes(left)

    def _start_over(self) -> None:
        self._disk.seek(0)
        self._disk.truncate()
        self._etag, self._begun, self._have, self._crc, self.resumed_at = "", False, 0, 0, 0
        self._note.unlink(missing_ok=True)

    async def _fetch(self) -> None:
        headers = {"Range": f"bytes={self._have}-", "If-Range": self._etag} if self._have and self._etag else {}
        async with self._wanted.open(headers) as response:
            self._begin(response)
            async for block in response.aiter_raw():  # as it comes: what waits to fill a chunk is lost in a cut
                if self._have + len(block) > self._wanted.size_bytes:
                    raise self._wrong_size(self._have + len(block))
                self._disk.write(block)
                self._have += len(block)
                self._crc = zlib.crc32(block, self._crc)
                self._on_bytes(self._have)
        self._disk.flush()
        if self._have < self._wanted.size_bytes:
            raise CliError("the connection ended early", code="cut_short", exit_code=ExitCode.UNAVAILABLE)

    def _begin(self, response: httpx.Response) -> None:
        """Decide from the answer's head whether its body goes on where we are, or begins again."""
        if response.status_code == 416:
            self._start_over()
            raise CliError("the server has another file than before", code="cut_short", exit_code=ExitCode.UNAVAILABLE)
        if response.status_code == 206:
            unit, _, place = response.headers.get("Content-Range", "").partition(" ")
            if unit != "bytes" or place.partition("-")[0] != str(self._have):
                raise CliError("the server answers with another range than it was asked for", code="bad_range")
        elif self._have:
            self._start_over()
            self._on_bytes(0)
        self._begun = True
        etag = response.headers.get("ETag", "")
        # A weak etag does not promise equal bytes, so nothing may be continued on its word.
        self._etag = "" if etag.startswith("W/") else etag
        if self._etag:
            note = {"file_id": self._wanted.key, "size_bytes": self._wanted.size_bytes, "etag": self._etag}
            self._note.write_text(json.dumps(note), encoding="utf-8")

    def _wrong_size(self, size: int) -> CliError:
        return CliError(f"the server sends {size} bytes or more, not {self._wanted.size_bytes}", code="wrong_size")


def _read_note(path: Path) -> dict[str, object]:
    """What an earlier run wrote beside its part; empty if there is nothing to go by."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def refuse_overwrite(target: Path, *, force: bool) -> None:
    """CliError if `target` is there and may not be replaced."""
    if target.exists() and not force:
        raise CliError(f"{target} is there already", code="file_exists", hint="Replace it with --force, or use -o.")
