"""What happens on that day, and what of it nobody may read in a log, a metric or a span."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import aiohttp
import httpx

from tests.e2e.people import Person
from tests.e2e.seeding import Swarm, make_sample, swarming
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, PASSWORD, World
from tests.otlp import Receiver, Span
from tseeder_cli.client import Source
from tseeder_cli.wire import Job
from tseeder_stack.options import SERVICES
from tseeder_testkit.torrents import FileSpec, Sample
from tseeder_testkit.tracker import tracking

PASSKEY_MAGNET, PASSKEY_PRIVATE, PASSKEY_DEAD, PASSKEY_REFUSED = (secrets.token_hex(16) for _ in range(4))
WRONG_PASSWORD = f"wrong {secrets.token_hex(8)}"
LINK_PASSWORD, WRONG_LINK_PASSWORD = f"link {secrets.token_hex(8)}", f"no link {secrets.token_hex(8)}"
SHORTEST = 8  # a text that is shorter is found anywhere


@dataclass
class Day:
    """The stack after it; `traced` is the job whose trace is read, by the ids of its samples what is secret."""

    world: World
    receiver: Receiver
    public: Sample
    private: Sample
    traced: Job
    trace: str = ""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def logs(self) -> dict[str, str]:
        """What each service logged, by its name."""
        folder = self.world.stack.parts.state / "logs"
        return {name: (folder / f"{name}.log").read_text() for name in self.names}

    @property
    def names(self) -> tuple[str, ...]:
        """The services."""
        return (*SERVICES, "agent-1")

    async def metrics(self) -> dict[str, str]:
        """What each service answers at /metrics now."""
        ports = self.world.stack.parts.ports
        async with aiohttp.ClientSession() as http:
            found = {}
            for name in self.names:
                async with http.get(f"http://127.0.0.1:{ports[f'{name}.ops']}/metrics") as answer:
                    found[name] = await answer.text()
            return found

    async def spans(self) -> list[Span]:
        """All of them; those of the two transfers that were stored have come in."""

        async def both() -> bool:
            ended = [span.attributes.get("tseeder.outcome") for span in self.receiver.spans if span.name == "transfer"]
            return ended.count("stored") == 2

        await wait_for(both, "two transfers' spans have come in")
        return self.receiver.spans

    def leaks(self, text: str) -> list[str]:
        """What is in `text` that must not be."""
        lower = text.lower()
        found = [name for name, secret in self.secrets.items() if secret.lower() in lower]
        found += [word for word, pattern in _FORMS.items() if pattern.search(text)]
        return found


# Whatever their values: they have a form of their own.
_FORMS = {
    "a signed token": re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\."),
    "an API key": re.compile(r"tsk_\w{8}_[\w-]{32}"),
    "a magnet": re.compile(r"magnet:\?|xt=urn|urn:bt(ih|mh)", re.IGNORECASE),
    "a presigned URL": re.compile(r"X-Amz-Signature=", re.IGNORECASE),
    "a private key": re.compile(r"PRIVATE KEY"),
}


async def live_a_day(world: World, receiver: Receiver, folder: Path) -> Day:
    """Log-ins that fail and succeed, jobs with passkeys that are carried through, and errors of each kind."""
    async with swarming() as swarm:
        files = [FileSpec("film geheim/Strictly Private.mkv", 11 * MIB), FileSpec("film geheim/notes.txt", 20_000)]
        private = await make_sample(folder, files, private=True, name="Geheime Sammlung")
        public = await make_sample(folder, [FileSpec("Sonderbarer Titel.bin", 300_000)], version="hybrid")
        traced = await _jobs(world, swarm, private, public)
    day = Day(world, receiver, public, private, traced)
    day.trace = await trace_of(world, traced)
    day.secrets |= _of_torrents((private, public), swarm.tracker.port)
    day.secrets |= await _of_people(world)
    day.secrets |= _of_stack(world)
    day.secrets |= await _of_links(world, traced)
    assert [name for name, value in day.secrets.items() if len(value) < SHORTEST] == []
    await _errors(world, private, traced)
    return day


async def _jobs(world: World, swarm: Swarm, private: Sample, public: Sample) -> Job:
    """One private torrent, one magnet with a second tracker that is dead, and one that nobody has."""
    tracker = swarm.tracker
    await swarm.seed(private)
    await swarm.seed(public)
    given = private.torrent_bytes(trackers=[tracker.url_with_key(PASSKEY_PRIVATE)])
    traced = await world.ann.submit(Source(torrent=given))
    dead = f"http://127.0.0.1:1/{PASSKEY_DEAD}/announce"
    magnet = public.magnet(trackers=[tracker.url_with_key(PASSKEY_MAGNET), dead])
    other = await world.ben.submit(Source(magnet=magnet))
    lonely = await world.ben.submit(Source(info_hash=base64.b32encode(_digest(private)).decode()))
    async for event in world.ann.events(traced):
        assert event.kind in ("snapshot", "job", "progress", "end")
    await world.ann.completed(traced)
    await world.ann.has(await world.ann.client.job(traced["job_id"]), private)
    await world.ben.has(await world.ben.completed(other), public)
    await world.ben.client.act(lonely["job_id"], "cancel")
    await _refused(world.ann, public)
    return traced


async def _refused(person: Person, sample: Sample) -> None:
    """A magnet whose tracker says no, and names the passkey; its owner asks why."""
    async with tracking() as tracker:
        tracker.refusal = f"unknown passkey {PASSKEY_REFUSED}"
        digest = bytes(byte ^ 0x33 for byte in _digest(sample)).hex()[:40]
        magnet = f"magnet:?xt=urn:btih:{digest}&tr={quote(tracker.url_with_key(PASSKEY_REFUSED))}"
        job = await person.submit(Source(magnet=magnet))

        async def told() -> bool:
            swarm = (await person.client.diagnosis(job["job_id"]))["swarm"]
            return any(each["message"] == tracker.refusal for each in swarm["trackers"]) if swarm else False

        await wait_for(told, "its owner is told what the tracker says")
        await person.client.act(job["job_id"], "cancel")


def _digest(sample: Sample) -> bytes:
    """A hash like the sample's, which nobody seeds."""
    return bytes(byte ^ 0x55 for byte in bytes.fromhex(sample.info_hash))


