"""The whole stack, with its real services."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.stack.test_launcher import family, info, launched, servers_on
from tests.integration.stack.test_supervisor import gone, until
from tseeder_pg import connection, open_pool
from tseeder_stack import nats
from tseeder_stack.console import Console
from tseeder_stack.errors import StackError
from tseeder_stack.mail import MailServer
from tseeder_stack.options import StackOptions
from tseeder_stack.program import http_status
from tseeder_stack.provision import create_database, with_database, with_user
from tseeder_stack.stack import Stack


async def answers(stack: Stack) -> int:
    address = urlsplit(stack.gateway_url)
    assert address.hostname
    assert address.port
    return await http_status(address.hostname, address.port, "/openapi.json")


def environment(pid: int | None) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


@pytest.mark.faults
async def test_every_service_may_be_killed_and_comes_back_where_it_was(state: Path) -> None:
    shown = io.StringIO()
    async with Stack(StackOptions(state=state, s3="rclone", safe=False, console=Console(shown))) as stack:
        await kill_all(stack, shown)


async def kill_all(stack: Stack, shown: io.StringIO) -> None:
    assert await answers(stack) == HTTPStatus.OK
    before = info(stack.options.state)["programs"]
    assert set(before) == {*stack.service_names, "postgres", "nats", "mail", "rclone"}
    for name in stack.service_names:
        stack.kill(name)
    for name in stack.service_names:
        await stack.wait_ready(name)
        assert stack.restarts(name) == 1
        assert f"stack    | {name} died (exit -9), restarting in 0.5 s\n" in shown.getvalue()
    after = info(stack.options.state)["programs"]
    assert {name: entry["ports"] for name, entry in after.items()} == {
        name: entry["ports"] for name, entry in before.items()
    }
    assert await answers(stack) == HTTPStatus.OK


async def test_a_service_can_be_restarted_with_other_settings(state: Path) -> None:
    options = StackOptions(state=state, s3="rclone", safe=False, services=("billing",), agents=0)
    async with Stack(options) as stack:
        with pytest.raises(StackError, match="TSEEDER_BILLING_NO_SUCH_FIELD"):
            await stack.restart("billing", env={"TSEEDER_BILLING_NO_SUCH_FIELD": "1"})
        good = {"TSEEDER_BILLING_NO_SUCH_FIELD": None, "TSEEDER_BILLING_LOG_LEVEL": "debug"}
        await stack.restart("billing", env=good)
        assert "TSEEDER_BILLING_LOG_LEVEL=debug" in environment(stack.pid("billing"))


async def test_servers_of_ones_own_are_used_if_they_are_named(state: Path) -> None:
    others = state / "others"
    async with servers_on(others) as (_, admin_url, s3):
        url = await hosted_database(admin_url)
        nats_url = nats.url(info(others)["ports"]["nats"], (others / "secrets" / "nats").read_text())
        options = StackOptions(
            state=state / "ours",
            services=("auth", "billing"),
            agents=0,
            external_mail=MailServer("mail.example.org", 587, password="secret", username="tseeder"),
            postgres_url=url,
            nats_url=nats_url,
            external_s3=replace(s3, bucket="other", kind="external"),
        )
        async with Stack(options) as stack:
            assert set(stack.names) == {"auth", "billing"}
            assert stack.info["urls"]["smtp"] == "smtp://mail.example.org:587"
            assert "TSEEDER_AUTH_SMTP_HOST=mail.example.org" in environment(stack.pid("auth"))
            assert "secret" not in json.dumps(stack.info["urls"])
            assert info(others)["programs"]["rclone"]["url"] == stack.info["urls"]["s3"]
            async with open_pool(url, application_name="test") as pool, connection(pool) as held:
                owner = await held.fetchval("SELECT tableowner FROM pg_tables WHERE schemaname = 'billing' LIMIT 1")
            assert owner == "tseeder_billing"
        async with Stack(options):  # and a second time
            pass


async def hosted_database(admin_url: str) -> str:
    """What one gets from a hoster: a database, and a user who owns it and may create roles, but is no superuser."""
    await create_database(admin_url, "hosted")
    async with open_pool(admin_url, application_name="test") as pool, connection(pool) as held:
        await held.execute("CREATE ROLE customer LOGIN CREATEROLE PASSWORD 'secret'")
        await held.execute("ALTER DATABASE hosted OWNER TO customer")
    return with_user(with_database(admin_url, "hosted"), "customer", "secret")


async def test_nothing_of_any_service_outlives_a_killed_launcher(state: Path) -> None:
    async with launched(state, "services") as launcher:
        pids = family([program["pid"] for program in info(state)["programs"].values()])
        launcher.kill()
        await until(lambda: all(gone(pid) for pid in pids))
