"""Files by REST: in natural order, folder by folder, searched for, and the main one of a job."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.integration.gateway.conftest import upload
from tests.integration.gateway.running import Caller, Door, Reply, signed_in
from tests.integration.jobs.listing import HOSTILE, torrent_of

SHOW = {"Show/10.mkv": 40, "Show/2.mkv": 20, "Show/extras/a.txt": 1, "about.txt": 3}


async def job_of(door: Door, user: Caller, sizes: dict[str, int]) -> str:
    """A new job's path."""
    answer = await door.call("POST", "/v1/jobs", user=user, data=upload(torrent_of(sizes)))
    assert answer.status == 202, answer
    return f"/v1/jobs/{answer.json['job_id']}"


def totals(files: int, size: int) -> dict[str, int]:
    """All of them wanted, and none stored."""
    return {
        "file_count": files,
        "total_bytes": size,
        "wanted_files": files,
        "wanted_bytes": size,
        "stored_files": 0,
        "stored_bytes": 0,
    }


def paths(answer: Reply) -> list[str]:
    """Of the files of a page."""
    return ["/".join(file["path"]) for file in answer.json["items"]]


async def test_a_flat_list(door: Door, user: Caller) -> None:
    job = await job_of(door, user, SHOW)

    async def listed(query: str = "") -> Reply:
        return await door.call("GET", f"{job}/files?{query}", user=user)

    natural = ["Show/extras/a.txt", "Show/2.mkv", "Show/10.mkv", "about.txt"]
    answer = await listed()
    assert paths(answer) == natural
    assert (answer.json["folders"], answer.json["totals"]) == ([], totals(4, 64))
    assert paths(await listed("view=flat&order=natural&folder=&text=&limit=")) == natural
    assert paths(await listed("order=index")) == list(SHOW)
    first = await listed("limit=3")
    last = await listed(f"limit=3&cursor={first.json['next_cursor']}")
    assert (paths(first), paths(last)) == (natural[:3], natural[3:])
    assert (last.json["totals"], last.json["next_cursor"]) == (None, None)
    inside = await listed("folder=Show&type=video&type=audio&min_bytes=21")
    assert (paths(inside), inside.json["totals"]) == (["Show/10.mkv"], totals(3, 61))


async def test_folder_by_folder(door: Door, user: Caller) -> None:
    job = await job_of(door, user, SHOW)
    root = await door.call("GET", f"{job}/files?view=folder", user=user)
    assert root.json["folders"] == [{"name": "Show", "path": ["Show"], "totals": totals(3, 61)}]
    assert (paths(root), root.json["totals"]) == (["about.txt"], totals(4, 64))
    show = await door.call("GET", f"{job}/files?view=folder&folder=Show&limit=2", user=user)
    assert [folder["path"] for folder in show.json["folders"]] == [["Show", "extras"]]
    assert (paths(show), show.json["totals"]) == (["Show/2.mkv"], totals(3, 61))
    cursor = show.json["next_cursor"]
    rest = await door.call("GET", f"{job}/files?view=folder&folder=Show&limit=2&cursor={cursor}", user=user)
    assert (rest.json["folders"], paths(rest), rest.json["next_cursor"]) == ([], ["Show/10.mkv"], None)


