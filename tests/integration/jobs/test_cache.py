"""Which torrents are stored already, and how much of that the operator's setting lets a user know."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.integration.jobs.conftest import MakeAgent, MakeSample, clear, own_world
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, User, refused, running
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import Kind
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import Sample

ABSENT, PARTIAL, STORED = pb.CACHE_STATE_ABSENT, pb.CACHE_STATE_PARTIAL, pb.CACHE_STATE_STORED
NOTHING = (ABSENT, 0, 0, 0, 0)
COMPLETED = model.JOB_STATE_COMPLETED


async def check(user: User, hashes: Sequence[str]) -> list[pb.CachedTorrent]:
    answer = await user.call(user.service.jobs.CheckCache, pb.CheckCacheRequest(info_hashes=hashes))
    return list(answer.torrents)


async def seen(user: User, torrent: Sample | str) -> tuple[int, int, int, int, int]:
    """What this user is told of one torrent: state, total and stored bytes, all and stored files."""
    (found,) = await check(user, [torrent if isinstance(torrent, str) else torrent.info_hash])
    return (found.state, found.total_bytes, found.stored_bytes, found.file_count, found.stored_files)


async def stored(user: User, played: Agent, torrent: Sample, **fields: Any) -> model.Job:
    """A job of this user that is completed."""
    job = await user.submit(torrent=torrent.torrent.read_bytes(), **fields)
    await played.run(await played.claim_one(), torrent)
    assert (await user.job(job)).state == COMPLETED
    return job


async def test_the_states_of_a_torrent(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000, 0)
    user, other = jobs.user(), jobs.user()
    assert await seen(other, torrent) == NOTHING
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    assert await seen(other, torrent) == await seen(user, torrent) == NOTHING  # that somebody wants it says nothing
    played = await agent()
    lease = await played.claim_one()
    await played.store(lease, torrent, 0)
    assert await seen(other, torrent) == await seen(user, torrent) == (PARTIAL, 3000, 1000, 3, 2)
    await played.run(lease, torrent)
    assert await seen(other, torrent) == (STORED, 3000, 3000, 3, 3)
    # What it promises: a submit is completed at once.
    assert (await other.submit(magnet=torrent.magnet())).state == COMPLETED
    await user.delete(job)
    assert await seen(user, torrent) == (STORED, 3000, 3000, 3, 3)
    await clear(jobs)
    assert await seen(user, torrent) == NOTHING


async def test_in_the_order_asked_in_every_form(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    hybrid, v2, part = await sample(10, version="hybrid"), await sample(20, version="v2"), await sample(30, 40)
    user, played = jobs.user(), await agent()
    for torrent in (hybrid, v2):
        await stored(user, played, torrent)
    await stored(user, played, part, selection=[1])
    assert hybrid.info_hash_v1 is not None
    assert hybrid.info_hash_v2 is not None
    unknown = secrets.token_hex(20)
    asked = [
        unknown,
        part.info_hash.upper(),
        hybrid.info_hash_v2,
        base64.b32encode(bytes.fromhex(hybrid.info_hash_v1)).decode().lower(),
        v2.info_hash.upper(),
        part.info_hash,
        unknown,
        f" {hybrid.info_hash_v1} ",
        hybrid.info_hash_v2,
    ]
    found = await check(user, asked)
    assert [each.info_hash for each in found] == asked
    assert [each.state for each in found] == [
        *(ABSENT, PARTIAL, STORED, STORED, STORED, PARTIAL, ABSENT, STORED, STORED)
    ]
    assert [each.total_bytes for each in found] == [0, 70, 10, 10, 20, 70, 0, 10, 10]
    many = [secrets.token_hex(20) for _ in range(499)] + [v2.info_hash]
    assert [each.state for each in await check(user, many)] == [ABSENT] * 499 + [STORED]
    assert [each.state for each in await check(user, [hybrid.info_hash_v1] * 500)] == [STORED] * 500


async def test_what_is_no_info_hash_is_named(jobs: Service) -> None:
    user, good = jobs.user(), secrets.token_hex(20)
    bad = {1: "x" * 40, 2: "", 4: "0" * 40, 5: "ab" * 30, 6: "1" * 32, 7: "magnet:?xt=urn:btih:" + good}
    asked = [bad.get(number, good) for number in range(8)]
    error = await refused("bad_info_hashes", check(user, asked))
    assert error.kind is Kind.INVALID
    assert [(field.field, field.code) for field in error.fields] == [
        ("info_hashes[1]", "info_hash_bad"),
        ("info_hashes[2]", "info_hash_bad"),
        ("info_hashes[4]", "info_hash_zero"),
        ("info_hashes[5]", "info_hash_bad"),
        ("info_hashes[6]", "info_hash_bad_base32"),
        ("info_hashes[7]", "info_hash_bad"),
    ]
    assert good not in str(error)
    for count in (0, 501):
        assert not (await refused("bad_info_hashes", check(user, [good] * count))).fields
    assert len((await refused("bad_info_hashes", check(user, ["x"] * 500))).fields) == 50
    error = await refused("scope_missing", check(user.with_scopes("jobs:write", "files:read"), [good]))
    assert error.details["scope"] == "jobs:read"


async def test_what_nobody_else_may_know(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    """Another user's private torrent, and a magnet of which nothing is verified."""
    private, magnet = await sample(1000, private=True), await sample(2000)
    user, other, played = jobs.user(), jobs.user(), await agent()
    await stored(user, played, private)
    assert await seen(user, private) == (STORED, 1000, 1000, 1, 1)
    assert await seen(other, private) == NOTHING
    await other.submit(torrent=private.torrent.read_bytes())
    assert await seen(other, private) == NOTHING  # his own is not stored
    await user.submit(magnet=magnet.magnet())
    assert await seen(user, magnet) == NOTHING


