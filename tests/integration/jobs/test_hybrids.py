"""A torrent of both kinds has two info-hashes. That they are one torrent is proven by verified info bytes, and never
by what a magnet claims."""

from __future__ import annotations

from typing import Any

from tests.integration.jobs.conftest import MakeAgent, MakeSample
from tests.integration.jobs.running import Service, User, refused
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_testkit.torrents import Sample

COMPLETED = model.JOB_STATE_COMPLETED


def liar(one: Sample, two: Sample) -> str:
    """A magnet with v1 of one torrent and v2 of another."""
    return f"magnet:?xt=urn:btih:{one.info_hash_v1}&xt=urn:btmh:1220{two.info_hash_v2}"


async def torrent_of(jobs: Service, job: model.Job) -> Any:
    return await jobs.value("SELECT torrent_id FROM jobs WHERE job_id = $1::text::uuid", job.job_id)


async def aliases(jobs: Service, torrent_id: Any) -> list[str]:
    rows = await jobs.rows("SELECT kind FROM torrent_hashes WHERE torrent_id = $1 ORDER BY kind", torrent_id)
    return [row["kind"] for row in rows]


async def test_magnets_of_one_hash_each_end_on_one_torrent(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000, version="hybrid")
    one, two, three = jobs.user(), jobs.user(), jobs.user()
    by_v1 = await one.submit(magnet=f"magnet:?xt=urn:btih:{torrent.info_hash_v1}")
    by_v2 = await two.submit(magnet=f"magnet:?xt=urn:btmh:1220{torrent.info_hash_v2}")
    own = await one.submit(magnet=f"magnet:?xt=urn:btmh:1220{torrent.info_hash_v2}")
    assert len({await torrent_of(jobs, job) for job in (by_v1, by_v2, own)}) == 3  # nobody knows yet that they are one
    played = await agent()
    lease = await played.claim_one()
    assert (await played.submit_metadata(lease, torrent.info)).proceed
    for job in (by_v1, by_v2, own):
        await jobs.joined(job, lease.transfer_id)
    by_both = await three.submit(magnet=torrent.magnet())
    assert len({await torrent_of(jobs, job) for job in (by_v1, by_v2, own, by_both)}) == 1
    assert await aliases(jobs, await torrent_of(jobs, by_v1)) == ["v1", "v2"]
    await played.run(lease, torrent)
    for user, job in ((one, by_v1), (two, by_v2), (one, own), (three, by_both)):
        assert (await user.job(job)).state == COMPLETED
    assert (await jobs.user().submit(info_hash=torrent.info_hash_v2)).state == COMPLETED


async def test_a_magnet_of_two_torrents_is_neither(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    """It makes no alias, joins nobody, and no info bytes satisfy it."""
    one, two = await sample(1000, version="hybrid"), await sample(2000, version="hybrid")
    victim, user = jobs.user(), jobs.user()
    honest = [await victim.submit(torrent=each.torrent.read_bytes()) for each in (one, two)]
    played = await agent()
    for each in (one, two):
        lease = await played.claim_one()
        assert (await played.describe(lease)).info == each.info
        await played.run(lease, each)
    lying = await user.submit(magnet=liar(one, two))
    assert lying.state == model.JOB_STATE_QUEUED
    assert not lying.metadata_known
    lease = await played.claim_one()
    assert lease.transfer_id == await jobs.transfer_of(lying)
    for each in (one, two):
        await refused("metadata_mismatch", played.submit_metadata(lease, each.info))
    after = await user.submit(magnet=one.magnet())
    assert after.state == COMPLETED

    third = await sample(100)
    swept = await user.submit(magnet=third.magnet())
    await jobs.joined(swept, await jobs.transfer_of(await jobs.user().submit(torrent=third.torrent.read_bytes())))
    assert not (await user.job(lying)).metadata_known
    for job, each in zip(honest, (one, two), strict=True):
        assert await aliases(jobs, await torrent_of(jobs, job)) == ["v1", "v2"]
        assert (await jobs.user().submit(info_hash=each.info_hash_v1)).total_bytes == each.total_size
        assert (await jobs.user().submit(info_hash=each.info_hash_v2)).total_bytes == each.total_size


async def test_a_lie_before_the_truth_is_known(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    one, two = await sample(1000, version="hybrid"), await sample(2000, version="v2")
    user, victim = jobs.user(), jobs.user()

    async def lie(teller: User) -> model.Job:
        return await teller.pause(await teller.submit(magnet=liar(one, two)))

    own = await user.submit(info_hash=one.info_hash_v1)
    lying = [await lie(user), await lie(victim)]
    assert len({await torrent_of(jobs, job) for job in (own, *lying)}) == 3  # not even its teller's own magnet
    played = await agent()
    lease = await played.claim_one()
    assert lease.transfer_id == await jobs.transfer_of(own)
    assert (await played.submit_metadata(lease, one.info)).proceed
    await played.run(lease, one)
    honest = await victim.submit(info_hash=two.info_hash_v2)
    lease = await played.claim_one()
    assert (await played.submit_metadata(lease, two.info)).proceed
    await played.run(lease, two)
    assert (await victim.job(honest)).total_bytes == two.total_size
    for teller, job in zip((user, victim), lying, strict=True):
        assert not (await teller.job(job)).metadata_known
    assert await aliases(jobs, await torrent_of(jobs, own)) == ["v1", "v2"]
    assert await aliases(jobs, await torrent_of(jobs, honest)) == ["v2"]
    claimed = "SELECT count(*) FROM magnet_hashes WHERE torrent_id = $1"
    assert [await jobs.value(claimed, await torrent_of(jobs, job)) for job in lying] == [2, 2]
