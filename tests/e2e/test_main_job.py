"""A job from its submit to the owner's download: what goes in, and what must come out."""

from __future__ import annotations

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.world import MIB, World
from tseeder_testkit.torrents import KIB, Version

FILM = {
    "feature.mkv": 11 * MIB + 12_345,  # three parts of 5 MiB: a multipart upload
    "Ünïcödé – música/träck 01.flac": 3 * MIB + 1,
    "Ünïcödé – música/日本語/字幕.srt": 70_001,
    "empty.txt": 0,
    "README": 17,
}


async def test_a_torrent_file(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Several files, folders with non-ASCII names, an empty file, one large enough for a multipart upload."""
    made = await sample(files=FILM)
    await swarm.seed(made)
    job = await ann.submit(swarm.torrent(made))
    assert job["state"] == "queued"
    assert (job["name"], job["total_bytes"], job["file_count"]) == (made.name, made.total_size, len(FILM))
    done = await ann.completed(job)
    assert (done["stored_files"], done["stored_bytes"]) == (len(FILM), made.total_size)
    assert done["reason"] is None
    assert done["finished_at"] is not None
    await ann.has(done, made)
    usage = await ann.client.usage()
    assert (usage["charged_bytes"], usage["reserved_bytes"], usage["live_jobs"]) == (made.total_size, 0, 0)


async def test_a_magnet(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Its name and files are known only after a peer has given the info dictionary."""
    made = await sample(files=FILM)
    await swarm.seed(made)
    job = await ann.submit(swarm.magnet(made), name="My film")
    assert (job["name"], job["metadata_known"], job["file_count"]) == ("My film", False, 0)
    done = await ann.completed(job)
    assert (done["name"], done["metadata_known"], done["total_bytes"]) == ("My film", True, made.total_size)
    await ann.has(done, made)


@pytest.mark.parametrize("version", ["hybrid", "v2"])
async def test_other_versions_of_the_format(ann: Person, swarm: Swarm, sample: MakeSample, version: Version) -> None:
    """BitTorrent v2, with pads (hybrid) and without v1's hashes; by .torrent and then by magnet."""
    for source in (swarm.torrent, swarm.magnet):
        made = await sample(files=FILM, version=version)
        await swarm.seed(made)
        await ann.has(await ann.completed(await ann.submit(source(made))), made)


async def test_a_torrent_of_a_single_file(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(files={"single.bin": 6 * MIB}, single=True, name="single.bin")
    await swarm.seed(made)
    done = await ann.completed(await ann.submit(swarm.torrent(made)))
    await ann.has(done, made)


async def test_a_single_empty_file_beside_others_needs_no_object(
    world: World, ann: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(files={"a/empty": 0, "b/one": 1, "c/empty": 0})
    before = await world.keys()
    await swarm.seed(made)
    done = await ann.completed(await ann.submit(swarm.torrent(made)))
    files = await ann.has(done, made)
    assert await ann.sha256(files["a/empty"]) == made.files[0].sha256
    assert len(await world.keys() - before) == 1


async def test_a_thousand_small_files(world: World, ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Each is one PUT; planned, confirmed and completed in batches, so that it takes seconds."""
    files = {f"{number % 10}/{number:04}.txt": 100 + number for number in range(1000)}
    made = await sample(files=files, piece_length=16 * KIB)
    before = await world.keys()
    await swarm.seed(made)
    job = await ann.submit(swarm.torrent(made))
    done = await ann.completed(job)
    assert done["version"] < 200, "the job's version rises with each batch, not with each file"
    await ann.has(done, made, every=10)
    assert len(await world.keys() - before) == 1000


async def test_several_jobs_at_once(ann: Person, ben: Person, swarm: Swarm, sample: MakeSample) -> None:
    """One agent runs several transfers together."""
    all_made = [await sample(2 * MIB, 300 * KIB) for _ in range(4)]
    for made in all_made:
        await swarm.seed(made)
    people = (ann, ben, ann, ben)
    jobs = [await person.submit(swarm.magnet(made)) for person, made in zip(people, all_made, strict=True)]
    for person, job, made in zip(people, jobs, all_made, strict=True):
        await person.has(await person.completed(job), made)
