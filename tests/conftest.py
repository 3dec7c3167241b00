"""The real servers that tests run on: one Postgres, NATS and S3 for a whole session, all on loopback, on free ports.

They are child processes of pytest, and die with it even when it is killed. Each test that asks for `database` or `s3`
gets a database or a bucket of its own.
"""

from __future__ import annotations

import gc
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import hypothesis
import pytest
from botocore import loaders as aws_models
from httpx import create_ssl_context
from httpx._transports import default as http_transports
from xdist.scheduler import LoadScopeScheduling

from tests.memory import leave_memory, use_memory
from tests.namespaces import namespaces_are_given
from tseeder_jobs.adapters.ffprobe_process import landlock_version
from tseeder_stack import backing
from tseeder_stack import radosgw as ceph
from tseeder_stack.options import SCHEMAS, StackOptions
from tseeder_stack.provision import (
    Database,
    create_database,
    create_schemas,
    drop_database,
    migrate_all,
    service_urls,
    with_database,
)
from tseeder_stack.s3 import S3Server
from tseeder_stack.site import Site

TESTS = Path(__file__).parent
EMPTY, MIGRATED = "template_empty", "template_migrated"

# Hundreds of clients are made in a process, and each reads anew megabytes of AWS's descriptions, or the world's
# certificates. One session of botocore, and one client of httpx, shares them in the same way.
aws_models.create_loader = cache(aws_models.create_loader)
setattr(http_transports, "create_ssl_context", cache(create_ssl_context))  # noqa: B010 (its module does not export it)

# marker (or fixture of that name) -> the programs that it needs, and how to install them
NEEDS = {
    "radosgw": (ceph.BINARIES, "apt-get install --no-install-recommends ceph-mon ceph-osd radosgw"),
    "aria2": (("aria2c",), "apt-get install --no-install-recommends aria2"),
    "players": (("chromium", "ffmpeg", "ffprobe"), "apt-get install --no-install-recommends chromium ffmpeg"),
    "ffmpeg": (("ffmpeg", "ffprobe"), "apt-get install --no-install-recommends ffmpeg"),
    "landlock": (("bash",), "apt-get install --no-install-recommends bash"),
    "unzip": (("unzip",), "apt-get install --no-install-recommends unzip"),
    "netns": (
        ("ip", "nsenter", "unshare", "mount", "openssl"),
        "apt-get install --no-install-recommends iproute2 openssl",
    ),
    "images": (("podman",), "apt-get install --no-install-recommends podman buildah runc netavark"),
}


# marker -> whether this machine lets the tests do it, and what to say where it does not
RIGHTS = {
    "netns": (namespaces_are_given, "needs root, and a kernel that gives network namespaces"),
    "landlock": (lambda: landlock_version() >= 4, "needs Linux 6.7, and Landlock not switched off"),
}


# Folders whose tests share servers, and so run in one process after each other; the slowest first, so that none is
# left over at the end. What is not named here runs file by file. A name with ":" is the part of a folder whose files'
# names come after what follows it: each part has servers of its own.
TOGETHER = (
    "e2e",
    "integration/jobs:test_q",
    "integration/jobs",
    "faults",
    "fuzz",
    "integration/stack",
    "integration/gateway",
    "e2e/cli",
    "integration/auth",
    "e2e/observed",
    "integration/admin",
    "contract",
)

