"""Attempts that get nothing are given up after the plan's time, and say what held them up."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent.conftest import BRISK
from tests.integration.agent.test_transfers import made
from tests.integration.agent.working import working
from tests.integration.jobs.conftest import settled
from tests.integration.jobs.running import Service, World, running
from tests.ports import PORTS
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_testkit.hostile import Malice, hostile_peer
from tseeder_testkit.swarm import seeding
from tseeder_testkit.torrents import MIB, FileSpec, Sample
from tseeder_testkit.tracker import tracking

FAILED = model.JOB_STATE_FAILED


@pytest.fixture
async def impatient(agent_world: World) -> AsyncIterator[Service]:
    """A jobs service that lets an attempt go without a byte for a second and a half, twice."""
    changes: dict[str, Any] = {**BRISK, "stall_timeout_seconds": 1.5, "max_attempts": 2}
    async with running(agent_world, rpc_port=PORTS.pick("jobs"), **changes) as service:
        yield service
        await settled(service)


async def outcomes(service: Service, job: model.Job) -> list[tuple[str, str]]:
    """How the attempts of a job's transfer ended, oldest first."""
    transfer_id = uuid.UUID(await service.transfer_of(job))
    sql = "SELECT outcome, reason_code FROM attempts WHERE transfer_id = $1 ORDER BY epoch"
    return [(row["outcome"], row["reason_code"]) for row in await service.rows(sql, transfer_id)]


async def test_a_torrent_without_peers_fails_in_the_end(impatient: Service, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    async with tracking() as tracker, working(impatient, tmp_path / "scratch") as agent:
        user = impatient.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url]))
        failed = await user.reaches(job, FAILED)
        assert failed.reason.code == "no_peers"
        assert failed.reason.message.endswith("It was tried 2 times.")
        assert await outcomes(impatient, job) == [("released", "no_peers"), ("failed", "no_peers")]
        assert agent.scratch == []


async def test_peers_that_send_nothing_do_not_hold_it_for_ever(impatient: Service, tmp_path: Path) -> None:
    sample = await made(tmp_path, (FileSpec("a", 3 * MIB),))
    async with (
        hostile_peer(sample, Malice.SILENT) as silent,
        tracking() as tracker,
        working(impatient, tmp_path / "scratch"),
    ):
        tracker.add_peer(sample.wire_hash, silent.host, silent.port)
        user = impatient.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url]))
        assert (await user.reaches(job, FAILED)).reason.code == "stalled"


@pytest.mark.faults
async def test_an_attempt_that_stored_something_is_not_spent(impatient: Service, tmp_path: Path) -> None:
    """One file is nobody's; the other one is stored by the first attempt, which does not count."""
    sample = await made(tmp_path, (FileSpec("there", 3 * MIB), FileSpec("nobodys", 6 * MIB)))
    data = await asyncio.to_thread(without, sample, "nobodys", tmp_path / "data")
    async with (
        tracking() as tracker,
        seeding(sample.torrent, data, trackers=[tracker.url], host="127.0.0.2", partial=True),
        working(impatient, tmp_path / "scratch"),
    ):
        user = impatient.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url]))
        failed = await user.reaches(job, FAILED)
        assert (failed.reason.code, failed.stored_files) == ("pieces_unavailable", 1)
        assert failed.reason.message.endswith("It was tried 2 times.")
        assert [code for _, code in await outcomes(impatient, job)] == ["pieces_unavailable"] * 3
        usage = await user.usage()
        assert (usage.reserved_bytes, usage.charged_bytes) == (0, 3 * MIB)  # what is stored stays his


def without(sample: Sample, name: str, data: Path) -> Path:
    """A copy of the sample's folder in which one file is missing."""
    shutil.copytree(sample.root, data)
    (found,) = data.rglob(name)
    found.unlink()
    return data
