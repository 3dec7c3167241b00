"""What was handed out is counted, whichever way it went."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.integration.gateway.conftest import Library, MakeDoor
from tests.integration.gateway.running import Caller, Door, browsing, granted
from tests.integration.gateway.test_links import FILM, link_to
from tests.integration.jobs.running import eventually


async def used(door: Door, user: Caller) -> int:
    """Bytes this month; the days say the same."""
    answer = (await door.call("GET", "/v1/usage", user=user)).json
    days = answer["bandwidth_by_day"]
    this_month = [each["bytes"] for each in days if each["day"] >= datetime.now(UTC).strftime("%Y-%m-01")]
    assert sum(this_month) == answer["bandwidth_bytes"]
    return int(answer["bandwidth_bytes"])


async def test_every_way_counts_its_bytes_and_nothing_else_does(
    make_door: MakeDoor, door: Door, user: Caller, library: Library
) -> None:
    redirecting = await make_door(content_redirect=True)
    size = len(library.contents[FILM])
    link, grant = await link_to(door, user, library.ids[FILM]), await granted(door, user, library.ids[FILM])
    tag = (await door.call("HEAD", library.url(FILM), user=user)).headers["ETag"]
    archive = f"/v1/jobs/{library.job_id}/archive.zip"
    expected = await used(door, user)
    for at, method, path, headers, counted in (
        (door, "GET", library.url(FILM), {}, size),
        (door, "GET", library.url(FILM), {"Range": "bytes=5-24"}, 20),
        (door, "GET", library.url(FILM), {"Range": "bytes=0-9,20-24"}, 15),
        (door, "HEAD", library.url(FILM), {}, 0),
        (door, "GET", library.url(FILM), {"If-None-Match": tag}, 0),
        (door, "GET", library.url(FILM), {"Range": f"bytes={size}-"}, 0),
        (door, "GET", link, {}, size),
        (door, "GET", f"/v1/content/{grant}", {"Range": "bytes=-7"}, 7),
        (door, "GET", archive, {"Range": "bytes=0-99"}, 100),
        (redirecting, "GET", library.url(FILM), {}, size),
        (redirecting, "GET", library.url(FILM), {"Range": "bytes=5-24"}, 20),
    ):
        await at.call(method, path, user=user if "/links/" not in path else None, headers=headers)
        expected += counted

        async def told() -> bool:
            return await used(door, user) == expected  # noqa: B023 - it is awaited in this round

        await eventually(told)


async def test_it_is_the_owners_and_nobody_elses(door: Door, user: Caller, stranger: Caller, library: Library) -> None:
    before, others = await used(door, user), await used(door, stranger)
    link = await link_to(door, user, library.ids[FILM])
    await door.call("GET", link, user=await browsing(door, stranger.email))

    async def told() -> bool:
        return await used(door, user) == before + len(library.contents[FILM])

    await eventually(told)
    assert await used(door, stranger) == others
