"""Work behind a crowd that waits with nothing for this agent is found, at once where the crowd is of one info-hash."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench.queued import fill
from tests.integration.jobs.conftest import own_world
from tests.integration.jobs.playing import GIB, Agent
from tests.integration.jobs.running import Service, eventually, running
from tests.integration.jobs.test_lanes import some_magnet, some_torrent
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder_jobs.store import lanes
from tseeder_stack.provision import drop_database
from tseeder_stack.s3 import S3Server

CROWD = 2000


@pytest.fixture(params=[1, CROWD], ids=["one hash", "hashes of their own"])
def digests(request: pytest.FixtureRequest) -> int:
    """Of how many info-hashes the crowd is."""
    return int(request.param)


@pytest.fixture
async def crowded(
    postgres: Any, migrated_template: str, nats_url: str, rclone_server: S3Server, tmp_path: Path, digests: int
) -> AsyncIterator[Service]:
    """A service with a magnet of each of CROWD users in its queue."""
    name = f"jobs_crowd_{digests}"
    bucket = replace(rclone_server, bucket=name.replace("_", "-"))
    async with own_world(postgres, migrated_template, nats_url, bucket, tmp_path, name) as made:
        await fill(made.database.admin_url, CROWD, CROWD, digests)
        async with running(made, lease_seconds=600, self_stop_seconds=400) as service:
            yield service
    await drop_database(postgres.admin_url, name)


async def ready(service: Service) -> Agent:
    """An agent that has registered."""
    made = Agent(service, None)
    await made.register(capacity=pb.Capacity(transfers=100, disk_bytes=100 * GIB))
    return made


@pytest.mark.parametrize("digests", [1], indirect=True)
async def test_a_crowd_of_one_info_hash_hides_nothing(crowded: Service) -> None:
    played = await ready(crowded)
    await played.claim_one()
    assert await played.claim() == []  # of the crowd it can run one only
    plain, magnet, mixing = crowded.user(), crowded.user(), crowded.user()
    wanted = [await plain.submit(torrent=some_torrent()), await magnet.submit(magnet=some_magnet())]
    wanted += [await mixing.submit(torrent=some_torrent())]
    # His other one, which is older and so the first of his lane, is of the crowd.
    taken_over = "UPDATE transfers SET payer_user_id = $1 WHERE transfer_id = $2"
    await crowded.rows(taken_over, mixing.user_id, uuid.UUID(int=CROWD - 1))
    got = {each.lease.transfer_id for each in await played.claim(limit=10)}
    assert got == {await crowded.transfer_of(job) for job in wanted}
    assert await crowded.value("SELECT count(*) FROM transfers WHERE state = 'queued'") == CROWD - 1


@pytest.mark.parametrize("digests", [CROWD], indirect=True)
async def test_a_crowd_that_does_not_fit_hides_nothing_for_long(crowded: Service) -> None:
    assert lanes.PAGE < CROWD
    await crowded.rows("UPDATE transfers SET disk_needed_bytes = 1000000")
    small = await crowded.user().submit(torrent=some_torrent())
    played = await ready(crowded)
    got: list[str] = []

    async def claimed() -> bool:
        got.extend(each.lease.transfer_id for each in await played.claim(disk=5000))
        return bool(got)

    await eventually(claimed)
    assert got == [await crowded.transfer_of(small)]
