"""A link on the whole stack, by clients that know nothing of accounts: curl, a browser, a player."""

from __future__ import annotations

import httpx

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.world import MIB

SIZE = 3 * MIB + 77
PASSWORD = "for friends only"


async def test_a_link_with_a_password_and_a_limit_until_it_is_revoked(
    ann: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(files={"film.mkv": SIZE})
    job = await ann.submit(swarm.torrent(made))
    (file,) = (await ann.files(job)).values()
    link = await ann.client.create_link(file["file_id"], expires_at="", download_limit=1, password=PASSWORD)
    data = made.path_of(made.files[0]).read_bytes()
    friend = httpx.BasicAuth("", PASSWORD)
    async with httpx.AsyncClient(trust_env=False) as http:
        early = await http.head(link["url"], auth=friend)  # before anything is fetched
        assert (early.status_code, early.headers["Content-Length"]) == (200, str(SIZE))
        await swarm.seed(made)
        await ann.completed(job)
        asked = await http.get(link["url"])
        assert (asked.status_code, asked.headers["WWW-Authenticate"][:5]) == (401, "Basic")
        assert (await http.get(link["url"], auth=httpx.BasicAuth("", "for anybody"))).status_code == 401
        first = await http.get(link["url"], auth=friend, headers={"Range": "bytes=0-999999"})
        rest = await http.get(link["url"], auth=friend, headers={"Range": "bytes=1000000-"})
        assert first.content + rest.content == data  # broken off, and gone on with: one download
        spent = await http.get(link["url"], auth=friend)
        assert (spent.status_code, spent.json()["code"]) == (403, "link_spent")
        (listed,) = (await ann.client.links())["items"]
        assert (listed["downloads"], listed["path"]) == (1, ["film.mkv"])
        await ann.client.revoke_link(listed["link_id"])
        gone = await http.get(link["url"], auth=friend)
        assert (gone.status_code, gone.json()["code"]) == (404, "link_not_found")
