"""Media facts of stored files: found once, for all who have the file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.jobs.conftest import SERIAL, NewWorld
from tests.integration.jobs.filming import ffprobe, films
from tests.integration.jobs.running import User
from tests.integration.jobs.still import Still, still
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.adapters.agent_reads import open_agent_reads
from tseeder_jobs.adapters.ffprobe import Prober
from tseeder_jobs.adapters.s3 import Endpoint, open_storage
from tseeder_jobs.usecases.context import Context, Media
from tseeder_jobs.usecases.probe_media import MOST_PROBES, probe_media
from tseeder_jobs.usecases.sniff_types import sniff_types
from tseeder_testkit.torrents import FileSpec, Sample, TorrentSpec, write_torrent

pytestmark = pytest.mark.ffmpeg

LATER = "UPDATE objects SET probe_after = '-infinity' WHERE probe_after IS NOT NULL"
STATE = """
SELECT e.path[1], o.probes, o.probe_after, m.outcome FROM entries e JOIN torrents t USING (torrent_id)
JOIN objects o USING (entry_id) LEFT JOIN media_facts m USING (entry_id) WHERE t.name = $1 ORDER BY e.file_index
"""
KEYS = """
SELECT o.object_key FROM entries e JOIN torrents t USING (torrent_id) JOIN objects o USING (entry_id)
WHERE t.name = $1 ORDER BY e.file_index
"""
WAIT = "SELECT probe_after - now() FROM objects WHERE probe_after IS NOT NULL"
AWAY = Endpoint("http://127.0.0.1:1", "us-east-1", "nothing", "nobody", "nothing")


@dataclass(frozen=True)
class Cinema:
    """A jobs service whose sweeps run when they are called, films, and a context with ffprobe."""

    still: Still
    ctx: Context
    folder: Path
    films: dict[str, bytes]

    async def torrent(self, **sources: bytes) -> Sample:
        """Files of these contents; "_" in a name is its dot."""
        serial = next(SERIAL)
        specs = []
        for name, data in sources.items():
            source = self.folder / f"{serial}-{name}"
            source.write_bytes(data)
            specs.append(FileSpec(name.replace("_", "."), len(data), source))
        spec = TorrentSpec(tuple(specs), name=f"films {serial}", seed=serial, piece_length=16 << 10)
        return await asyncio.to_thread(write_torrent, self.folder / f"torrent-{serial}", spec)

    async def file(self, user: User, file: model.File) -> model.File:
        """As it is now."""
        request = pb.GetFileRequest(file_id=file.file_id)
        return await user.call(self.still.jobs.jobs.GetFile, request)

    async def state(self, torrent: Sample) -> list[tuple[str, int, bool, str | None]]:
        """Of each stored file: its name, how often it was looked into, whether it will be, and what came of it."""
        rows = await self.still.jobs.rows(STATE, torrent.name)
        return [(row[0], row[1], row[2] is not None, row[3]) for row in rows]

    async def later(self) -> None:
        """What was put off is due."""
        await self.still.jobs.rows(LATER)


@pytest.fixture(scope="module")
async def cinema(
    new_world: NewWorld, s3_client: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cinema]:
    """One for all."""
    folder = tmp_path_factory.mktemp("cinema")
    (folder / "films").mkdir()
    made = await films(folder / "films")
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(new_world("jobs_media"))
        around = await stack.enter_async_context(still(world, s3_client))
        agents = await stack.enter_async_context(open_agent_reads())
        yield Cinema(around, replace(around.ctx, media=Media(Prober(ffprobe()), agents)), folder, made)


async def test_they_are_found_once_for_all_who_have_the_file(cinema: Cinema) -> None:
    mkv = cinema.films["film.mkv"]
    torrent = await cinema.torrent(a_mkv=mkv, b_mp4=b"no film" * 1000, nameless=mkv, notes_txt=b"Notes")
    user = cinema.still.jobs.user()
    job = await cinema.still.stored(user, torrent)
    files = {file.path[0]: file for file in await user.files(job)}
    assert await probe_media(cinema.ctx) == 0, "what it is has to be known first"
    await sniff_types(cinema.ctx)
    assert await probe_media(cinema.still.ctx) == 0, "it is off"
    assert not (await cinema.file(user, files["a.mkv"])).HasField("media")
    # Two replicas come at once.
    assert sum(await asyncio.gather(probe_media(cinema.ctx), probe_media(cinema.ctx))) == 2
    assert await cinema.state(torrent) == [
        ("a.mkv", 1, False, "found"),
        ("b.mp4", 1, False, "none"),
        ("nameless", 1, False, "found"),
        ("notes.txt", 0, False, None),
    ]
    facts = (await cinema.file(user, files["a.mkv"])).media
    assert (facts.container, facts.video[0].codec, facts.audio[0].language) == ("matroska", "h264", "ger")
    assert facts.subtitles[0].title == "For all"
    assert facts.duration_seconds == pytest.approx(2, abs=0.1)
    assert facts.bit_rate == pytest.approx(len(mkv) * 8 / facts.duration_seconds, rel=0.01)
    assert (await user.open_read(files["a.mkv"])).file.media == facts
    assert (await user.call(cinema.still.jobs.jobs.ProbeFile, pb.ProbeFileRequest(file_id=files["a.mkv"].file_id))) == (
        await cinema.file(user, files["a.mkv"])
    )
    assert not (await cinema.file(user, files["b.mp4"])).HasField("media")
    assert not any(file.HasField("media") for file in await user.files(job)), "lists go without"
    other = cinema.still.jobs.user()
    theirs = await other.files(await cinema.still.stored(other, torrent))
    assert (await cinema.file(other, theirs[0])).media == facts
    await cinema.later()
    assert await probe_media(cinema.ctx) == 0


async def test_while_its_bytes_cannot_be_had_nothing_is_concluded(cinema: Cinema) -> None:
    torrent = await cinema.torrent(a_mp4=cinema.films["film.mp4"], b_mp4=cinema.films["film.mp4"])
    user = cinema.still.jobs.user()
    await cinema.still.stored(user, torrent)
    await sniff_types(cinema.ctx)
    async with open_storage(AWAY) as away:
        assert await probe_media(replace(cinema.ctx, storage=away)) == 0
    assert [(probes, waits, outcome) for _, probes, waits, outcome in await cinema.state(torrent)] == [
        (0, True, None),
        (0, True, None),
    ]
    await cinema.later()
    assert await probe_media(cinema.ctx) == 2


async def test_an_object_that_is_lost_holds_up_no_other(cinema: Cinema) -> None:
    """It is put off, without a try."""
    torrent = await cinema.torrent(a_mp4=cinema.films["film.mp4"], b_mp4=cinema.films["film.mp4"])
    await cinema.still.stored(cinema.still.jobs.user(), torrent)
    await sniff_types(cinema.ctx)
    lost, *others = [row[0] for row in await cinema.still.jobs.rows(KEYS, torrent.name)]
    await cinema.ctx.storage.delete(lost)
    assert len(others) == 1
    assert await probe_media(cinema.ctx) == 1
    assert await cinema.state(torrent) == [("a.mp4", 0, True, None), ("b.mp4", 1, False, "found")]
    ((wait,),) = await cinema.still.jobs.rows(WAIT)
    assert wait > timedelta(hours=1)
    await cinema.still.jobs.rows("UPDATE objects SET probe_after = NULL")


async def test_what_ffprobe_dies_of_is_tried_so_often_and_no_more(cinema: Cinema, tmp_path: Path) -> None:
    torrent = await cinema.torrent(a_mp4=cinema.films["film.mp4"])
    await cinema.still.stored(cinema.still.jobs.user(), torrent)
    await sniff_types(cinema.ctx)
    dying = tmp_path / "ffprobe"
    dying.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dying.chmod(0o755)
    assert cinema.ctx.media is not None
    ctx = replace(cinema.ctx, media=replace(cinema.ctx.media, prober=Prober(dying)))
    for number in range(1, MOST_PROBES + 1):
        assert await probe_media(ctx) == 0
        last = number == MOST_PROBES
        assert await cinema.state(torrent) == [("a.mp4", number, not last, "failed" if last else None)]
        assert await probe_media(ctx) == 0, "not before its time"
        await cinema.later()
    assert await probe_media(cinema.ctx) == 0