async def test_hostile_folders_come_back_as_they_went(door: Door, user: Caller) -> None:
    job = await job_of(door, user, {f"{name}/{name}/{number}": 1 for name in HOSTILE for number in range(2)})
    root = await door.call("GET", f"{job}/files?view=folder", user=user)
    found = [folder["path"] for folder in root.json["folders"]]
    assert sorted(path[0] for path in found) == sorted(HOSTILE)
    for path in found:
        for encoded in (quote("/".join([*path, *path]), safe=""), urlencode({"": "/".join([*path, *path])})[1:]):
            inside = await door.call("GET", f"{job}/files?view=folder&limit=1&folder={encoded}", user=user)
            assert [file["path"] for file in inside.json["items"]] == [[*path, *path, "0"]]
            following = f"{job}/files?view=folder&limit=1&folder={encoded}&cursor={inside.json['next_cursor']}"
            assert paths(await door.call("GET", following, user=user)) == ["/".join([*path, *path, "1"])]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("view=folder&folder=show", 404, "folder_not_found"),
        ("view=folder&folder=about.txt", 404, "folder_not_found"),
        ("view=folder&folder=%2E%2E", 404, "folder_not_found"),
        ("folder=Show/", 404, "folder_not_found"),
        ("view=folder&folder=a%00b", 400, "invalid_request"),
        ("view=folder&folder=%ED%A0%80", 404, "folder_not_found"),
        ("view=folder&folder=" + "x" * 4097, 400, "invalid_request"),
        ("view=tree", 400, "invalid_request"),
        ("view=folder&text=a", 400, "invalid_request"),
        ("view=folder&order=natural", 400, "invalid_request"),
        ("view=folder&type=video", 400, "invalid_request"),
        ("view=folder&min_bytes=0", 400, "invalid_request"),
        ("order=size", 400, "invalid_request"),
        ("type=film", 400, "invalid_request"),
        ("state=deleted", 400, "invalid_request"),
        ("min_bytes=-1", 400, "invalid_request"),
        ("max_bytes=1.5", 400, "invalid_request"),
        ("max_bytes=9223372036854775808", 400, "invalid_request"),
        ("min_bytes=2&max_bytes=1", 400, "bad_size_range"),
        ("cursor=AAAA", 400, "bad_cursor"),
        ("view=folder&cursor=AAAA", 400, "bad_cursor"),
        ("view=folder&limit=1001", 400, "invalid_request"),
        ("primary=true", 400, "invalid_request"),
    ],
)
async def test_what_is_refused(door: Door, user: Caller, query: str, status: int, code: str) -> None:
    job = await job_of(door, user, SHOW)
    answer = await door.call("GET", f"{job}/files?{query}", user=user)
    assert (answer.status, answer.code) == (status, code)
    if query.split("=", maxsplit=1)[0] in ("type", "state", "min_bytes", "max_bytes", "cursor"):
        answer = await door.call("GET", f"/v1/files?{query}", user=user)
        assert (answer.status, answer.code) == (status, code)


async def test_files_of_all_jobs(door: Door) -> None:
    person = await signed_in(door.upstream)
    await job_of(door, person, SHOW)
    await job_of(door, person, {"song.flac": 7, "empty.txt": 0})

    async def found(query: str) -> list[str]:
        return paths(await door.call("GET", f"/v1/files?{query}", user=person))

    assert await found("") == ["empty.txt", "song.flac", *reversed(SHOW)]
    assert await found("type=text&type=audio&max_bytes=7") == [
        "empty.txt",
        "song.flac",
        "about.txt",
        "Show/extras/a.txt",
    ]
    assert await found("text=show&type=video&min_bytes=30") == ["Show/10.mkv"]
    assert await found("state=stored") == ["empty.txt"]
    assert (await door.call("GET", "/v1/files?view=folder", user=person)).code == "invalid_request"


async def test_the_main_file_of_a_job(door: Door, user: Caller) -> None:
    job = await job_of(door, user, SHOW)
    files = (await door.call("GET", f"{job}/files", user=user)).json["items"]
    ids = {"/".join(file["path"]): file["file_id"] for file in files}
    assert [file["file_id"] for file in files if file["primary"]] == [ids["Show/10.mkv"]]

    async def patched(body: Any) -> Reply:
        return await door.call("PATCH", job, user=user, json=body)

    for body, expected in (
        ({"primary_file_id": ids["about.txt"]}, "about.txt"),
        ({"name": "x"}, "about.txt"),
        ({"primary_file_id": None}, "Show/10.mkv"),
        ({"primary_file_id": ids["Show/2.mkv"], "priority": "high", "name": "y"}, "Show/2.mkv"),
    ):
        assert (await patched(body)).json["primary_file_id"] == ids[expected]
        assert (await door.call("GET", job, user=user)).json["primary_file_id"] == ids[expected]
        assert (await door.call("GET", f"/v1/files/{ids[expected]}", user=user)).json["primary"] is True
    before = (await door.call("GET", job, user=user)).json
    other = await job_of(door, user, SHOW)
    foreign = (await door.call("GET", f"{other}/files", user=user)).json["items"][0]["file_id"]
    for wrong, code in ((foreign, "file_not_found"), ("x", "file_not_found"), (1, "invalid_request")):
        assert (await patched({"primary_file_id": wrong, "name": "z"})).code == code
    assert (await door.call("GET", job, user=user)).json == before
    await door.call("PUT", f"{job}/selection", user=user, json={"file_indexes": [0]})
    assert (await patched({"primary_file_id": ids["about.txt"]})).code == "file_not_wanted"
    assert (await door.call("GET", job, user=user)).json["primary_file_id"] == ids["Show/10.mkv"]