async def _errors(world: World, sample: Sample, done: Job) -> None:
    """One of every kind that a client can bring about."""
    ann, magnet = world.ann, sample.magnet()
    file = next(iter((await ann.files(done)).values()))
    content = f"/v1/files/{file['file_id']}/content"
    async with ann.http() as http, httpx.AsyncClient(base_url=ann.client.url, trust_env=False) as nobody:
        key = {"Idempotency-Key": str(uuid4())}
        answers = [
            await http.post("/v1/jobs", json={"magnet": magnet + "&xt=urn:btih:zz"}),
            await http.post("/v1/jobs", json={"magnet": 7, "info_hash": sample.info_hash_v1}),
            await http.post("/v1/jobs", content=magnet, headers={"Content-Type": "text/plain"}),
            await http.post("/v1/jobs", json={"magnet": "magnet:?" + sample.info_hash * 100_000}),
            await http.post("/v1/jobs", files={"torrent": ("Strictly Private.mkv.torrent", b"d4:infoi1ee")}),
            await http.post("/v1/jobs", json={"info_hash": "ff" * 20}, headers=key),
            await http.post("/v1/jobs", json={"info_hash": "ee" * 20}, headers=key),
            await http.get(f"/v1/jobs/{sample.info_hash_v1}"),
            await http.get(f"/{sample.info_hash_v1}/{quote(sample.name)}"),
            await http.get("/v1/jobs", params={"text": sample.name, "cursor": magnet}),
            await http.get(f"/v1/jobs/{uuid4()}"),
            await http.post(f"/v1/jobs/{done['job_id']}/pause"),
            await http.get("/v1/admin/users"),
            await http.get(content, headers={"Range": "bytes=999999999999-"}),
            await http.get(content, headers={"If-Range": "x", "Range": "bytes=0-9"}),
            await http.delete("/v1/jobs"),
            await nobody.get("/v1/me"),
            await nobody.get("/v1/me", headers={"X-API-Key": ann.key[:-1] + ("A" if ann.key[-1] != "A" else "B")}),
            await nobody.get("/v1/me", headers={"Authorization": f"Bearer {secrets.token_hex(16)}"}),
            await nobody.post("/v1/auth/login", json={"email": ann.email, "password": WRONG_PASSWORD}),
            await nobody.post("/v1/auth/login", json={"email": f"no-{ann.email}", "password": PASSWORD}),
            await nobody.post("/v1/auth/bootstrap", json={"token": "x" * 40, "email": ann.email, "password": PASSWORD}),
        ]
    seen = {answer.status_code for answer in answers}
    assert {400, 401, 403, 404, 405, 409, 413, 415, 416, 422} <= seen, sorted(seen)


async def _of_people(world: World) -> dict[str, str]:
    found = {"a password": PASSWORD, "a wrong password": WRONG_PASSWORD}
    for person in (world.admin, world.ann, world.ben):
        found |= {f"{person.email}'s key": person.key, f"{person.email}'s e-mail": person.email}
        found |= {f"{person.email}'s key's secret": person.key.split("_", 2)[2]}
    found |= await _session(world.ann)
    return found


