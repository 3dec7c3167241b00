"""Embedded S3, the strict one: Ceph's RadosGW on one monitor and one OSD, whose store is a sparse file.

Used where its binaries are installed (Debian: ceph-mon ceph-osd radosgw). Everything listens on loopback, wants cephx
keys, and runs as an OS user of its own when we are root.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tseeder_stack.ceph_files import Cluster, install
from tseeder_stack.errors import StackError
from tseeder_stack.program import Program, accepts_connections, ask_socket, http_status
from tseeder_stack.s3 import S3Server, signed
from tseeder_stack.site import Site

BINARIES = ("ceph-mon", "ceph-osd", "radosgw")


def missing_binaries() -> list[str]:
    """The programs that are not installed here; empty if RadosGW can be used."""
    return [name for name in BINARIES if shutil.which(name) is None]


async def start(site: Site, server: S3Server, *, wave: int) -> None:
    """Start the three programs (stopped: the gateway first, then the OSD, then the monitor) and make the two users."""
    if missing := missing_binaries():
        raise StackError(f"RadosGW cannot be used: {', '.join(missing)} not installed")
    cluster = await asyncio.to_thread(install, site.state, site.ports.pick("ceph-mon"), site.ports.given["radosgw"])
    await site.start(_monitor(cluster, site.log("ceph-mon")), wave=wave)
    await site.start(_osd(cluster, site.log("ceph-osd")), wave=wave + 1)
    # Not at once with the OSD, though it would wait: after a crash it would look for the OSD that the last map names.
    await site.start(_gateway(cluster, site.log("radosgw")), wave=wave + 2)
    await asyncio.to_thread(_ensure_users, cluster, server)


def _monitor(cluster: Cluster, log: Path) -> Program:
    async def ready() -> bool:
        return await accepts_connections("127.0.0.1", cluster.mon_port)

    return Program(
        name="ceph-mon",
        argv=("ceph-mon", "--foreground", "--id", "a", "-c", str(cluster.conf)),
        ready=ready,
        log=log,
        cwd=cluster.folder,
        ports={"mon": cluster.mon_port},
        owner=cluster.owner,
        quiet=True,
    )


def _osd(cluster: Cluster, log: Path) -> Program:
    async def ready() -> bool:
        return (await ask(cluster.folder, "osd.0.asok", "status")).get("state") == "active"

    return Program(
        name="ceph-osd",
        argv=("ceph-osd", "--foreground", "--id", "0", "-c", str(cluster.conf)),
        ready=ready,
        log=log,
        cwd=cluster.folder,
        owner=cluster.owner,
        quiet=True,
    )


def _gateway(cluster: Cluster, log: Path) -> Program:
    async def ready() -> bool:
        return await http_status("127.0.0.1", cluster.s3_port, "/") != 0

    return Program(
        name="radosgw",
        argv=("radosgw", "--foreground", "--name", "client.rgw", "-c", str(cluster.conf)),
        ready=ready,
        log=log,
        cwd=cluster.folder,
        ports={"s3": cluster.s3_port},
        url=f"http://127.0.0.1:{cluster.s3_port}",
        owner=cluster.owner,
        quiet=True,
    )


async def ask(folder: Path, socket: str, command: str) -> dict[str, Any]:
    """A daemon's answer on its admin socket; empty if there is none (yet)."""
    # By way of a descriptor, because the path of a socket may have no more than 107 bytes.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        answer = await ask_socket(
            f"/proc/self/fd/{descriptor}/{socket}", json.dumps({"prefix": command}).encode() + b"\0"
        )
    finally:
        os.close(descriptor)
    try:
        content = json.loads(answer)
    except ValueError:  # while it starts it knows no commands yet, and answers in plain words
        return {}
    return content if isinstance(content, dict) else {}


def _ensure_users(cluster: Cluster, server: S3Server) -> None:
    """Make the users of jobs and of agents with today's keys, if the gateway does not know them. Blocking."""
    for uid, keys in (("jobs", server.jobs), ("agent", server.agent)):
        status, _ = signed(server, "GET", "/", keys=keys)
        if status == HTTPStatus.OK:
            continue
        # This tool takes 0.1 s; asking over HTTP would need a first user, with the right to make users, all the same.
        admin = ("radosgw-admin", "--name", "client.rgw")
        pair = ("--access-key", keys.access, "--secret-key", keys.secret)
        try:
            cluster.run(*admin, "user", "create", "--uid", uid, "--display-name", uid, *pair)
        except StackError:  # the user is there, with other keys: the secrets folder was thrown away
            cluster.run(*admin, "key", "create", "--key-type", "s3", "--uid", uid, *pair)


def agent_policy(bucket: str) -> dict[str, Any]:
    """The bucket policy: agents may put objects and parts; nothing else, and no reading (docs/object-storage.md)."""
    agent, jobs = ({"AWS": f"arn:aws:iam:::user/{uid}"} for uid in ("agent", "jobs"))
    allowed = ["s3:PutObject"]
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    rules = [
        {"Effect": "Allow", "Principal": agent, "Action": allowed},
        # What it has put in one piece would be its own: it could read it, and jobs could not.
        {"Effect": "Deny", "Principal": agent, "Action": ["s3:GetObject", "s3:DeleteObject"]},
        {"Effect": "Allow", "Principal": jobs, "Action": ["s3:*"]},
    ]
    return {"Version": "2012-10-17", "Statement": [{**rule, "Resource": resources} for rule in rules]}


def share_with_agents(server: S3Server) -> None:
    """Give the bucket its policy, if it has another or none. Blocking."""
    path, query = f"/{server.bucket}", {"policy": ""}
    policy = json.dumps(agent_policy(server.bucket)).encode()
    # Looked at first, since after a crash the gateway takes 5 s for a change: it waits for its dead predecessor.
    if signed(server, "GET", path, query=query) == (HTTPStatus.OK, policy):
        return
    status, answer = signed(server, "PUT", path, query=query, body=policy)
    if status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        raise StackError(f"RadosGW refuses the bucket policy ({status}): {answer.decode('utf-8', 'replace')[:300]}")
