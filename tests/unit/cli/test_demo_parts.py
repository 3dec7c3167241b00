"""The parts of the demo that need no stack."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx
import pytest

from tests.unit.cli.wires import Script, Stream, client, file, problem
from tseeder_cli.demo.past import delete_past_jobs, only_demo, remember
from tseeder_cli.demo.times import STEPS, Times
from tseeder_cli.demo.witness import KnownSums
from tseeder_cli.errors import ApiError, CliError
from tseeder_cli.verbs.demo import verify, worth_showing


async def test_jobs_of_earlier_demos_are_deleted_once(tmp_path: Path) -> None:
    for job_id in ("a", "b", "c"):
        remember(tmp_path, job_id)
    script = Script([httpx.Response(204), problem(404, "job_not_found"), httpx.Response(204)])
    async with client(script) as http:
        assert await delete_past_jobs(http, tmp_path) == 2
        assert await delete_past_jobs(http, tmp_path) == 0
    assert [request.url.path for request in script.requests] == ["/v1/jobs/a", "/v1/jobs/b", "/v1/jobs/c"]


async def test_what_could_not_be_deleted_is_not_forgotten(tmp_path: Path) -> None:
    remember(tmp_path, "a")
    async with client(Script([problem(500, "internal")])) as http:
        with pytest.raises(ApiError):
            await delete_past_jobs(http, tmp_path)
    async with client(Script([httpx.Response(204)])) as http:
        assert await delete_past_jobs(http, tmp_path) == 1


def test_one_demo_at_a_time(tmp_path: Path) -> None:
    with only_demo(tmp_path):
        with pytest.raises(CliError) as caught, only_demo(tmp_path):
            pass
        assert caught.value.code == "demo_running"
    with only_demo(tmp_path):
        pass


def test_steps_are_told_in_the_order_in_which_they_came() -> None:
    times = Times()
    for step in (*STEPS, STEPS[0]):
        times.mark(step, step.upper())
    rows = times.rows()
    assert [row[0] for row in rows] == list(STEPS)
    assert [row[3] for row in rows] == [step.upper() for step in STEPS]


def test_a_file_with_a_foreign_name_is_shown_unless_it_is_huge() -> None:
    plain, foreign = file(path=["a"], size_bytes=9), file(path=["ü", "b"], size_bytes=5)
    huge = file(path=["日本"], size_bytes=1 << 40)
    assert worth_showing([plain, foreign, huge]) is foreign
    assert worth_showing([plain, huge]) is plain
    assert worth_showing([huge]) is huge
    assert worth_showing([]) is None


@pytest.mark.parametrize("served", [b"right", b"wrong"])
async def test_every_stored_byte_is_compared(served: bytes) -> None:
    witness = KnownSums({"film.mkv": (5, hashlib.sha256(b"right").hexdigest())})
    async with client(Script([httpx.Response(200, stream=Stream([served]))])) as http:
        if served == b"right":
            sums = await verify(http, [file(size_bytes=5)], witness, Times())
            assert list(sums.values()) == [hashlib.sha256(b"right").hexdigest()]
        else:
            with pytest.raises(CliError) as caught:
                await verify(http, [file(size_bytes=5)], witness, Times())
            assert caught.value.code == "verification_failed"
