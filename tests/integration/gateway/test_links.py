"""Links by HTTP: what they open, to whom, how often, and until when."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.gateway.conftest import Library, MakeDoor, MakeSample, submitted
from tests.integration.gateway.running import Caller, Door, Reply, browsing, signed_in, unique
from tests.integration.gateway.test_streams import SLOWLY, down_to, reading
from tests.integration.jobs.running import eventually

FILM, BIG = "film.mp4", "big.bin"
NOBODY = Caller("", "", {"Authorization": ""})
PASSWORD = "Grüße an alle"


async def made(door: Door, user: Caller, file_id: str, **terms: Any) -> Any:
    """A new link, as it was answered."""
    answer = await door.call("POST", f"/v1/files/{file_id}/links", user=user, json=terms)
    assert answer.status == 201, answer
    return answer.json


async def link_to(door: Door, user: Caller, file_id: str, **terms: Any) -> str:
    """The path of a new link."""
    return f"/v1/links/{(await made(door, user, file_id, **terms))['token']}"


async def downloads(door: Door, user: Caller) -> int:
    """Of the newest link."""
    newest = (await door.call("GET", "/v1/me/links", user=user)).json["items"][0]
    return int(newest["downloads"])


def basic(password: str, name: str = "anybody") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


async def test_a_link_answers_as_the_content_itself_and_asks_nobody_who_he_is(
    door: Door, user: Caller, library: Library
) -> None:
    tag = (await door.call("HEAD", library.url(FILM), user=user)).headers["ETag"]
    for path in (FILM, "page.html", "empty.txt", "Füße – 映画.mkv"):
        link = await link_to(door, user, library.ids[path])
        for method, headers in (
            ("GET", {}),
            ("HEAD", {}),
            ("GET", {"Range": "bytes=5-20"}),
            ("GET", {"Range": "bytes=-7"}),
            ("GET", {"Range": "bytes=999999999-"}),
            ("GET", {"Range": "bytes=5-20", "If-Range": '"other"'}),
            ("GET", {"If-None-Match": tag}),
            ("GET", {"If-Match": '"other"'}),
        ):
            own = await door.call(method, library.url(path), user=user, headers=headers)
            assert told(await door.call(method, link, headers=headers)) == told(own), (path, headers)
    # Whatever else a client sends of itself is not read; nor does it matter whose page shows the file.
    link = await link_to(door, user, library.ids[FILM])
    other = await browsing(door)
    for headers in (
        {"Authorization": "Bearer nothing"},
        {"X-API-Key": "nothing"},
        {**other.headers, "Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"},
    ):
        assert (await door.call("GET", link, headers=headers)).body == library.contents[FILM]


def told(reply: Reply) -> tuple[int, bytes | str, Mapping[str, str]]:
    """All of an answer that does not differ from one to the next."""
    changing = ("date", "x-request-id")
    body = reply.code if reply.status >= 400 and reply.body else reply.body
    headers = {name.lower(): text for name, text in reply.headers.items()}
    return reply.status, body, {name: text for name, text in headers.items() if name not in changing}


async def test_several_ranges_by_a_link(door: Door, user: Caller, library: Library) -> None:
    link = await link_to(door, user, library.ids[FILM])
    answer = await door.call("GET", link, headers={"Range": "bytes=5-9,20-29"})
    assert answer.status == 206
    assert answer.headers["Content-Type"].startswith("multipart/byteranges")
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_its_token_is_told_once(door: Door, user: Caller, library: Library) -> None:
    path = f"/v1/files/{library.ids[FILM]}/links"
    at = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    body = {"expires_at": at.isoformat(), "download_limit": 3, "password": PASSWORD}
    key = {"Idempotency-Key": unique()}
    first = (await door.call("POST", path, user=user, json=body, headers=key)).json
    assert first["url"] == f"{door.url}/v1/links/{first['token']}"
    again = await door.call("POST", path, user=user, json=body, headers=key)
    assert again.json == {"link": first["link"], "token": "", "url": ""}
    link = first["link"]
    assert datetime.fromisoformat(link["expires_at"]) == at
    assert (link["token_prefix"], link["has_password"], link["download_limit"]) == (first["token"][:6], True, 3)
    other = await door.call("POST", path, user=user, json={}, headers=key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    for listed in (path, "/v1/me/links"):
        answer = await door.call("GET", listed, user=user)
        assert answer.json["items"][0] == link
        assert first["token"] not in answer.body.decode()
    assert (await door.call("DELETE", f"/v1/me/links/{link['link_id']}", user=user)).status == 204
    gone = await door.call("POST", path, user=user, json=body, headers=key)
    assert (gone.status, gone.code) == (409, "link_revoked")
    assert link not in (await door.call("GET", "/v1/me/links", user=user)).json["items"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at_past"),
        ({"expires_at": "2999-01-01T00:00:00Z"}, "expires_at_too_late"),
        ({"expires_at": "tomorrow"}, "invalid_request"),
        ({"download_limit": 0}, "bad_download_limit"),
        ({"download_limit": 9223372036854775807}, "bad_download_limit"),
        ({"download_limit": 18446744073709551615}, "json_number_too_large"),
        ({"download_limit": "5"}, "invalid_request"),
        ({"password": ""}, "password_too_short"),
        ({"password": "x" * 129}, "password_too_long"),
        ({"user_id": "01a1f8b0-0b7e-7c55-8d1e-0f6a2b9c4d31"}, "invalid_request"),
        ({"downloads": -5}, "invalid_request"),
    ],
)
async def test_bad_terms_make_no_link(
    door: Door, user: Caller, library: Library, body: dict[str, Any], code: str
) -> None:
    count = "SELECT count(*) FROM links WHERE user_id = $1"
    before = await door.upstream.jobs.value(count, UUID(user.user_id))
    answer = await door.call("POST", f"/v1/files/{library.ids[FILM]}/links", user=user, json=body)
    assert (answer.status, answer.code) == (400, code)
    assert await door.upstream.jobs.value(count, UUID(user.user_id)) == before


@pytest.mark.parametrize(
    ("method", "headers", "count"),
    [
        ("GET", {}, 1),
        ("GET", {"Range": "bytes=0-"}, 1),
        ("GET", {"Range": "bytes=0-0"}, 1),
        ("GET", {"Range": "bytes=-999999999"}, 1),  # all of it
        ("GET", {"Range": "bytes=9-5"}, 1),  # ignored
        ("GET", {"Range": "bytes=5-9", "If-Range": '"other"'}, 1),
        ("GET", {"Range": "bytes=5-9,0-1"}, 1),  # or the beginning could be had for nothing
        ("GET", {"Range": "bytes=1-"}, 0),
        ("GET", {"Range": "bytes=-5"}, 0),
        ("GET", {"Range": "bytes=5-9,20-29"}, 0),
        ("GET", {"Range": "bytes=999999999-"}, 0),
        ("GET", {"If-None-Match": "*"}, 0),
        ("GET", {"If-Match": '"other"'}, 0),
        ("HEAD", {}, 0),
        ("HEAD", {"Range": "bytes=0-"}, 0),
    ],
)
async def test_a_download_is_what_begins_at_the_beginning(
    door: Door, user: Caller, library: Library, method: str, headers: dict[str, str], count: int
) -> None:
    link = await link_to(door, user, library.ids[FILM])
    await door.call(method, link, headers=headers)
    assert await downloads(door, user) == count


async def test_a_limit_holds_for_downloads_at_once_and_lets_broken_ones_go_on(
    door: Door, user: Caller, library: Library
) -> None:
    await eventually(down_to(door, user, 0))
    link = await link_to(door, user, library.ids[FILM], download_limit=4)
    answers = await asyncio.gather(*(door.call("GET", link) for _ in range(10)))
    assert Counter(answer.status for answer in answers) == {200: 4, 403: 6}
    assert {answer.code for answer in answers if answer.status == 403} == {"link_spent"}
    assert all(answer.body == library.contents[FILM] for answer in answers if answer.status == 200)
    rest = await door.call("GET", link, headers={"Range": "bytes=1000-"})
    assert (rest.status, rest.body) == (206, library.contents[FILM][1000:])
    assert (await door.call("HEAD", link)).status == 200
    day_old = "UPDATE links SET last_counted_at = clock_timestamp() - interval '25 h' WHERE token_prefix = $1"
    await door.upstream.jobs.rows(day_old, link.removeprefix("/v1/links/")[:6])
    for headers in ({}, {"Range": "bytes=1000-"}):
        answer = await door.call("GET", link, headers=headers)
        assert (answer.status, answer.code) == (403, "link_spent")
    await eventually(down_to(door, user, 0))  # nothing that was refused counts among the owner's streams


async def test_an_empty_file_is_downloaded_so_often_too(door: Door, user: Caller, library: Library) -> None:
    link = await link_to(door, user, library.ids["empty.txt"], download_limit=1)
    assert [(await door.call("GET", link)).status for _ in range(2)] == [200, 403]


async def test_what_did_not_begin_is_not_counted(door: Door, user: Caller, sample: MakeSample) -> None:
    """A file that nobody fetches, and then S3 out of order."""
    job_id = await submitted(door, user, await sample({"later.bin": 1000}))
    (file,) = (await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]
    link = await link_to(door, user, file["file_id"], download_limit=1)
    answer = await door.call("GET", link)
    assert (answer.status, answer.code) == (409, "not_stored_yet")
    assert (await door.call("HEAD", link)).headers["Content-Length"] == "1000"
    assert await downloads(door, user) == 0
    await door.call("DELETE", f"/v1/jobs/{job_id}", user=user)
    assert (await door.call("GET", link)).code == "link_not_found"


async def test_a_password_by_http_basic(door: Door, user: Caller, library: Library) -> None:
    link = await link_to(door, user, library.ids["notes.txt"], password=PASSWORD)
    for headers in (
        {},
        basic("wrong"),
        basic(""),
        {"Authorization": f"Bearer {PASSWORD!a}"},
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic /w=="},  # no UTF-8
    ):
        for method in ("GET", "HEAD"):
            answer = await door.call(method, link, headers=headers)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="tseeder link", charset="UTF-8"'
            assert method == "HEAD" or answer.code == "link_password_required"
    for name in ("anybody", ""):
        answer = await door.call("GET", link, headers=basic(PASSWORD, name))
        assert (answer.status, answer.body) == (200, library.contents["notes.txt"])
    for number in range(5):
        answer = await door.call("GET", link, headers=basic(f"guess {number}"))
    assert (answer.status, answer.code) == (429, "link_throttled")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await door.call("GET", link, headers=basic(PASSWORD))).status == 200  # it was right a moment ago


async def test_no_token_is_told_from_another_that_opens_nothing(door: Door, user: Caller, library: Library) -> None:
    link = await made(door, user, library.ids[FILM], password=PASSWORD)
    await door.call("DELETE", f"/v1/me/links/{link['link']['link_id']}", user=user)
    seen = set()
    for token in (link["token"], "x" * 43, "x" * 42, "x", "%00", "%C3%A9", link["link"]["link_id"]):
        answer = await door.call("GET", f"/v1/links/{token}", headers=basic(PASSWORD))
        seen.add((answer.status, answer.code, answer.json["detail"]))
    assert seen == {(404, "link_not_found", "There is no such link.")}


async def test_an_answer_by_a_link_ends_with_it(door: Door, library: Library) -> None:
    """For new requests at once; what runs is cut off in the middle, and visibly. Revoked, and expired."""
    user = await signed_in(door.upstream)
    job_id = await submitted(door, user, library.torrent)  # stored already
    files = (await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]
    (big,) = [file for file in files if file["path"][-1] == BIG]
    links = [await made(door, user, big["file_id"]) for _ in range(2)]
    paths = [f"/v1/links/{link['token']}" for link in links]
    async with AsyncExitStack() as opened:
        readers = [await opened.enter_async_context(reading(door, NOBODY, path)) for path in paths]
        await eventually(down_to(door, user, 2))  # of its owner's streams
        await door.call("DELETE", f"/v1/me/links/{links[0]['link']['link_id']}", user=user)
        expired = "UPDATE links SET expires_at = clock_timestamp() WHERE link_id = $1"
        await door.upstream.jobs.rows(expired, UUID(links[1]["link"]["link_id"]))
        for path in paths:
            assert (await door.call("GET", path)).code == "link_not_found"
        await eventually(down_to(door, user, 0))  # though they take nothing
        for reader in readers:
            read = 0
            with suppress(ConnectionError):
                while chunk := await reader.read(SLOWLY):
                    read += len(chunk)
            assert read < big["size_bytes"]
    await door.call("DELETE", f"/v1/jobs/{job_id}", user=user)


async def test_nobody_known_is_limited_by_address(make_door: MakeDoor, user: Caller, library: Library) -> None:
    door = await make_door(anonymous_rate_per_second=0.001, anonymous_rate_burst=3)
    link = await link_to(door, user, library.ids["notes.txt"])
    answers = [await door.call("GET", path) for path in (link, f"/v1/links/{'x' * 43}", link, link)]
    assert [answer.status for answer in answers] == [200, 404, 200, 429]
    assert answers[-1].code == "rate_limited"
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert (await door.call("GET", library.url("notes.txt"), user=user)).status == 200


async def test_a_link_hands_out_no_address_of_s3(make_door: MakeDoor, user: Caller, library: Library) -> None:
    """Such an address reads from any byte on, as often as one likes, also when the link is revoked."""
    door = await make_door(content_redirect=True)
    limited = await link_to(door, user, library.ids[FILM], download_limit=1)
    for headers in ({"Range": "bytes=5-9"}, {}):
        assert (await door.call("GET", limited, headers=headers)).status in (200, 206)
    assert (await door.call("GET", limited)).code == "link_spent"
    free = await link_to(door, user, library.ids[FILM])
    for headers in ({}, {"Range": "bytes=5-9"}):
        assert (await door.call("GET", free, headers=headers)).status in (200, 206)
    assert (await door.call("GET", library.url(FILM), user=user)).status == 307
    assert await downloads(door, user) == 1
