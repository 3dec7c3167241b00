"""Jobs by the beginning of their id, files by job and index."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.cli.wires import JOB_ID, Script, client, file, job, problem
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.picking import pick_file_or_job, pick_job, short_ids

OTHER = "0193a1b2-c3d4-7000-8000-000000000002"


def listed(*items: object) -> httpx.Response:
    return httpx.Response(200, json={"items": items, "next_cursor": None})


def test_short_ids_are_unique_and_never_shorter_than_their_time() -> None:
    far = "0293a1b2-c3d4-7000-8000-000000000002"
    assert short_ids([JOB_ID, OTHER, far]) == {JOB_ID: JOB_ID, OTHER: OTHER, far: "0293a1b2-c3d4"}
    assert short_ids([JOB_ID]) == {JOB_ID: "0193a1b2-c3d4"}
    assert short_ids([]) == {}


async def test_a_whole_id_is_asked_for_directly() -> None:
    script = Script([httpx.Response(200, json=job())])
    async with client(script) as http:
        assert (await pick_job(http, JOB_ID.upper()))["job_id"] == JOB_ID
    assert script.requests[0].url.path == f"/v1/jobs/{JOB_ID}"


async def test_a_beginning_must_be_of_one_job_only() -> None:
    answer = listed(job(), job(job_id=OTHER))
    async with client(Script([answer])) as http:
        with pytest.raises(CliError) as caught:
            await pick_job(http, "0193a1b2")
    assert (caught.value.code, caught.value.exit_code) == ("ambiguous_id", ExitCode.USAGE)
    async with client(Script([listed(job())])) as http:
        with pytest.raises(CliError) as caught:
            await pick_job(http, "ffff")
    assert (caught.value.code, caught.value.exit_code) == ("job_not_found", ExitCode.NOT_FOUND)


@pytest.mark.parametrize("text", ["abc", "film", "0193a1b2/../x", ""])
async def test_what_is_no_id_is_not_asked_for(text: str) -> None:
    async with client(Script([])) as http:
        with pytest.raises(CliError) as caught:
            await pick_job(http, text)
    assert caught.value.code == "bad_job_id"


async def test_a_file_is_named_by_job_and_index() -> None:
    script = Script([listed(job()), listed(file(file_index=0), file(file_index=3, size_bytes=7))])
    async with client(script) as http:
        found = await pick_file_or_job(http, "0193:3")
    assert found.get("size_bytes") == 7
    async with client(Script([listed(job()), listed(file())])) as http:
        with pytest.raises(CliError) as caught:
            await pick_file_or_job(http, "0193:9")
    assert (caught.value.code, caught.value.message) == ("file_not_found", "the torrent has no file 9")


async def test_a_whole_id_may_be_a_files_or_a_jobs() -> None:
    async with client(Script([httpx.Response(200, json=file())])) as http:
        assert "file_id" in await pick_file_or_job(http, file()["file_id"])
    async with client(Script([problem(404, "file_not_found"), httpx.Response(200, json=job())])) as http:
        assert "file_id" not in await pick_file_or_job(http, JOB_ID)
    async with client(Script([problem(404, "file_not_found"), problem(404, "job_not_found")])) as http:
        with pytest.raises(CliError) as caught:
            await pick_file_or_job(http, OTHER)
    assert (caught.value.message, caught.value.exit_code) == (
        "you have no file and no job with this id",
        ExitCode.NOT_FOUND,
    )