async def _of_links(world: World, done: Job) -> dict[str, str]:
    """A link that is opened, refused and revoked, and what was asked for it by nobody's name."""
    ann = world.ann
    file = next(iter((await ann.files(done)).values()))
    link = await ann.client.create_link(file["file_id"], expires_at="", download_limit=1, password=LINK_PASSWORD)
    unknown, header = secrets.token_urlsafe(32), base64.b64encode(f":{LINK_PASSWORD}".encode()).decode()
    seen = []
    async with httpx.AsyncClient(trust_env=False) as http:
        for password in (LINK_PASSWORD, LINK_PASSWORD, WRONG_LINK_PASSWORD, ""):
            seen.append((await http.get(link["url"], auth=httpx.BasicAuth("", password))).status_code)
        for way in ("", "/", "?x=1", "/more"):
            seen.append((await http.get(link["url"].replace(link["token"], unknown) + way)).status_code)
            seen.append((await http.post(link["url"] + way)).status_code)
        await ann.client.revoke_link(link["link"]["link_id"])
        seen.append((await http.get(link["url"])).status_code)
    assert seen[:4] == [200, 403, 401, 401]
    assert set(seen[4:]) == {404, 405}
    found = {"a link's token": link["token"], "a token that is none": unknown, "a Basic credential": header}
    return found | {"a link's password": LINK_PASSWORD, "no link's password": WRONG_LINK_PASSWORD}


async def _session(person: Person) -> dict[str, str]:
    """A session of somebody, which is used and ended."""
    async with httpx.AsyncClient(base_url=person.client.url, trust_env=False) as http:
        answer = await http.post("/v1/auth/login", json={"email": person.email, "password": PASSWORD})
        assert answer.status_code == 200
        csrf = {"X-CSRF-Token": answer.json()["csrf_token"]}
        found = {f"the session's {name}": value for name, value in http.cookies.items()} | {
            "a CSRF token": csrf["X-CSRF-Token"]
        }
        assert (await http.get("/v1/me")).status_code == 200
        assert (await http.post("/v1/auth/logout")).status_code == 403
        assert (await http.post("/v1/auth/logout", headers=csrf)).status_code == 204
    return found


def _of_stack(world: World) -> dict[str, str]:
    parts = world.stack.parts
    s3 = parts.s3
    found = {f"the password of {url}": _password(parts.database_urls[url]) for url in parts.database_urls}
    found |= {"NATS' password": _password(parts.nats_url), "the join secret": parts.secrets.text("agent-join")}
    found |= {f"the token of auth's feed for {who}": parts.secrets.text(f"{who}-feed") for who in ("jobs", "billing")}
    found |= {"S3's secret of jobs": s3.jobs.secret, "S3's secret of agents": s3.agent.secret}
    for name in ("crypto-keys", "auth-crypto-keys"):
        keys = parts.secrets.path(name).read_text()
        found |= {f"{name} {n}": key for n, key in enumerate(re.findall(r"[\w+/=-]{32,}", keys))}
    found |= {f"line {n} of the signing key": line for n, line in _pem(parts.secrets.identity_private_key())}
    return found


def _password(url: str) -> str:
    password = urlsplit(url).password
    assert password
    return password


def _pem(path: Path) -> Iterable[tuple[int, str]]:
    return enumerate(line for line in path.read_text().splitlines() if "-----" not in line)


def _of_torrents(samples: Iterable[Sample], tracker_port: int) -> dict[str, str]:
    """Hashes in every spelling, names, passkeys and trackers."""
    found = {"magnet's passkey": PASSKEY_MAGNET, "private passkey": PASSKEY_PRIVATE, "dead passkey": PASSKEY_DEAD}
    found |= {"refused passkey": PASSKEY_REFUSED}
    found |= {"the tracker": f"127.0.0.1:{tracker_port}/announce"}
    for sample in samples:
        for text in filter(None, (sample.info_hash_v1, sample.info_hash_v2)):
            raw = bytes.fromhex(text)
            b64 = base64.b64encode(raw).decode().rstrip("=")
            found |= {f"{text} hex": text, f"{text} base32": base64.b32encode(raw).decode().rstrip("=")}
            found |= {f"{text} base64": b64, f"{text} cut": text[:40], f"{text} escaped": quote(raw)}
            found |= {f"{text} bytes": repr(raw)[2:-1]}
        found |= {f"the name {sample.name}": sample.name}
        found |= {f"file {file.path}": part for file in sample.files for part in file.path.split("/")}
    return found


async def trace_of(world: World, job: Job) -> str:
    """The id of the trace that made the job's transfer."""
    sql = "SELECT traceparent FROM transfers WHERE torrent_id = (SELECT torrent_id FROM jobs WHERE job_id = $1::uuid)"
    rows = await world.fetch(sql, job["job_id"])
    assert len(rows) == 1
    return str(rows[0]["traceparent"]).split("-")[1]