async def test_what_was_taken_down_is_absent_by_each_of_its_hashes(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(1000, version="hybrid")
    user, played = jobs.user(), await agent()
    await stored(user, played, torrent)
    assert torrent.info_hash_v1 is not None
    assert torrent.info_hash_v2 is not None
    take_down = """INSERT INTO takedowns (digest_index, index_key_version, reason)
                   SELECT digest_index, index_key_version, 'a test' FROM torrent_hashes h
                   WHERE h.kind = 'v1' AND h.torrent_id = (SELECT torrent_id FROM jobs WHERE user_id = $1)"""
    await jobs.rows(take_down, user.user_id)
    try:
        for digest in (torrent.info_hash_v1, torrent.info_hash_v2):
            assert await seen(user, digest) == await seen(jobs.user(), digest) == NOTHING
            await refused("torrent_blocked", jobs.user().submit(info_hash=digest))
    finally:
        await jobs.rows("DELETE FROM takedowns WHERE reason = 'a test'")
    assert await seen(user, torrent.info_hash_v2) == (STORED, 1000, 1000, 1, 1)


async def test_each_setting_tells_what_it_shares(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    rclone_server: S3Server,
    s3_client: Any,
    tmp_path: Path,
    sample: MakeSample,
) -> None:
    """Global, then user, then off, on one database; a submit does what the check has promised."""
    torrent, rest = await sample(1000, 2000), await sample(4000)
    one, two = uuid.uuid4(), uuid.uuid4()
    async with own_world(postgres, migrated_template, nats_url, rclone_server, tmp_path, "jobs_cache") as world:

        async def at(service: Service) -> tuple[User, User, Agent]:
            scopes = service.user().scopes
            played = Agent(service, s3_client)
            await played.register()
            return User(service, one, "user", scopes), User(service, two, "user", scopes), played

        async with running(world, dedupe="global") as jobs:
            first, second, played = await at(jobs)
            await stored(first, played, torrent)
            assert await seen(second, torrent) == (STORED, 3000, 3000, 2, 2)

        add_index_key(world.folder / "crypto-keys.json")
        async with running(world, dedupe="user") as jobs:
            first, second, played = await at(jobs)
            assert await seen(first, torrent) == (STORED, 3000, 3000, 2, 2)  # under another index key by now
            assert (await first.submit(torrent=torrent.torrent.read_bytes())).state == COMPLETED
            assert await seen(second, torrent) == NOTHING
            own = await second.submit(torrent=torrent.torrent.read_bytes(), selection=[0])
            assert own.state == model.JOB_STATE_QUEUED
            assert await seen(second, torrent) == NOTHING  # though all of it is stored for another
            await played.run(await played.claim_one(), torrent)
            assert await seen(second, torrent) == (PARTIAL, 3000, 1000, 2, 1)
            assert await seen(first, torrent) == (STORED, 3000, 3000, 2, 2)
            await stored(first, played, rest)
            assert (await seen(first, rest))[0] == STORED
            assert await seen(second, rest) == NOTHING

        async with running(world, dedupe="off") as jobs:
            first, second, played = await at(jobs)
            assert (await seen(first, rest))[0] == (await seen(first, torrent))[0] == STORED
            assert await seen(second, torrent) == (PARTIAL, 3000, 1000, 2, 1)
            assert await seen(second, rest) == NOTHING
            await stored(second, played, torrent)  # fetched anew
            assert await seen(second, torrent) == (STORED, 3000, 3000, 2, 2)  # the fullest of his own

        async with running(world, dedupe="global") as jobs:
            first, second, played = await at(jobs)
            assert await seen(second, rest) == NOTHING
            assert await seen(second, torrent) == (STORED, 3000, 3000, 2, 2)
            assert (await second.submit(magnet=torrent.magnet())).state == COMPLETED


def add_index_key(path: Path) -> None:
    """A new version of the index key writes from now on; the one before it is still looked up."""
    document = json.loads(path.read_text())
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    document["keys"].append({"id": "index-2", "kind": "index", "version": 2, "secret": secret})
    path.write_text(json.dumps(document))
