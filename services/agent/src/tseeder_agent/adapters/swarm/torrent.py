"""One torrent in the session, for asyncio: what it has got so far, a barrier, its order, its end."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import libtorrent as lt

from tseeder_agent.adapters.swarm.metadata import (
    layers_complete,
    layers_of,
    piece_hashes,
    right_layers,
    staged_layout,
)
from tseeder_agent.adapters.swarm.view import view_of
from tseeder_agent.adapters.swarm.wishes import STAGED
from tseeder_agent.domain.addresses import OPEN, Fence, usable_trackers
from tseeder_agent.domain.evidence import TrackerBook
from tseeder_agent.domain.piece_hashes import PieceHashes, V2Hashes
from tseeder_agent.domain.staged import StagedLayout
from tseeder_agent.domain.swarm_view import SwarmView
from tseeder_kit.clock import boottime
from tseeder_kit.errors import AppError, conflict, unavailable, unprocessable
from tseeder_kit.logging import get_logger

T = TypeVar("T")
_log = get_logger(__name__)
_SLOT_MS = 1000
_READ_SLOT_MS = 10
_LAYERS_SECONDS = 5.0
_LAYERS_PAUSE = 0.1
_DELETE_SECONDS = 10.0
_MOST_BANNED = 1000
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class DiskFailure:
    """libtorrent could not write or read the scratch disk. It fetches nothing more of this torrent."""

    full: bool
    message: str


@dataclass(slots=True)
class Changes:
    """What happened since the last call: take `have` over first if it is set, then add `arrived`."""

    arrived: list[int] = field(default_factory=list)
    have: list[bool] | None = None
    disk: DiskFailure | None = None
    error: AppError | None = None

    def __bool__(self) -> bool:
        return bool(self.arrived or self.have is not None or self.disk or self.error)


@dataclass(frozen=True, slots=True)
class TorrentStats:
    """Rates in bytes a second, payload only; `wasted` are bytes that failed their hash or came twice; `candidates` are
    peers that are known and not connected."""

    download_rate: int = 0
    upload_rate: int = 0
    peers: int = 0
    seeds: int = 0
    downloaded: int = 0
    wasted: int = 0
    checking: bool = False  # it hashes what is on the disk
    candidates: int = 0


class Torrent:
    """Made by Swarm. Methods that are not coroutines only post to libtorrent's own thread."""

    def __init__(
        self,
        handle: lt.torrent_handle,
        executor: Executor,
        folder: Path,
        *,
        trackers: Sequence[str],
        fence: Fence = OPEN,
        flush_seconds: float,
        drop: Callable[[Torrent, int], None],
        forget: Callable[[Torrent], None],
    ) -> None:
        self.folder = folder
        self.stats = TorrentStats()
        self.trackers = TrackerBook(usable_trackers(trackers, fence))
        self.failed: dict[int, None] = {}
        """Pieces whose last check failed, in that order, and that have not come right since."""
        self.last_failure = 0.0
        """When the last check failed, in seconds of CLOCK_BOOTTIME; 0: none did."""
        self.banned: dict[tuple[str, int], None] = {}
        """Peers that sent too much that was wrong."""
        self._handle = handle
        self._executor = executor
        self._fence = fence
        self._trackers = usable_trackers(trackers, fence)
        self._flush_seconds = flush_seconds
        self._drop = drop
        self._forget = forget
        self._changes = Changes()
        self._changed = asyncio.Event()
        self._refreshes = 0
        self._meanwhile: list[int] = []  # pieces announced while somebody reads the true set
        self._tasks: set[asyncio.Task[None]] = set()
        self._flushing: asyncio.Future[None] | None = None
        self._availability: asyncio.Future[list[int]] | None = None
        self._metadata: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._resume_data: asyncio.Future[bytes] | None = None
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._removing = False
        self._deleting = False

    @property
    def handle(self) -> lt.torrent_handle:
        return self._handle

    # --- what happened

    async def changes(self) -> Changes:
        """Wait until something happened, and take it."""
        while not self._changes:
            self._changed.clear()
            await self._changed.wait()
        taken, self._changes = self._changes, Changes()
        return taken

    def on_piece(self, piece: int) -> None:
        self._changes.arrived.append(piece)
        if self._refreshes:
            self._meanwhile.append(piece)
        self.failed.pop(piece, None)
        self._changed.set()

    def on_banned(self, host: str, port: int) -> None:
        if len(self.banned) < _MOST_BANNED:
            self.banned[host, port] = None

    def on_hash_failed(self, piece: int) -> None:
        self.failed.pop(piece, None)
        self.failed[piece] = None
        self.last_failure = boottime()

    def on_disk_error(self, code: int, message: str) -> None:
        """A block could not be written. Pieces that were announced may be taken back."""
        if self._changes.disk is None:
            self._changes.disk = DiskFailure(full=code in _DISK_FULL, message=message)
            self.refresh()
        self._changed.set()

    def on_error(self, error: AppError) -> None:
        self._changes.error = error
        self._changed.set()
        if not self._metadata.done():
            self._metadata.set_exception(error)
            self._metadata.exception()  # somebody may never ask

    def refresh(self) -> None:
        """Read the true set of pieces again (alerts were lost, the disk failed); it comes as `changes().have`."""
        self.on_flushed()
        task = asyncio.get_running_loop().create_task(self._refresh())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def on_alerts_lost(self) -> None:
        """Anything may have been among them: pieces, and the answers that somebody waits for."""
        self.refresh()
        self.on_availability([])
        self.on_resume_data(None)

    async def _refresh(self) -> None:
        begun = len(self._meanwhile)
        self._refreshes += 1
        try:
            status = await self._blocking(lambda: self._handle.status(lt.torrent_handle.query_pieces))
            if status.has_metadata:
                self.on_metadata()
                self._changes.have = list(status.pieces)
                # What was announced before is in the set. What came since may not be, and may have been taken already.
                self._changes.arrived = self._meanwhile[begun:]
                self._changed.set()
        except RuntimeError:  # it was removed meanwhile
            return
        finally:
            self._refreshes -= 1
            if not self._refreshes:
                self._meanwhile.clear()

    # --- what holds it up

    async def view(self) -> SwarmView | None:
        """libtorrent's own view of what is missing; None once it is removed."""
        with suppress(RuntimeError):
            return await self._blocking(partial(view_of, self._handle, tuple(self.failed)))
        return None

    def ask_again(self) -> None:
        """Forget the order (`aim` anew), read the true pieces again, and ask trackers as soon as they allow it."""
        self._handle.clear_piece_deadlines()
        self._handle.force_reannounce()
        self.refresh()

    # --- metadata

    async def metadata(self) -> lt.torrent_info:
        """Wait for the metadata of a magnet (whose hash is right then). AppError if it cannot be used."""
        await asyncio.shield(self._metadata)
        info = await self._blocking(self._handle.torrent_file)
        if info is None:
            raise unavailable("metadata_gone", "libtorrent lost the metadata again.")
        return info

    def on_metadata(self) -> None:
        if not self._metadata.done():
            self._metadata.set_result(None)

    def on_metadata_failed(self, message: str) -> None:
        self.on_error(unprocessable("metadata_unusable", f"This torrent's metadata cannot be used: {message}"))

    def on_conflict(self) -> None:
        self.on_error(conflict("hash_in_use", "This agent already runs the same torrent under its other hash."))

    async def peers(self) -> tuple[tuple[str, int], ...]:
        """Who is connected: address and port."""
        found = await self._blocking(self._handle.get_peer_info)
        return tuple((str(peer.ip[0]), int(peer.ip[1])) for peer in found)

    async def piece_layers(self) -> bytes:
        """The bencoded v2 layers that libtorrent has verified; empty for v1, or while some are still missing."""
        if self._resume_data is None:
            self._resume_data = asyncio.get_running_loop().create_future()
            self._handle.save_resume_data(lt.torrent_handle.save_info_dict)
        waiting = self._resume_data
        try:
            async with asyncio.timeout(_LAYERS_SECONDS):
                return await asyncio.shield(waiting)
        except TimeoutError:
            if self._resume_data is waiting:  # its alert is lost: the next one who asks asks libtorrent again
                self._resume_data = None
            return b""

    async def all_piece_layers(self, *, timeout: float) -> bytes:
        """As `piece_layers`, but waits up to `timeout` seconds for peers to tell them all; no alert says when."""
        info = await self.metadata()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    layers = await self.piece_layers()
                    if await self._blocking(partial(layers_complete, info, layers)):
                        return layers
                    await asyncio.sleep(_LAYERS_PAUSE)
        return b""

    def on_resume_data(self, params: lt.add_torrent_params | None) -> None:
        waiting, self._resume_data = self._resume_data, None
        if waiting is not None and not waiting.done():
            waiting.set_result(b"" if params is None else layers_of(params))

    async def layout(self) -> StagedLayout:
        """Where its files lie; the metadata must be known."""
        info = await self.metadata()
        return await self._blocking(lambda: staged_layout(info))

    async def hashes(self, piece_layers: bytes) -> PieceHashes:
        """What its pieces must hash to; `piece_layers` raw as jobs keeps them, or empty."""
        info = await self.metadata()
        return await self._blocking(lambda: piece_hashes(info, piece_layers))

    async def learn_layers(self, hashes: PieceHashes) -> None:
        """Teach `hashes` the v2 layers that libtorrent has fetched from peers by now."""
        if isinstance(hashes, V2Hashes):
            info, layers = await self.metadata(), await self.piece_layers()
            hashes.learn(await self._blocking(lambda: right_layers(info, layers)))

    @property
    def staged(self) -> Path:
        """The folder that holds its files, named by number."""
        return self.folder / STAGED

    # --- the readable barrier

    async def flush(self) -> None:
        """Return when every piece announced before the call should be readable with pread.

        A finished piece is not yet on disk. One flush is under way at a time, so that its alert, which has no id,
        is told from others; a lost or foreign alert makes this return too early or after `flush_seconds`, so what is
        read must be hashed.
        """
        if self._flushing is not None:  # it may have begun before our pieces came
            await self._settled(self._flushing)
        if self._removing:
            return
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_future()
            self._handle.flush_cache()
        await self._settled(self._flushing)

    async def _settled(self, flushing: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._flush_seconds):
                await asyncio.shield(flushing)
        except TimeoutError:
            _log.warning("flush_not_confirmed", folder=self.folder.name)
            if self._flushing is flushing:
                self.on_flushed()

    def on_flushed(self) -> None:
        flushing, self._flushing = self._flushing, None
        if flushing is not None and not flushing.done():
            flushing.set_result(None)

    # --- order

    def prioritize(self, priorities: Sequence[int]) -> None:
        """A priority per piece; 0 is not wanted."""
        self._handle.prioritize_pieces(list(priorities))

    def begin_order(self, priorities: Sequence[int]) -> None:
        """These priorities, and no deadline of whoever fetched it before."""
        self._handle.clear_piece_deadlines()
        self.prioritize(priorities)

    def aim(self, window: Iterable[tuple[int, int]]) -> None:
        """Deadlines for (piece, slot): a slot is a second."""
        for piece, slot in window:
            self._handle.set_piece_deadline(piece, _SLOT_MS * slot)

    def aim_now(self, piece: int, slot: int) -> None:
        """A reader waits for this piece, or will after `slot` others. It is fetched whatever its priority was."""
        self._handle.set_piece_deadline(piece, _READ_SLOT_MS * slot)

    def aim_no_more(self, pieces: Iterable[tuple[int, int]]) -> None:
        """No deadline for these (piece, priority) any more. libtorrent would leave them at its lowest priority."""
        for piece, priority in pieces:
            self._handle.reset_piece_deadline(piece)
            self._handle.piece_priority(piece, priority)

    def add_trackers(self, urls: Sequence[str]) -> None:
        """Ask these trackers, too, as long as there are not too many; those that are known already change nothing."""
        asked = usable_trackers([*self._trackers, *urls], self._fence)
        for tier, url in enumerate(asked[len(self._trackers) :], start=len(self._trackers)):
            self._handle.add_tracker({"url": url, "tier": tier})
        self._trackers = asked
        self.trackers.add(asked)

    def go_in_order(self, in_order: bool) -> None:
        """In order of the pieces, or (while somebody's pieces are nobody's) rarest first, without deadlines."""
        if in_order:
            self._handle.set_flags(lt.torrent_flags.sequential_download)
        else:
            self._handle.unset_flags(lt.torrent_flags.sequential_download)
            self._handle.clear_piece_deadlines()

    async def availability(self) -> list[int]:
        """How many peers have each piece; empty once everything is here."""
        if self._availability is None:
            self._availability = asyncio.get_running_loop().create_future()
            self._handle.post_piece_availability()
        return await asyncio.shield(self._availability)

    def on_availability(self, counts: list[int]) -> None:
        waiting, self._availability = self._availability, None
        if waiting is not None and not waiting.done():
            waiting.set_result(counts)

    def pause(self) -> None:
        self._handle.pause()

    def resume(self) -> None:
        self._handle.resume()

    # --- the end

    async def remove(self, *, delete: bool = True) -> None:
        """Out of the session; with `delete` libtorrent's files go too, and this returns when they are gone."""
        if self._removing:
            return
        self._removing, self._deleting = True, delete
        for task in self._tasks:
            task.cancel()
        try:
            # Shielded: a call that is cancelled while it waits for the thread would leave the torrent in the session.
            await asyncio.shield(self._blocking(lambda: self._drop(self, lt.session.delete_files if delete else 0)))
            async with asyncio.timeout(_DELETE_SECONDS):
                await self._gone
        except TimeoutError:
            _log.warning("removal_not_confirmed", folder=self.folder.name)
        finally:
            self._forget(self)
            self.on_flushed()
            self.on_availability([])
            self.on_resume_data(None)

    def on_removed(self, *, deleted: bool) -> None:
        """`deleted`: the files are gone too, or cannot be deleted."""
        if (deleted or not self._deleting) and not self._gone.done():
            self._gone.set_result(None)

    async def _blocking(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)
