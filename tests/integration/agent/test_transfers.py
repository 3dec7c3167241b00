from pathlib import Path

import pytest

from tests.integration.agent.conftest import Start
from tests.integration.agent.working import assert_stored, completed
from tests.integration.jobs.running import Service
from tseeder_testkit.swarm import swarming
from tseeder_testkit.torrents import KIB, MIB, FileSpec, Sample, TorrentSpec, Version, make_torrent

FILES = (
    FileSpec("ünï – códé/α.bin", 12 * MIB + 5),
    FileSpec("b.bin", 100),
    FileSpec("empty", 0),
    FileSpec("y/small", 200 * KIB),
    FileSpec("z", 6 * MIB + 77),
)
VERSIONS: list[Version] = ["v1", "hybrid", "v2"]


async def made(folder: Path, files: tuple[FileSpec, ...] = FILES, **fields: object) -> Sample:
    name = f"{folder.name}"
    return await make_torrent(folder / "made", TorrentSpec(files=files, name=name, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_torrent_file_becomes_objects(jobs: Service, start: Start, tmp_path: Path, version: Version) -> None:
    sample = await made(tmp_path, version=version)
    async with swarming(sample) as lo, start() as agent:
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await completed(user, job)
        await assert_stored(user, job, sample)
    assert agent.scratch == []
