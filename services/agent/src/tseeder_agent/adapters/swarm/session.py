"""The one libtorrent session of an agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import libtorrent as lt

from tseeder_agent.adapters.swarm.alerts import AlertPump
from tseeder_agent.adapters.swarm.entrance import dht_nodes, proxy_addresses
from tseeder_agent.adapters.swarm.settings import SwarmSettings, session_params
from tseeder_agent.adapters.swarm.torrent import Torrent, TorrentStats
from tseeder_agent.adapters.swarm.trackers import tracker_answered, tracker_failed, tracker_warned
from tseeder_agent.adapters.swarm.traffic import Traffic
from tseeder_agent.adapters.swarm.wishes import (
    Metadata,
    MetadataWish,
    TorrentWish,
    metadata_params,
    torrent_params,
)
from tseeder_kit.errors import conflict, unavailable, unprocessable
from tseeder_kit.logging import get_logger

T = TypeVar("T")
_log = get_logger(__name__)
_CHECKING = frozenset({lt.torrent_status.states.checking_files, lt.torrent_status.states.checking_resume_data})
_DUPLICATE = "[libtorrent:19]"
_MISMATCHING_INFO_HASH = 30


@asynccontextmanager
async def open_swarm(settings: SwarmSettings) -> AsyncIterator[Swarm]:
    """A session that listens; on leaving, every torrent is taken out of it (files stay) and it is gone."""
    swarm = await Swarm.start(settings)
    try:
        yield swarm
    finally:
        await swarm.close()


class Swarm:
    """Torrents by handle. Blocking calls of libtorrent run in one thread of its own, in order."""

    def __init__(self, settings: SwarmSettings, session: lt.session, executor: ThreadPoolExecutor) -> None:
        self._settings = settings
        self._session: lt.session | None = session
        self._executor = executor
        self._torrents: dict[lt.torrent_handle, Torrent] = {}
        self._traffic = Traffic()
        self._pump = AlertPump(session, self._handlers())
        loop = asyncio.get_running_loop()
        self._ticker = loop.create_task(self._tick(), name="swarm-stats")
        self._entering = (
            loop.create_task(self._enter_dht(), name="swarm-dht") if settings.dht and settings.udp else None
        )

    @classmethod
    async def start(cls, settings: SwarmSettings) -> Swarm:
        executor = ThreadPoolExecutor(1, "libtorrent")
        loop = asyncio.get_running_loop()
        addresses = await proxy_addresses(settings.proxy)
        session = await loop.run_in_executor(executor, lambda: lt.session(session_params(settings, addresses)))
        swarm = cls(settings, session, executor)
        swarm._pump.start()
        return swarm

    async def close(self) -> None:
        """Take every torrent out, then let the session go. That holds the GIL while trackers hang: last of all."""
        self._ticker.cancel()
        if self._entering is not None:
            self._entering.cancel()
        await asyncio.gather(*(torrent.remove(delete=False) for torrent in list(self._torrents.values())))
        self._pump.stop()
        await asyncio.get_running_loop().run_in_executor(self._executor, self._end)
        self._pump.close()
        self._executor.shutdown(wait=False)

    def _end(self) -> None:
        self._pump.forget()
        self._session = None

    async def listen_port(self) -> int:
        """The TCP port that it listens on; 0 while it does not."""
        return await self._blocking(self._live.listen_port)

    @property
    def dht_nodes(self) -> int:
        """Nodes of the DHT that it knows, as of the last second in which it ran a torrent; 0 without DHT."""
        return self._traffic.dht_nodes if self._settings.dht else 0

    # --- torrents

    @property
    def torrents(self) -> list[Torrent]:
        """What runs now."""
        return list(self._torrents.values())

    async def add(self, wish: TorrentWish) -> Torrent:
        """Start to fetch. AppError `hash_in_use` if this session runs the hash already, `torrent_unusable`."""
        told = self._settings
        params = await self._blocking(lambda: torrent_params(wish, honours_peers=told.honours_peers, fence=told.fence))
        return await self._add(params, wish.folder, wish.trackers)

    async def add_magnet(self, wish: MetadataWish) -> Torrent:
        """Start to ask for metadata: `await torrent.metadata()`; errors as `add`."""
        params = metadata_params(wish, honours_peers=self._settings.honours_peers, fence=self._settings.fence)
        return await self._add(params, wish.folder, wish.trackers)

    async def resolve(self, wish: MetadataWish, *, timeout: float, seen: Callable[[Torrent], None]) -> Metadata:
        """Fetch the metadata of a magnet and nothing else; TimeoutError after `timeout` seconds.

        `seen` is given the torrent at the start, for its stats. It is out of the session again on return.
        """
        torrent = await self.add_magnet(wish)
        seen(torrent)
        try:
            async with asyncio.timeout(timeout):
                info = await torrent.metadata()
            v2 = info.info_hashes().has_v2()
            layers = await torrent.all_piece_layers(timeout=self._settings.layers_seconds) if v2 else b""
            return Metadata(info=info.info_section(), piece_layers=layers, peers=await torrent.peers())
        finally:
            await torrent.remove(delete=False)  # it wrote nothing

    async def _add(self, params: lt.add_torrent_params, folder: Path, trackers: Sequence[str]) -> Torrent:
        adding = asyncio.get_running_loop().run_in_executor(self._executor, lambda: self._live.add_torrent(params))
        try:
            handle = await asyncio.shield(adding)
        except asyncio.CancelledError:
            adding.add_done_callback(self._take_out)  # it is added all the same, and nobody else would know of it
            raise
        except RuntimeError as exc:
            if _DUPLICATE in str(exc):
                raise conflict("hash_in_use", "This agent already runs this torrent.") from exc
            raise unprocessable("torrent_unusable", f"libtorrent does not take this torrent: {exc}") from exc
        torrent = Torrent(
            handle,
            self._executor,
            folder,
            trackers=trackers,
            fence=self._settings.fence,
            flush_seconds=self._settings.flush_seconds,
            drop=self._drop,
            forget=self._forget,
        )
        self._torrents[handle] = torrent
        try:
            handle.resume()  # only now: what a tracker answers is told once, and may be told at once
        except RuntimeError as exc:  # the session was closed meanwhile
            self._forget(torrent)
            raise unavailable("swarm_error", "The session was closed while a torrent was added.") from exc
        torrent.refresh()  # what it was added with is not announced
        return torrent

    def _take_out(self, adding: asyncio.Future[lt.torrent_handle]) -> None:
        if self._session is None or adding.cancelled() or adding.exception() is not None:
            return
        handle = adding.result()
        self._executor.submit(lambda: self._live.remove_torrent(handle, lt.session.delete_files))

    def _drop(self, torrent: Torrent, option: int) -> None:
        self._live.remove_torrent(torrent.handle, option)

    def _forget(self, torrent: Torrent) -> None:
        self._torrents.pop(torrent.handle, None)

    @property
    def _live(self) -> lt.session:
        if self._session is None:
            raise RuntimeError("the session is closed")
        return self._session

    async def _blocking(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def _tick(self) -> None:
        """Ask for what changed in the torrents' figures; libtorrent answers with one alert."""
        was_busy = False
        while True:
            await asyncio.sleep(self._settings.stats_seconds)
            if self._torrents:
                self._live.post_torrent_updates(0)
            if self._torrents or was_busy:  # once more after the last one has left
                self._live.post_session_stats()
            was_busy = bool(self._torrents)

    async def _enter_dht(self) -> None:
        """Turn the DHT on, once it is known where it can be entered."""
        nodes = await dht_nodes(self._settings)
        pack: lt.settings_pack = {"dht_bootstrap_nodes": ",".join(nodes), "enable_dht": True}
        await self._blocking(lambda: self._live.apply_settings(pack))

    # --- alerts

    def _handlers(self) -> dict[type[Any], Callable[[Any], None]]:
        """What is done for each kind of alert; the others are of no interest."""

        def to_torrent(act: Callable[[Torrent, Any], None]) -> Callable[[Any], None]:
            def handle(alert: Any) -> None:
                torrent = self._torrents.get(alert.handle)
                if torrent is not None:
                    act(torrent, alert)

            return handle

        return {
            lt.piece_finished_alert: to_torrent(lambda t, a: t.on_piece(a.piece_index)),
            lt.peer_ban_alert: to_torrent(lambda t, a: t.on_banned(str(a.endpoint[0]), int(a.endpoint[1]))),
            lt.hash_failed_alert: to_torrent(lambda t, a: t.on_hash_failed(a.piece_index)),
            lt.cache_flushed_alert: to_torrent(lambda t, _: t.on_flushed()),
            lt.metadata_received_alert: to_torrent(lambda t, _: t.on_metadata()),
            lt.metadata_failed_alert: to_torrent(_metadata_failed),
            lt.torrent_conflict_alert: to_torrent(lambda t, _: t.on_conflict()),
            lt.torrent_checked_alert: to_torrent(lambda t, _: t.refresh()),
            lt.file_error_alert: to_torrent(lambda t, a: t.on_disk_error(a.error.value(), a.error.message())),
            lt.torrent_error_alert: to_torrent(_torrent_failed),
            lt.piece_availability_alert: to_torrent(lambda t, a: t.on_availability(a.piece_availability)),
            lt.save_resume_data_alert: to_torrent(lambda t, a: t.on_resume_data(a.params)),
            lt.save_resume_data_failed_alert: to_torrent(lambda t, _: t.on_resume_data(None)),
            lt.tracker_error_alert: to_torrent(lambda t, a: tracker_failed(t.trackers, a)),
            lt.tracker_warning_alert: to_torrent(lambda t, a: tracker_warned(t.trackers, a)),
            lt.tracker_reply_alert: to_torrent(lambda t, a: tracker_answered(t.trackers, a)),
            lt.torrent_removed_alert: to_torrent(lambda t, _: t.on_removed(deleted=False)),
            lt.torrent_deleted_alert: to_torrent(lambda t, _: t.on_removed(deleted=True)),
            lt.torrent_delete_failed_alert: to_torrent(lambda t, _: t.on_removed(deleted=True)),
            lt.state_update_alert: self._on_stats,
            lt.session_stats_alert: self._traffic.take_in,
            lt.alerts_dropped_alert: self._on_dropped,
            lt.listen_failed_alert: lambda a: _log.warning("listen_failed", error=a.error.message()),
        }

    def _on_stats(self, alert: lt.state_update_alert) -> None:
        for status in alert.status:
            torrent = self._torrents.get(status.handle)
            if torrent is not None:
                torrent.stats = TorrentStats(
                    download_rate=status.download_payload_rate,
                    upload_rate=status.upload_payload_rate,
                    peers=status.num_peers,
                    seeds=status.num_seeds,
                    downloaded=status.total_payload_download,
                    wasted=status.total_failed_bytes + status.total_redundant_bytes,
                    candidates=status.connect_candidates,
                    checking=status.state in _CHECKING,
                )

    def _on_dropped(self, _alert: lt.alerts_dropped_alert) -> None:
        _log.warning("alerts_dropped")
        for torrent in self._torrents.values():
            torrent.on_alerts_lost()


def _metadata_failed(torrent: Torrent, alert: lt.metadata_failed_alert) -> None:
    # Wrong bytes from one peer are asked for again from others; right bytes that cannot be used will not get better.
    if alert.error.value() != _MISMATCHING_INFO_HASH:
        torrent.on_metadata_failed(alert.error.message())


def _torrent_failed(torrent: Torrent, alert: lt.torrent_error_alert) -> None:
    torrent.on_error(unavailable("swarm_error", f"libtorrent stopped this torrent: {alert.error.message()}"))
