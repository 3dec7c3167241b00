"""What requests are about: ids that exist, of things in many states, one's own and others'."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.integration.gateway.conftest import lease_of, submitted
from tests.integration.gateway.running import Caller, Door, browsing, granted, linked_identity
from tests.integration.jobs.playing import Agent
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.ids import uuid7
from tseeder_testkit.torrents import FileSpec, Sample, TorrentSpec, write_torrent

KIB: Final = 1 << 10
_serial = itertools.count(5_000_000)


@dataclass(frozen=True)
class Subjects:
    """Ids by the name of their path parameter: `kept` stay what they are; `spent` may be changed and deleted."""

    root: Caller  # by a key
    session: Caller  # his, too
    other: Caller
    agent_id: str
    torrent: bytes
    kept: dict[str, tuple[str, ...]]
    spent: dict[str, deque[str]]

    def choose(self, operation_id: str, parameter: str, number: int) -> str | None:
        """An id for a parameter of an operation; None where there is none."""
        pool: Iterable[str]
        if parameter == "agent_id":
            pool = (self.agent_id,)
        elif operation_id == "job_events":
            pool = self.kept["ended"]  # others' streams would not end
        elif operation_id == "warm_up":
            pool = self.kept["stored_file_id"]  # others wait for a swarm
        elif operation_id in _LOOKING:
            pool = (*self.kept[parameter], *self.spent[parameter])
        else:
            pool = (*self.spent[parameter], *self.kept["other_" + parameter])
        found = tuple(pool)
        return found[number % len(found)] if found else None

    def forget(self, gone: Mapping[str, str]) -> None:
        """These are deleted."""
        for parameter, value in gone.items():
            if value in self.spent[parameter]:
                self.spent[parameter].remove(value)


_LOOKING: Final = frozenset(
    f"{prefix}{name}"
    for name in (
        "job",
        "file",
        "content",
        "subtitles",
        "granted_content",
        "list_job_files",
        "list_file_links",
        "link",
        "archive",
        "playlist",
        "dead_letter",
    )
    for prefix in ("get_", "head_", "")
)


async def prepared(door: Door, agent: Agent, root: Caller, other: Caller, folder: Path) -> Subjects:
    """A stored job, a cancelled one, and some that are queued, of `root`; some of `other`; keys."""
    stored = await _torrent(folder, 3)
    stored_job = await submitted(door, root, stored)
    await agent.run(await lease_of(agent, stored_job), stored)
    ended = await submitted(door, root, await _torrent(folder, 1))
    await door.call("POST", f"/v1/jobs/{ended}/cancel", user=root)
    queued = [await submitted(door, root, await _torrent(folder, 3)) for _ in range(6)]
    others = [await submitted(door, other, await _torrent(folder, 2)) for _ in range(2)]
    dead = [await _dead(door, agent, root, await _torrent(folder, 1)) for _ in range(3)]
    stored_files = await _files(door, root, stored_job)
    session, others_session = await browsing(door, root.email), await browsing(door, other.email)
    keys = [(await door.call("POST", "/v1/me/api-keys", user=session, json={"name": "spent"})).json for _ in range(6)]
    other_key = (await door.call("POST", "/v1/me/api-keys", user=others_session, json={"name": "other's"})).json
    links = [await _link(door, root, stored_files[0]) for _ in range(6)]
    other_link = await _link(door, other, (await _files(door, other, others[0]))[0])
    queued_files = [each for job in queued for each in await _files(door, root, job)]
    kept, spent = await _of_accounts(door, root, other)
    return Subjects(
        root=root,
        session=session,
        other=other,
        agent_id=agent.agent_id,
        torrent=stored.torrent.read_bytes(),
        kept={
            **kept,
            "job_id": (stored_job, ended, *others),
            "file_id": (*stored_files, *await _files(door, other, others[0])),
            "key_id": (),
            "ended": (stored_job, ended, others[0]),
            "stored_file_id": tuple(stored_files),
            "other_job_id": tuple(others),
            "other_file_id": tuple(await _files(door, other, others[0])),
            "transfer_id": (),
            "other_transfer_id": (str(uuid7()),),
            "link_id": (),
            "other_link_id": (other_link["link"]["link_id"],),
            "token": (links[0]["token"], other_link["token"]),
            "other_token": (),
            "grant": (await granted(door, root, stored_files[0]),),
            "other_grant": (),
            "other_key_id": (other_key["key"]["key_id"],),
        },
        spent={
            **spent,
            "job_id": deque(queued, maxlen=20),
            "file_id": deque(queued_files, maxlen=60),
            "transfer_id": deque(dead, maxlen=20),
            "link_id": deque([link["link"]["link_id"] for link in links[1:]], maxlen=60),
            "grant": deque(),
            "token": deque(link["token"] for link in links[1:]),
            "key_id": deque([key["key"]["key_id"] for key in keys], maxlen=60),
        },
    )


async def _of_accounts(
    door: Door, root: Caller, other: Caller
) -> tuple[dict[str, tuple[str, ...]], dict[str, deque[str]]]:
    """What is about accounts themselves: kept, and to be spent."""
    bystanders = [(await door.upstream.auth.new_user()).user_id for _ in range(2)]
    linked = [await linked_identity(door, root.user_id) for _ in range(6)]
    sessions = [await _session(door, root) for _ in range(6)]
    kept: dict[str, tuple[str, ...]] = {
        "user_id": (),
        "other_user_id": tuple(bystanders),
        "provider": ("example",),
        "other_provider": ("example",),
        "subject": (),
        "other_subject": (await linked_identity(door, other.user_id),),
        "session_id": (),
        "other_session_id": (await _session(door, other),),
    }
    spent: dict[str, deque[str]] = {
        "user_id": deque(),
        "provider": deque(),
        "subject": deque(linked, maxlen=60),
        "session_id": deque(sessions, maxlen=60),
    }
    return kept, spent


async def _dead(door: Door, agent: Agent, user: Caller, torrent: Sample) -> str:
    """A transfer that failed for good."""
    lease = await lease_of(agent, await submitted(door, user, torrent))
    reason = model.Reason(code="torrent_unusable", message="Nobody could do better.")
    await agent.stub.Fail(pb.FailRequest(lease=lease, reason=reason))
    return lease.transfer_id


async def _session(door: Door, user: Caller) -> str:
    """Of a browser that nobody sits at."""
    await browsing(door, user.email)
    listed = (await door.call("GET", "/v1/me/sessions", user=user)).json["items"]
    return str(max(listed, key=lambda session: session["created_at"])["session_id"])


async def _files(door: Door, user: Caller, job_id: str) -> list[str]:
    answer = await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)
    return [file["file_id"] for file in answer.json["items"]]


async def _link(door: Door, user: Caller, file_id: str) -> Any:
    return (await door.call("POST", f"/v1/files/{file_id}/links", user=user, json={})).json


async def _torrent(folder: Path, files: int) -> Sample:
    serial = next(_serial)
    specs = tuple(FileSpec(f"file {number}.txt", 100 * (number + 1)) for number in range(files))
    spec = TorrentSpec(specs, name=f"fuzz {serial}", seed=serial, piece_length=16 * KIB)
    return await asyncio.to_thread(write_torrent, folder / str(serial), spec)
