"""Links: who makes them, what they open and for how long, and what is counted."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from tests.integration.jobs.barriers import Barrier
from tests.integration.jobs.conftest import MakeSample
from tests.integration.jobs.running import Service, User, eventually, refused, running
from tseeder.jobs.v1 import jobs_pb2
from tseeder.jobs.v1 import links_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import AppError
from tseeder_pg import transaction

PASSWORD = "Grüße an alle"
ANY = uuid.UUID(int=0)


@dataclass(frozen=True)
class Owner:
    """Somebody with a job, whose files no agent has fetched yet."""

    jobs: Service
    user: User
    job: model.Job
    files: list[model.File]

    async def make(self, *files: model.File, **terms: Any) -> pb.CreateLinksResponse:
        """Links to these files; without any to the first."""
        ids = [file.file_id for file in files or self.files[:1]]
        return await self.user.call(self.jobs.links.CreateLinks, pb.CreateLinksRequest(file_ids=ids, **terms))

    async def link(self, **terms: Any) -> pb.NewLink:
        """One link, to the first file."""
        (made,) = (await self.make(**terms)).links
        return made

    async def listed(self, **fields: Any) -> list[pb.Link]:
        """His links."""
        return list((await self.user.call(self.jobs.links.ListLinks, pb.ListLinksRequest(**fields))).links)

    async def revoke(self, link_id: str) -> None:
        """It ends."""
        await self.user.call(self.jobs.links.RevokeLink, pb.RevokeLinkRequest(link_id=link_id))

    async def changed(self, made: pb.NewLink, what: str) -> None:
        """A link whose row is as time would have made it."""
        sql = f"UPDATE links SET {what} WHERE link_id = $1"  # noqa: S608 - the test's own words
        await self.jobs.rows(sql, uuid.UUID(made.link.link_id))

    async def rows(self) -> int:
        """How many rows his links have."""
        return int(await self.jobs.value("SELECT count(*) FROM links WHERE user_id = $1", self.user.user_id))


@pytest.fixture
async def owner(jobs: Service, sample: MakeSample) -> Owner:
    return await owning(jobs, sample)


async def owning(jobs: Service, sample: MakeSample) -> Owner:
    user = jobs.user()
    job = await user.submit(torrent=(await sample(1000, 20, 30)).torrent.read_bytes())
    return Owner(jobs, user, job, await user.files(job))


async def opened(jobs: Service, token: str, password: str = "", **fields: Any) -> jobs_pb2.OpenReadResponse:
    """What the gateway is told, on behalf of nobody."""
    return await jobs.links.OpenLink(pb.OpenLinkRequest(token=token, password=password, **fields))


async def counted(jobs: Service, token: str) -> None:
    """A download begins."""
    await jobs.links.CountDownload(pb.CountDownloadRequest(token=token))


async def test_a_link_opens_its_file_without_an_account(jobs: Service, owner: Owner) -> None:
    before = datetime.now(UTC)
    made = await owner.link()
    found = await opened(jobs, made.token)
    assert found == await owner.user.open_read(owner.files[0])
    assert (found.file.file_id, found.WhichOneof("source")) == (owner.files[0].file_id, "wait")
    link = made.link
    assert (list(link.path), link.job_id) == (["folder", "file-0000.bin"], owner.job.job_id)
    assert not link.has_password
    assert not link.HasField("download_limit")
    lives = link.expires_at.ToDatetime(tzinfo=UTC) - before
    assert timedelta(days=7) <= lives < timedelta(days=7, minutes=1)
    assert await owner.listed() == [link]


async def test_a_token_stands_nowhere(jobs: Service, owner: Owner) -> None:
    made = await owner.link(password=PASSWORD)
    assert len(made.token) == 43  # 256 bits
    assert made.link.token_prefix == made.token[:6]
    row = str(await jobs.value("SELECT to_jsonb(l) FROM links l WHERE user_id = $1", owner.user.user_id))
    assert sha256(made.token.encode()).hexdigest() in row
    assert made.token not in row
    assert PASSWORD not in row
    assert "scrypt$14$8$5$" in row


async def revoked(owner: Owner, made: pb.NewLink) -> None:
    await owner.revoke(made.link.link_id)
    await owner.revoke(made.link.link_id)  # again: nothing more


async def expired(owner: Owner, made: pb.NewLink) -> None:
    await owner.changed(made, "expires_at = clock_timestamp()")


async def without_file(owner: Owner, made: pb.NewLink) -> None:
    await owner.user.delete_file(made.link.file_id)


async def without_job(owner: Owner, _made: pb.NewLink) -> None:
    await owner.user.delete(owner.job)


@pytest.mark.parametrize("end", [revoked, expired, without_file, without_job])
async def test_a_link_that_ended_is_as_one_that_never_was(
    jobs: Service, owner: Owner, end: Callable[[Owner, pb.NewLink], Awaitable[None]]
) -> None:
    made = await owner.link(password=PASSWORD)
    await end(owner, made)
    unknown = await refused("link_not_found", opened(jobs, "x" * 43))
    for call in (opened(jobs, made.token), opened(jobs, made.token, PASSWORD, begun=True), counted(jobs, made.token)):
        assert str(await refused("link_not_found", call)) == str(unknown)
    assert await owner.listed() == []


async def test_others_files_and_links_are_nobodys(jobs: Service, owner: Owner, sample: MakeSample) -> None:
    other = await owning(jobs, sample)
    made = await owner.link()
    await refused("file_not_found", other.make(owner.files[0]))
    await refused("file_not_found", other.make(*other.files, owner.files[0]))  # all or none
    await refused("file_not_found", other.make(model.File(file_id=str(ANY))))
    await refused("file_not_found", other.listed(file_id=owner.files[0].file_id))
    for link_id in (made.link.link_id, str(ANY), "x"):
        await refused("link_not_found", other.revoke(link_id))
    assert (await other.listed(), await other.rows()) == ([], 0)
    assert await owner.listed() == [made.link]
    reader = Owner(jobs, owner.user.with_scopes("files:read"), owner.job, owner.files)
    assert await reader.listed() == [made.link]
    await refused("scope_missing", reader.make())
    await refused("scope_missing", reader.revoke(made.link.link_id))


BAD: dict[str, dict[str, Any]] = {
    "bad_file_ids": {"file_ids": []},
    "expires_at_past": {"expires_at": datetime.now(UTC)},
    "expires_at_too_late": {"expires_at": datetime.now(UTC) + timedelta(days=366)},
    "bad_download_limit": {"download_limit": 0},
    "password_too_short": {"password": "1234567"},
    "password_too_long": {"password": "x" * 129},
    "bad_idempotency_key": {"idempotency_key": "x" * 256},
}


@pytest.mark.parametrize("code", BAD)
async def test_bad_terms_make_nothing(jobs: Service, owner: Owner, code: str) -> None:
    terms: dict[str, Any] = {"file_ids": [owner.files[0].file_id], **BAD[code]}
    request = pb.CreateLinksRequest(**terms)
    await refused(code, owner.user.call(jobs.links.CreateLinks, request))
    assert await owner.rows() == 0


async def test_limits_from_the_other_side(owner: Owner) -> None:
    for terms in ({"download_limit": -1}, {"download_limit": 1_000_001}):
        await refused("bad_download_limit", owner.make(**terms))
    await refused("bad_file_ids", owner.make(*owner.files[:1] * 1001))
    made = await owner.make(*owner.files[:1] * 1000, download_limit=1_000_000, password="x" * 128)
    assert len({link.token for link in made.links}) == 1000


async def test_many_links_in_one_call(jobs: Service, owner: Owner) -> None:
    """In the order of the request; the lists have the newest first, by pages."""
    made = (await owner.make(*reversed(owner.files))).links
    assert [link.link.file_id for link in made] == [file.file_id for file in reversed(owner.files)]
    for link in made:
        assert (await opened(jobs, link.token)).file.file_id == link.link.file_id
    first = await owner.user.call(jobs.links.ListLinks, pb.ListLinksRequest(limit=2))
    last = await owner.user.call(jobs.links.ListLinks, pb.ListLinksRequest(limit=2, cursor=first.next_cursor))
    assert [*first.links, *last.links] == [link.link for link in reversed(made)]
    assert last.next_cursor == ""
    assert await owner.listed(file_id=made[1].link.file_id) == [made[1].link]
    await refused("bad_cursor", owner.listed(file_id=made[1].link.file_id, cursor=first.next_cursor))


async def test_a_repeated_request_makes_one_link_and_tells_its_token_once(jobs: Service, owner: Owner) -> None:
    terms: dict[str, Any] = {"idempotency_key": "once", "password": PASSWORD, "download_limit": 5}
    answers = await asyncio.gather(*(owner.make(**terms) for _ in range(10)))
    assert Counter(answer.replayed for answer in answers) == {False: 1, True: 9}
    assert len([answer for answer in answers if answer.links[0].token]) == 1
    assert len({answer.links[0].link.link_id for answer in answers}) == 1
    for other in ({**terms, "password": "another one"}, {**terms, "download_limit": 6}):
        await refused("idempotency_key_reused", owner.make(**other))
    await refused("idempotency_key_reused", owner.make(*owner.files, **terms))
    assert await owner.rows() == 1
    await owner.revoke(answers[0].links[0].link.link_id)
    await refused("link_revoked", owner.make(**terms))
    again = await owner.make(idempotency_key="twice")
    await owner.user.delete_file(owner.files[0])
    await refused("file_not_found", owner.make(idempotency_key="twice"))
    assert not again.replayed


async def test_downloads_at_once_are_counted_to_the_limit_and_no_further(jobs: Service, owner: Owner) -> None:
    made = await owner.link(download_limit=5)

    async def one() -> str:
        try:
            await counted(jobs, made.token)
        except AppError as exc:
            return exc.code
        return "counted"

    assert Counter(await asyncio.gather(*(one() for _ in range(20)))) == {"counted": 5, "link_spent": 15}
    (link,) = await owner.listed()
    assert (link.downloads, link.download_limit) == (5, 5)


async def test_a_spent_link_lets_downloads_be_resumed_for_a_day(jobs: Service, owner: Owner) -> None:
    made = await owner.link(download_limit=1)
    await counted(jobs, made.token)
    await owner.changed(made, "last_counted_at = clock_timestamp() - interval '23:59'")
    await opened(jobs, made.token)
    await refused("link_spent", counted(jobs, made.token))
    await owner.changed(made, "last_counted_at = clock_timestamp() - interval '24:00:01'")
    await refused("link_spent", opened(jobs, made.token))
    await opened(jobs, made.token, begun=True)  # an answer that goes on
    unlimited = await owner.link()
    await counted(jobs, unlimited.token)
    await owner.changed(unlimited, "last_counted_at = clock_timestamp() - interval '48:00'")
    await opened(jobs, unlimited.token)


async def test_a_password_is_asked_for(jobs: Service, owner: Owner) -> None:
    made = await owner.link(password=PASSWORD)
    assert made.link.has_password
    for wrong in ("", "wrong", "x" * 100_000, PASSWORD.lower()):
        await refused("link_password_required", opened(jobs, made.token, wrong))
    await opened(jobs, made.token, PASSWORD)
    await opened(jobs, made.token, "Gru\u0308ße an alle")  # from another keyboard
    other = await owner.link(password="another password")
    await refused("link_password_required", opened(jobs, other.token, PASSWORD))
    await opened(jobs, (await owner.link()).token, "not asked for")


async def test_guessing_is_slowed_down_and_never_ends_it(jobs: Service, owner: Owner) -> None:
    made = await owner.link(password=PASSWORD)
    for number in range(5):
        await refused("link_password_required", opened(jobs, made.token, f"guess {number}"))
    left = "SELECT extract(epoch FROM blocked_until - password_tried_at)::int FROM links WHERE user_id = $1"
    assert await jobs.value(left, owner.user.user_id) == 1
    await owner.changed(made, "blocked_until = clock_timestamp() + interval '1 min'")  # however slow this machine is
    error = await refused("link_throttled", opened(jobs, made.token, PASSWORD))
    assert 0 < int(error.details["retry_after_seconds"]) <= 60
    await owner.changed(made, "blocked_until = clock_timestamp()")
    await refused("link_password_required", opened(jobs, made.token, "guess 5"))
    assert await jobs.value(left, owner.user.user_id) == 2  # twice as long
    await owner.changed(made, "blocked_until = clock_timestamp()")
    await opened(jobs, made.token, PASSWORD)
    # Who knew it a moment ago need not wait while others guess.
    await owner.changed(made, "password_failures = 50, blocked_until = clock_timestamp() + interval '5 min'")
    await opened(jobs, made.token, PASSWORD)
    await refused("link_throttled", opened(jobs, made.token, "guess 6"))
    await owner.changed(made, "password_tried_at = clock_timestamp() - interval '61 min', blocked_until = NULL")
    await refused("link_password_required", opened(jobs, made.token, "guess 7"))
    assert await jobs.value("SELECT password_failures FROM links WHERE user_id = $1", owner.user.user_id) == 1


async def test_guesses_at_once_are_as_many_as_one_after_another(jobs: Service, owner: Owner) -> None:
    made = await owner.link(password=PASSWORD)

    async def guess(text: str) -> str:
        try:
            await opened(jobs, made.token, text)
        except AppError as exc:
            return exc.code
        return "opened"

    # A client with many connections is one try.
    assert Counter(await asyncio.gather(*(guess(PASSWORD) for _ in range(16)))) == {"opened": 16}
    await owner.changed(made, "password_failures = 50")  # one more, and then minutes of waiting
    guesses = Counter(await asyncio.gather(*(guess(f"guess {number}") for number in range(20))))
    assert guesses == {"link_password_required": 1, "link_throttled": 19}


async def test_a_stream_by_a_link_is_its_owners(jobs: Service, owner: Owner) -> None:
    made = await owner.link()
    streams = "SELECT count(*) FROM streams WHERE user_id = $1"
    await jobs.rows("UPDATE usage SET streams_limit = 3 WHERE user_id = $1", owner.user.user_id)
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for stream_id in ids:
        await opened(jobs, made.token, stream_id=stream_id)
    await refused("streams_limit", opened(jobs, made.token, stream_id=str(uuid.uuid4())))
    assert await jobs.value(streams, owner.user.user_id) == 3
    await owner.revoke(made.link.link_id)
    for stream_id in ids:
        await jobs.links.EndLinkRead(pb.EndLinkReadRequest(token=made.token, stream_id=stream_id))
    await jobs.links.EndLinkRead(pb.EndLinkReadRequest(token="x" * 43, stream_id=ids[0]))
    assert await jobs.value(streams, owner.user.user_id) == 0
    await owner.link()  # what billing says of his plan is written anew
    assert await jobs.value("SELECT streams_limit FROM usage WHERE user_id = $1", owner.user.user_id) == 10


async def test_a_user_has_so_many_links_and_ended_ones_make_room(jobs: Service, owner: Owner) -> None:
    await owner.link()
    await jobs.rows(
        """INSERT INTO links (link_id, user_id, job_id, file_id, token_hash, token_prefix, expires_at, fingerprint)
           SELECT gen_random_uuid(), user_id, job_id, file_id, uuid_send(gen_random_uuid()), '', expires_at, ''
           FROM links, generate_series(1, 9998) WHERE user_id = $1""",
        owner.user.user_id,
    )
    last = await owner.link()
    await refused("too_many_links", owner.link())
    await owner.revoke(last.link.link_id)
    await refused("too_many_links", owner.make(*owner.files[:2]))
    made = await owner.link()
    await expired(owner, made)
    await owner.link()
    assert await owner.rows() == 10_000


async def test_a_link_made_while_its_job_is_deleted(jobs: Service, owner: Owner) -> None:
    """It has found its file, and stands before the table: the job waits for it, and takes it along."""
    held = Barrier(jobs)
    async with transaction(jobs.pool) as tx:
        await tx.execute("LOCK TABLE links IN SHARE MODE")  # reading goes on
        making = await held.start(owner.make)
        deletion = await held.start(lambda: owner.user.delete(owner.job))
    (made,) = (await making).links
    await deletion
    await refused("link_not_found", opened(jobs, made.token))
    assert await owner.rows() == 0


async def test_links_that_ended_long_ago_are_forgotten(jobs: Service, owner: Owner) -> None:
    kept, gone, live = (await owner.make(*owner.files)).links
    await owner.changed(kept, "revoked_at = clock_timestamp() - interval '23:59'")
    await owner.changed(gone, "expires_at = clock_timestamp() - interval '24:01'")
    async with running(jobs.world, sweep_seconds=0.02):  # its rare sweeps come soon

        async def trimmed() -> bool:
            return await owner.rows() == 2

        await eventually(trimmed)
    assert [link.link_id for link in await owner.listed()] == [live.link.link_id]
