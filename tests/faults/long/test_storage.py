"""Rows 4, 9 and 10: S3 is away, loses answers, is slow, or lies."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, QUICK, World
from tests.faults.long.ground import JOBS, Ground, never_early
from tests.faults.long.modes import BOTH
from tests.faults.long.report import Row
from tests.faults.looking import epochs
from tseeder_testkit.s3_faults import Answer, Fault, Held, Lost, Reset, Slow, error

LONGEST_PAUSE = float(QUICK["agent"]["TSEEDER_AGENT_RETRY_LONGEST_SECONDS"])
AT_ONCE_SECONDS = 0.3  # aiohttp repeats by itself, once and at once, what broke off: that is one try
TRIES = 6  # after so many of one part its pauses have grown to the longest
WRITES = ("UploadPart", "PutObject")
FILES = {"a.bin": 23 * MIB, "b.bin": 11 * MIB, "small": 200_000, "tiny": 1}


@BOTH
async def test_row4_agents_lose_s3_only(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row
) -> None:
    """First connections break, then nothing is answered. Each part is tried again, ever more slowly, by chance."""
    row.mode, row.done = ground.mode, "connections reset, then time-outs"
    made = await sample(files=FILES)
    await swarm.seed(made, rate=6 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    await ground.holds(1)
    async with never_early(world):
        _everywhere(ground, Reset())
        marks = [len(to_s3.log) for to_s3 in ground.agents_storage]

        async def often() -> bool:
            return len(_late_pauses(ground, marks)) >= 10

        await wait_for(often, "parts are tried again and again")
        pauses = _late_pauses(ground, marks)
        assert min(pauses) >= LONGEST_PAUSE / 2 * 0.9, "S3 is hammered"
        assert max(pauses) - min(pauses) >= LONGEST_PAUSE / 10, "all come at once"
        told = (await world.ann.client.job(job["job_id"]))["reason"]
        assert told is not None
        assert told["code"] == "storage_unavailable"
        _everywhere(ground, Held())
        marks = [len(to_s3.log) for to_s3 in ground.agents_storage]

        async def given_up() -> bool:
            since = [
                each for to_s3, mark in zip(ground.agents_storage, marks, strict=True) for each in to_s3.log[mark:]
            ]
            return sum(each.ended is not None for each in since) >= 2

        await wait_for(given_up, "writes that nobody answers are given up")
        assert (await world.ann.client.job(job["job_id"]))["state"] != "completed"
        ground.heal()
        await world.ann.has(await world.ann.completed(job), made)
    row.again = ground.sent_again()
    assert row.again == 0
    assert await epochs(world, job) == [1], "what S3 does spends no lease"


def _everywhere(ground: Ground, fault: Fault) -> None:
    for to_s3 in ground.agents_storage:
        to_s3.fail(fault)


def _late_pauses(ground: Ground, marks: list[int]) -> list[float]:
    """Between two tries of the same part, once there were many; seconds."""
    tries: defaultdict[tuple[str, str, int], list[float]] = defaultdict(list)
    for to_s3, mark in zip(ground.agents_storage, marks, strict=True):
        for each in to_s3.log[mark:]:
            times = tries[each.key, each.upload_id, each.part_number]
            if not times or each.began - times[-1] > AT_ONCE_SECONDS:
                times.append(each.began)
    late = [times[TRIES - 2 :] for times in tries.values()]
    return [second - first for times in late for first, second in pairwise(times)]


@BOTH
async def test_row9_answers_to_completions_are_lost(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row
) -> None:
    """And jobs dies with the first of them. Each file is one object."""
    row.mode, row.done = ground.mode, "answers lost, looks that follow fail, jobs killed after the first"
    made = await sample(files=FILES)
    await swarm.seed(made)
    to_s3 = ground.storage[JOBS]
    to_s3.fail_in_turn("CompleteMultipartUpload", Lost(), Lost(), Lost(), Lost())
    to_s3.fail_in_turn("HeadObject", *[error(503, "SlowDown")] * 4)
    async with never_early(world):
        job = await world.ann.submit(swarm.torrent(made))

        async def lost() -> bool:
            return to_s3.struck["CompleteMultipartUpload"] > 0

        await wait_for(lost, "an answer is lost")
        world.stack.kill("jobs")
        await world.stack.wait_ready("jobs")
        await world.ann.has(await world.ann.completed(job), made)
    await world.sound()
    assert len(await world.keys()) == len(made.files), "one object for each file"
    row.again = ground.sent_again()
    assert row.again == 0


SPOILED: tuple[Fault, ...] = (
    error(503, "SlowDown"),
    error(200, "InternalError"),
    Answer(200),
    Slow(2.0),
    error(500, "InternalError", after=True),
    error(503, "SlowDown"),
)


@pytest.mark.timeout(480)
@BOTH
async def test_row10_s3_answers_wrongly_and_slowly(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row
) -> None:
    """To agents' writes and to all that jobs asks of it."""
    row.mode, row.done = ground.mode, "503, slow, 200 with an error, 200 with nothing, 500 after it was done"
    made = await sample(files=FILES)
    await swarm.seed(made, rate=8 * MIB)
    to_s3 = ground.storage[JOBS]
    asked = ("CreateMultipartUpload", "CompleteMultipartUpload", "HeadObject", "ListMultipartUploads")
    for operation in asked:
        to_s3.fail_in_turn(operation, *SPOILED)
    for each in ground.agents_storage:
        for operation in WRITES:
            each.fail_in_turn(operation, *SPOILED)
    async with never_early(world):
        job = await world.ann.submit(swarm.torrent(made))
        await world.ann.has(await world.ann.completed(job, timeout=200), made)
    struck = sum((Counter(each.struck) for each in ground.agents_storage), Counter(to_s3.struck))
    assert struck["UploadPart"] == struck["PutObject"] == len(SPOILED)
    assert struck["CreateMultipartUpload"] >= 2
    assert struck["CompleteMultipartUpload"] >= 2
    await world.sound()
    assert len(await world.keys()) == len(made.files), "one object for each file"
