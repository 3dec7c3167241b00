"""Files' bytes on an origin of their own: who is sent there, and what is not there."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.integration.gateway.conftest import Library, MakeDoor
from tests.integration.gateway.running import Caller, Door, Reply, browsing
from tests.integration.gateway.test_files import job_of
from tests.integration.gateway.test_links import FILM, NOBODY, made

HOST = "files.example.org:8443"
ORIGIN = f"https://{HOST}"
THERE = {"Host": HOST}


@pytest.fixture
async def split(make_door: MakeDoor) -> Door:
    """A gateway with a content origin."""
    return await make_door(content_origin=ORIGIN)


async def sent_to(door: Door, path: str, user: Caller, method: str = "GET") -> str:
    """The path on the content origin that a request is sent to."""
    answer = await door.call(method, path, user=user)
    assert answer.status == 307, answer
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    parts = urlsplit(answer.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}" == ORIGIN
    return parts.path


async def there(door: Door, path: str, method: str = "GET", **headers: str) -> Reply:
    """What the content origin answers to somebody whom nobody knows."""
    return await door.call(method, path, headers={**THERE, **headers})


async def test_a_browser_reads_its_file_there_without_its_cookie(split: Door, user: Caller, library: Library) -> None:
    browser = await browsing(split, user.email)
    path = await sent_to(split, library.url(FILM), browser)
    assert path.startswith("/v1/content/")
    assert await sent_to(split, library.url(FILM), browser, "HEAD") != "", "HEAD goes there, too"
    whole = await there(split, path)
    own = await split.call("GET", library.url(FILM), user=user)
    assert whole.body == own.body == library.contents[FILM]
    assert whole.headers["ETag"] == own.headers["ETag"]
    part = await there(split, path, Range="bytes=5-20")
    assert (part.status, part.body) == (206, library.contents[FILM][5:21])
    head = await there(split, path, "HEAD")
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(library.contents[FILM])))


async def test_a_key_is_answered_where_it_asks(split: Door, user: Caller, library: Library) -> None:
    """curl -C -, aria2 and players follow no redirect that they were not told to."""
    answer = await split.call("GET", library.url(FILM), user=user)
    assert (answer.status, answer.body) == (200, library.contents[FILM])


async def test_links_are_made_for_it_and_read_there(split: Door, user: Caller, library: Library) -> None:
    url = (await made(split, user, library.ids[FILM]))["url"]
    assert url.startswith(f"{ORIGIN}/v1/links/")
    path = urlsplit(url).path
    assert await sent_to(split, path, NOBODY) == path
    assert (await there(split, path)).body == library.contents[FILM]
    listed = await split.call("GET", f"/v1/jobs/{library.job_id}/playlist.m3u8", user=user)
    assert ORIGIN.encode() in listed.body


@pytest.mark.parametrize("path", ["/", "/v1/me", "/v1/jobs", "/openapi.json", "/v1/content", "/v1/files"])
async def test_nothing_else_is_there(split: Door, user: Caller, path: str) -> None:
    for host in (HOST, HOST.upper(), "files.example.org", "files.example.org.:443", "files.example.org:80"):
        answer = await split.call("GET", path, user=user, headers={"Host": host})
        assert (answer.status, answer.code) == (421, "host_not_allowed")


async def test_pages_of_any_origin_may_read_there_and_nothing_more(split: Door, user: Caller, library: Library) -> None:
    """A page that was sent there from another origin is `null` by then."""
    path = await sent_to(split, library.url(FILM), await browsing(split, user.email))
    answer = await there(split, path, Origin="null", Range="bytes=0-9")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (206, "*")
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    asked = {"Origin": "null", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
    flight = await split.http.options(split.url + path, headers={**THERE, **asked})
    assert (flight.status, flight.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert "Range" in flight.headers["Access-Control-Allow-Headers"]
    here = await split.call("GET", library.url(FILM), user=user, headers={"Origin": "null"})
    assert "Access-Control-Allow-Origin" not in here.headers


async def test_nothing_is_written_there(split: Door, user: Caller, library: Library) -> None:
    path = await sent_to(split, library.url(FILM), await browsing(split, user.email))
    answer = await split.call("DELETE", path, user=user, headers=THERE)
    assert (answer.status, answer.code) == (421, "host_not_allowed")


async def test_a_grant_ends_with_its_file(split: Door, user: Caller) -> None:
    """Also one that is not stored yet."""
    job = await job_of(split, user, {"page.html": 100})
    (file,) = (await split.call("GET", f"{job}/files", user=user)).json["items"]
    path = await sent_to(split, f"/v1/files/{file['file_id']}/content", await browsing(split, user.email))
    assert (await there(split, path, "HEAD")).headers["Content-Disposition"].startswith("attachment")
    await split.call("DELETE", f"/v1/files/{file['file_id']}", user=user)
    gone = await there(split, path)
    assert (gone.status, gone.code) == (404, "content_url_expired")
    forged = await there(split, path[:-1] + ("A" if path[-1] != "A" else "B"))
    assert (forged.status, forged.code) == (404, "content_url_expired")


async def test_another_users_file_is_not_granted(split: Door, stranger: Caller, library: Library) -> None:
    answer = await split.call("GET", library.url(FILM), user=await browsing(split, stranger.email))
    assert (answer.status, answer.code) == (404, "file_not_found")


async def test_without_one_everything_is_here(door: Door, user: Caller, library: Library) -> None:
    answer = await door.call("GET", library.url(FILM), user=await browsing(door, user.email))
    assert (answer.status, answer.body) == (200, library.contents[FILM])