# What `make test` leaves to `make long`, which .ci/run runs too: servers of its own to start, real waits, the same
# promise once more on another ground. Besides these: all that needs RadosGW.
LONG = (
    "contract/test_settings.py::test_a_process_says",
    "e2e/cli/",
    "e2e/observed/",
    "e2e/test_accounts.py",
    "e2e/test_bad_requests.py",
    "e2e/test_control.py::test_a_selection_of_a_magnet_wider_while_it_runs",
    "e2e/test_control.py::test_pause_and_resume",
    "e2e/test_diagnosis.py",
    "e2e/test_events.py::test_a_job_that_is_deleted_while_it_is_watched",
    "e2e/test_events.py::test_both_users_of_a_shared_transfer_see_progress",
    "e2e/test_events.py::test_last_event_id",
    "e2e/test_events.py::test_several_who_watch_one_job",
    "e2e/test_events.py::test_the_last_progress_is_in_the_snapshot",
    "e2e/test_main_job.py::test_other_versions",
    "e2e/test_players.py",
    "e2e/test_storage_refused.py",
    "e2e/test_stream.py",
    "e2e/test_warmup.py",
    "faults/test_kill_each.py",
    "faults/test_short.py::test_a_delete_meets",
    "faults/test_short.py::test_an_agent_that_dies_is_restarted",
    "integration/admin/test_key_rotation.py",
    "integration/agent/safety/",
    "integration/agent/test_checksums.py",
    "integration/agent/test_drain.py",
    "integration/agent/test_encryption.py",
    "integration/agent/test_evidence.py",
    "integration/agent/test_faults.py",
    "integration/agent/test_giving_up.py",
    "integration/agent/test_heirs.py",
    "integration/agent/test_limits.py::test_tokens",
    "integration/agent/test_s3.py::test_a_slow_line_is_no_standstill",
    "integration/agent/test_stuck.py",
    "integration/agent/test_swarm.py",
    "integration/agent/test_transfers.py::test_a_magnet_becomes_objects[hybrid]",
    "integration/agent/test_transfers.py::test_a_magnet_becomes_objects[v2]",
    "integration/agent/test_transfers.py::test_the_first_part_is_fetched_before_the_window",
    "integration/auth/test_login_throttle.py",
    "integration/auth/test_oidc.py",
    "integration/auth/test_second_factor.py",
    "integration/gateway/test_archives.py",
    "integration/gateway/test_bandwidth.py",
    "integration/gateway/test_content_faults.py::test_a_reader_that_stops_reading_is_dropped",
    "integration/gateway/test_dead_letters.py",
    "integration/gateway/test_links.py",
    "integration/gateway/test_live_content.py",
    "integration/gateway/test_matrix.py::test_everybody_may",
    "integration/gateway/test_storage.py",
    "integration/gateway/test_streams.py",
    "integration/gateway/test_subtitles.py",
    "integration/jobs/test_accounts.py",
    "integration/jobs/test_archives.py",
    "integration/jobs/test_cache.py",
    "integration/jobs/test_claims.py",
    "integration/jobs/test_crowds.py",
    "integration/jobs/test_dead_letters.py",
    "integration/jobs/test_diagnosis.py",
    "integration/jobs/test_failures.py",
    "integration/jobs/test_ffprobe.py",
    "integration/jobs/test_finding.py",
    "integration/jobs/test_folders.py",
    "integration/jobs/test_lanes.py",
    "integration/jobs/test_leftovers.py",
    "integration/jobs/test_links.py",
    "integration/jobs/test_lists.py",
    "integration/jobs/test_main_way.py::test_thousands_of_files",
    "integration/jobs/test_measures.py",
    "integration/jobs/test_media_facts.py",
    "integration/jobs/test_parser_pool.py",
    "integration/jobs/test_primary.py",
    "integration/jobs/test_process.py",
    "integration/jobs/test_quota.py",
    "integration/jobs/test_races.py",
    "integration/jobs/test_retention.py",
    "integration/jobs/test_takedowns.py",
    "integration/jobs/test_unshared.py",
    "integration/jobs/test_walk.py",
    "integration/kit/test_lifecycle.py",
    "integration/kit/test_tracing.py",
    "integration/stack/test_launcher.py",
    "integration/stack/test_stack.py",
    "unit/gateway/domain/test_zip_layout.py::test_more_entries_than_16_bits_count[65534]",
    "unit/gateway/domain/test_zip_layout.py::test_more_entries_than_16_bits_count[70000]",
)


use_memory()
# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("tseeder", deadline=None, max_examples=50)
hypothesis.settings.load_profile("tseeder")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Nothing of a run stays in memory. (To look at its files afterwards: TMPDIR=/tmp.)"""
    leave_memory()


@pytest.hookimpl
def pytest_configure() -> None:
    """Under `nohup`, or in a script's background, signals come ignored; what tests start would inherit that."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


# Of these each file has servers of its own: they run file by file, but early, since they are slow, too.
EARLY = ("integration/agent",)


class TogetherScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives out whole folders of TOGETHER, else whole files. (xdist's own groups do not work with pytest 9.2: it
    marks them in `_nodeid`, which pytest no longer reads.)"""

    def _split_scope(self, nodeid: str) -> str:
        return _rank(nodeid)[1]


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> TogetherScheduling:
    """How `-n` shares the tests out."""
    config.option.loadscopereorder = False  # they are in order: the slowest first
    return TogetherScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """All that is imported and collected stays: there is no garbage to look for meanwhile."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files that are left out whole are not even read: each of the workers would spend seconds on it."""
    if "not long" not in config.option.markexpr:
        return None
    return collection_path.relative_to(TESTS).as_posix() in LONG or None


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the long tests, deselect those whose programs are not installed here, and put the slowest first."""
    for item in items:
        if _needs(item, "radosgw") or item.nodeid.removeprefix("tests/").startswith(LONG):
            item.add_marker("long")
    wanted = {name for name in NEEDS if any(_needs(item, name) for item in items)}
    absent = [name for name in NEEDS if _missing(NEEDS[name][0]) or (name in wanted and not _allowed(name))]
    left_out = [item for item in items if any(_needs(item, name) for name in absent)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: _rank(item.nodeid)[0])


def _rank(nodeid: str) -> tuple[int, str]:
    """Where a test stands in the order, and the name of what it runs together with."""
    path = nodeid.split("::", 1)[0].removeprefix("tests/")
    if path.startswith(tuple(f"{folder}/" for folder in EARLY)):
        return TOGETHER.index("faults"), path
    nearest = max((name for name in TOGETHER if _is_in(path, name)), key=len, default=None)
    return (len(TOGETHER), path) if nearest is None else (TOGETHER.index(nearest), nearest)


def _is_in(path: str, name: str) -> bool:
    folder, _, first = name.partition(":")
    return path.startswith(folder + "/") and path.removeprefix(folder + "/") >= first


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """All that was imported and collected stays to the end: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out."""
    for name, (programs, install) in NEEDS.items():
        if missing := _missing(programs):
            line = f"tests that need {name} are deselected: {', '.join(missing)} not installed ({install})"
            terminalreporter.write_line(line, yellow=True)
        elif not _allowed(name):
            terminalreporter.write_line(f"tests that need {name} are deselected: {RIGHTS[name][1]}", yellow=True)


def _missing(programs: tuple[str, ...]) -> list[str]:
    return [name for name in programs if shutil.which(name) is None]


@cache
def _allowed(name: str) -> bool:
    return name not in RIGHTS or RIGHTS[name][0]()


def _needs(item: pytest.Item, name: str) -> bool:
    return item.get_closest_marker(name) is not None or name in getattr(item, "fixturenames", ())


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder for a launcher of the test's own, which the OS users of Postgres and RadosGW can reach."""
    with _temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
async def site() -> AsyncIterator[Site]:
    """The session's launcher."""
    with _temporary_folder() as folder:
        async with Site(StackOptions(state=folder, safe=False)) as site:
            yield site


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tseeder-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@dataclass(frozen=True)
class Postgres:
    """The session's server, and the passwords of the services' roles."""

    admin_url: str = field(repr=False)
    passwords: dict[str, str] = field(repr=False)

    def database(self, name: str) -> Database:
        """One of its databases."""
        urls = service_urls(self.admin_url, name, self.passwords)
        return Database(name, with_database(self.admin_url, name), urls)


@pytest.fixture(scope="session")
async def postgres(site: Site) -> Postgres:
    """One Postgres for the session, without fsync; with a template database of the four roles and schemas."""
    server = Postgres(await backing.start_postgres(site), {name: site.secrets.text(f"pg-{name}") for name in SCHEMAS})
    await create_database(server.admin_url, EMPTY)
    await create_schemas(server.admin_url, EMPTY, server.passwords)
    return server


@pytest.fixture(scope="session")
async def migrated_template(postgres: Postgres) -> str:
    """A template database in which all migrations have run."""
    await create_database(postgres.admin_url, MIGRATED, template=EMPTY)
    await migrate_all(postgres.database(MIGRATED).urls)
    return MIGRATED


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[Database]:
    """A database of the test's own: each service has its role and its schema, which is empty."""
    async with _copy(postgres, EMPTY) as database:
        yield database


@pytest.fixture
async def migrated_database(postgres: Postgres, migrated_template: str) -> AsyncIterator[Database]:
    """A database of the test's own in which all migrations of all services have run."""
    async with _copy(postgres, migrated_template) as database:
        yield database


@asynccontextmanager
async def _copy(postgres: Postgres, template: str) -> AsyncIterator[Database]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    await create_database(postgres.admin_url, name, template=template)
    yield postgres.database(name)
    await drop_database(postgres.admin_url, name)


@pytest.fixture(scope="session")
async def nats_url(site: Site) -> str:
    """The URL of the session's NATS, with its password."""
    return await backing.start_nats(site)


@pytest.fixture(scope="session")
async def rclone_server(site: Site) -> S3Server:
    """The session's `rclone serve s3`."""
    server = backing.plan_s3(site, "rclone")
    await backing.start_s3(site, server)
    return server


@pytest.fixture(scope="session")
async def radosgw_server(site: Site) -> S3Server:
    """The session's RadosGW."""
    server = backing.plan_s3(site, "radosgw")
    await backing.start_s3(site, server)
    return server


@pytest.fixture
async def s3(rclone_server: S3Server) -> S3Server:
    """A bucket of the test's own on rclone."""
    return await _fresh_bucket(rclone_server)


@pytest.fixture
async def radosgw(radosgw_server: S3Server) -> S3Server:
    """A bucket of the test's own on RadosGW, which is strict where rclone is lax."""
    return await _fresh_bucket(radosgw_server)


async def _fresh_bucket(server: S3Server) -> S3Server:
    fresh = replace(server, bucket=f"test-{uuid.uuid4().hex[:12]}")
    await backing.make_bucket(fresh)
    return fresh
