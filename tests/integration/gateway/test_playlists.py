"""Playlists by HTTP: what players get, and who may have one made."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.integration.gateway.conftest import Library
from tests.integration.gateway.running import Caller, Door, with_scopes
from tests.integration.gateway.test_files import job_of
from tests.integration.gateway.test_links import NOBODY
from tseeder_gateway.domain.m3u8 import one_line, playlist

SHOW = {"Show/10.mkv": 40, "Show/2.mkv": 20, "Show/cover.jpg": 5, "theme.mp3": 7, "about.txt": 3}


def entries(text: str) -> list[tuple[str, str]]:
    """Titles and URLs."""
    head, *lines = [line for line in text.splitlines() if not line.startswith("#PLAYLIST:")]
    assert head == "#EXTM3U"
    titles, urls = lines[::2], lines[1::2]
    assert all(title.startswith("#EXTINF:-1,") for title in titles)
    return [(title.partition(",")[2], url) for title, url in zip(titles, urls, strict=True)]


async def test_it_has_the_media_files_as_people_count_them(door: Door, user: Caller) -> None:
    job = await job_of(door, user, SHOW)
    answer = await door.call("GET", f"{job}/playlist.m3u8", user=user)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/vnd.apple.mpegurl")
    assert answer.headers["Content-Disposition"].endswith('.m3u8"')
    assert answer.headers["Cache-Control"] == "no-store"
    assert [title for title, _ in entries(answer.body.decode())] == ["Show/2.mkv", "Show/10.mkv", "theme.mp3"]
    inside = await door.call("GET", f"{job}/playlist.m3u8?folder=Show", user=user)
    assert [title for title, _ in entries(inside.body.decode())] == ["Show/2.mkv", "Show/10.mkv"]


async def test_whoever_has_it_can_play_it_until_its_links_are_revoked(
    door: Door, user: Caller, library: Library
) -> None:
    answer = await door.call("GET", f"/v1/jobs/{library.job_id}/playlist.m3u8", user=user)
    found = dict(entries(answer.body.decode()))
    assert found.keys() == {path for path in library.contents if path.endswith((".mp4", ".mkv"))}
    for title, url in found.items():
        parts = urlsplit(url)
        assert parts.netloc == urlsplit(door.url).netloc
        assert (await door.call("GET", parts.path, user=NOBODY)).body == library.contents[title]
    for link in (await door.call("GET", "/v1/me/links", user=user)).json["items"]:
        await door.call("DELETE", f"/v1/me/links/{link['link_id']}", user=user)
    gone = await door.call("GET", urlsplit(url).path, user=NOBODY)
    assert (gone.status, gone.code) == (404, "link_not_found")


async def test_who_may_have_none(door: Door, user: Caller, stranger: Caller) -> None:
    job = await job_of(door, user, SHOW)
    texts = await job_of(door, user, {"about.txt": 3})
    for path, caller, status, code in (
        (f"{job}/playlist.m3u8", stranger, 404, "job_not_found"),
        (f"{texts}/playlist.m3u8", user, 409, "playlist_empty"),
        (f"{job}/playlist.m3u8?folder=nowhere", user, 404, "folder_not_found"),
    ):
        answer = await door.call("GET", path, user=caller)
        assert (answer.status, answer.code) == (status, code), path
    reader = await with_scopes(door.upstream, user, "files:read")
    answer = await door.call("GET", f"{job}/playlist.m3u8", user=reader)
    assert (answer.status, answer.code) == (403, "scope_missing"), "a list lets others read"


def test_no_name_begins_a_line_of_its_own() -> None:
    evil = "a\r\n#EXTINF:1,b\u2028\u202ehttps://elsewhere.example/x"
    assert len(playlist(evil, [(evil, "https://here/1")]).splitlines()) == 4
    assert one_line("\u202egpj.exe\n") == "gpj.exe"
