"""Trackers with passkeys, and info-hashes, stand in the database as ciphertext only; no event and no message has them.
Every column of every table is read, and every message that NATS carries meanwhile."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg

from tests.integration.jobs.conftest import MakeSample, own_world
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, User, eventually, running
from tseeder.common.v1 import feed_pb2
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import Sample

READER = "witness"


@asynccontextmanager
async def overheard(url: str) -> AsyncIterator[list[bytes]]:
    """Everything that NATS carries: subjects, headers and payloads."""
    heard: list[bytes] = []

    async def hear(message: Msg) -> None:
        heard.append(f"{message.subject} {message.headers}".encode() + message.data)

    client = await nats.connect(url)
    try:
        await client.subscribe(">", cb=hear)
        await client.flush()
        yield heard
    finally:
        await client.close()


def forms(passkeys: Iterable[str], torrent: Sample) -> list[str]:
    """What must be nowhere, as text in lower case; binary columns are compared as hex."""
    assert torrent.info_hash_v1 is not None
    assert torrent.info_hash_v2 is not None
    raw = [bytes.fromhex(torrent.info_hash_v1), bytes.fromhex(torrent.info_hash_v2)]
    found = [*passkeys, torrent.info_hash_v1, torrent.info_hash_v2, base64.b32encode(raw[0]).decode().lower()]
    as_hex = [passkey.encode().hex() for passkey in passkeys] + [digest.hex().encode().hex() for digest in raw]
    as_base64 = [base64.b64encode(digest).decode().rstrip("=").lower()[:24] for digest in raw]
    return [*found, *as_hex, *as_base64]


_SEARCH = """
SELECT DISTINCT pair.key FROM "{table}" AS t, jsonb_each_text(to_jsonb(t)) AS pair
WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) AS needle WHERE strpos(lower(pair.value), needle) > 0)
"""


async def places_of(jobs: Service, needles: list[str]) -> list[str]:
    """`table.column` wherever one of them stands, in whatever type: a row's text form has bytes as hex."""
    tables = await jobs.rows(
        """SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'm', 'v')"""
    )
    assert {"jobs", "torrents", "torrent_hashes", "feed", "idempotency"} <= {table["name"] for table in tables}
    found = []
    for table in tables:
        sql = _SEARCH.format(table=table["name"])
        found += [f"{table['name']}.{row['key']}" for row in await jobs.rows(sql, needles)]
    return found


@pytest.fixture
async def read_by_one(
    postgres: Any, migrated_template: str, nats_url: str, rclone_server: S3Server, tmp_path: Path
) -> AsyncIterator[Service]:
    """A service whose events stay, since their reader has not acknowledged them."""
    async with (
        own_world(postgres, migrated_template, nats_url, rclone_server, tmp_path, "jobs_secrets") as world,
        running(world, feed_readers=(READER,), lease_seconds=600, self_stop_seconds=400) as service,
    ):
        yield service


async def test_passkeys_and_hashes_stand_nowhere(read_by_one: Service, s3_client: Any, sample: MakeSample) -> None:
    jobs, played = read_by_one, Agent(read_by_one, s3_client)
    await played.register()
    torrent = await sample(1000, 2000, version="hybrid")
    users = [jobs.user(), jobs.user(), jobs.user()]
    passkeys = [secrets.token_hex(16) for _ in users]
    trackers = [f"http://127.0.0.1:1/{passkey}/announce" for passkey in passkeys]
    needles = forms(passkeys, torrent)
    async with overheard(jobs.world.nats_url) as heard:
        one = await users[0].submit(magnet=torrent.magnet(trackers=trackers[:1]), idempotency_key="a key")
        lease = await played.claim_one()
        assert await places_of(jobs, needles) == []
        assert (await played.submit_metadata(lease, torrent.info)).proceed
        two = await users[1].submit(torrent=torrent.torrent_bytes(trackers=trackers[1:2]), idempotency_key="a key")
        assert await jobs.transfer_of(two) == await jobs.transfer_of(one) == lease.transfer_id
        three = await users[2].submit(info_hash=torrent.info_hash_v2)
        described = await played.describe(lease)
        assert set(described.header.trackers) == set(trackers[:2])  # a lease holder announces to all of them
        problem = model.Reason(code="tracker_refuses", message="A tracker refuses this client.")
        await played.report(lease, model.TRANSFER_STATE_DOWNLOADING, problem)
        await played.beat(lease)
        await played.store(lease, torrent, 0)
        assert await places_of(jobs, needles) == []
        await played.release(lease)
        await played.run(await played.claim_one(), torrent)
        made = list(zip(users, (one, two, three), strict=True))
        for user, job in made:
            assert (await user.job(job)).state == model.JOB_STATE_COMPLETED
        failing = await users[0].submit(magnet=f"magnet:?xt=urn:btih:{secrets.token_hex(20)}&tr={trackers[0]}")
        await played.fail(await played.claim_one())
        await users[0].reaches(failing, model.JOB_STATE_FAILED)
        assert await places_of(jobs, needles) == []
        await told(jobs, [job for _, job in made], heard)
    events = await all_events(jobs)
    for needle in needles:
        assert not any(needle in message.decode(errors="replace").lower() for message in heard)
        assert not any(needle in event.lower() for event in events)
    raw = [bytes.fromhex(digest) for digest in (torrent.info_hash_v1 or "", torrent.info_hash_v2 or "")]
    assert not any(digest in message for message in heard for digest in raw)
    await shows_to_nobody(made, passkeys)


async def told(jobs: Service, made: list[model.Job], heard: list[bytes]) -> None:
    """Waits until NATS has carried a change of each of these jobs, so that there is something to look through."""

    async def all_heard() -> bool:
        return all(any(f"{job.job_id}.changed".encode() in message for message in heard) for job in made)

    await eventually(all_heard)


async def all_events(jobs: Service) -> list[str]:
    """The feed, as a reader of it is told."""
    request = feed_pb2.ListEventsRequest(reader=READER, after_seq=0, limit=1000)
    answer = await jobs.operator().call(jobs.feed.ListEvents, request)
    assert len(answer.events) > 10
    return [str(event) for event in answer.events]


async def shows_to_nobody(made: list[tuple[User, model.Job]], passkeys: list[str]) -> None:
    """What users read of their jobs has no passkey, neither their own nor another's."""
    for user, job in made:
        shown = f"{await user.job(job)} {await user.files(job)} {await user.list_jobs()}"
        assert not any(passkey in shown for passkey in passkeys)


async def test_the_search_itself_finds_what_is_in_the_clear(jobs: Service) -> None:
    """A name that a user gave is found: as text, and what a column of bytes holds, as hex."""
    user, name = jobs.user(), secrets.token_hex(16)
    await user.submit(magnet=f"magnet:?xt=urn:btih:{secrets.token_hex(20)}", name=name)
    assert "jobs.name" in await places_of(jobs, [name])
    stored = await jobs.value("SELECT encode(source_ciphertext, 'hex') FROM jobs WHERE user_id = $1", user.user_id)
    assert await places_of(jobs, [stored[10:60]]) == ["jobs.source_ciphertext"]
