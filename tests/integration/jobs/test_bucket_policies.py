"""The policies and the CORS rules of docs/object-storage.md, as they are printed there, on RadosGW."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.jobs.playing import agents_s3, put_by
from tseeder_jobs.adapters.s3 import Endpoint, Storage, open_storage
from tseeder_jobs.domain.storage import StorageRefused
from tseeder_stack.radosgw import agent_policy
from tseeder_stack.s3 import S3Keys, S3Server, signed

pytestmark = pytest.mark.radosgw

OWNERS_RIGHTS = {"s3:GetObject", "s3:ListMultipartUploadParts"}  # on RadosGW: to what jobs itself, or its URL, put
DOCUMENT = Path(__file__).parents[3] / "docs" / "object-storage.md"
BODY = b"x" * 1000


def block(kind: str) -> Any:
    """A block of JSON in the document."""
    found = re.search(rf"^```json {re.escape(kind)}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None, kind
    return json.loads(found[1])


def granting(kind: str, bucket: str, user: str, without: str = "") -> bytes:
    """A policy of the document, as that of a bucket, which says whom it is for."""
    policy = block(f"policy={kind}")
    for rule in policy["Statement"]:
        rule["Principal"] = {"AWS": f"arn:aws:iam:::user/{user}"}
        rule["Resource"] = rule["Resource"].replace("BUCKET", bucket)
        rule["Action"] = [action for action in rule["Action"] if action != without]
    return json.dumps(policy).encode()


@pytest.fixture
async def foreign(radosgw_server: S3Server, request: pytest.FixtureRequest) -> S3Server:
    """A bucket of somebody else (the stack's second user), in which jobs may do what it is granted."""
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    server = replace(radosgw_server, bucket=f"policy-{name}")
    await owner_asks(server, "PUT")
    return server


async def owner_asks(
    server: S3Server, method: str, query: str = "", body: bytes = b"", keys: S3Keys | None = None
) -> None:
    named = {query: ""} if query else None
    path = f"/{server.bucket}"
    status, answer = await asyncio.to_thread(
        signed, server, method, path, query=named, body=body, keys=keys or server.agent
    )
    assert status in (200, 204), answer


async def grant(server: S3Server, without: str = "") -> None:
    await owner_asks(server, "PUT", "policy", granting("jobs", server.bucket, "jobs", without))


@pytest.fixture
async def storage(foreign: S3Server) -> AsyncIterator[Storage]:
    endpoint = Endpoint(foreign.endpoint, foreign.region, foreign.bucket, foreign.jobs.access, foreign.jobs.secret)
    async with open_storage(endpoint) as storage:
        yield storage


async def everything(storage: Storage, days: int) -> None:
    """All that jobs ever does. Raises StorageRefused where it may not."""
    await storage.check()
    await storage.keep_abort_rule(days)
    given_up = await storage.create_upload("up")
    assert [each.upload_id async for each in storage.list_uploads()] == [given_up]
    await storage.abort_upload("up", given_up)
    upload_id = await storage.create_upload("key")
    url = await storage.presign_part("key", upload_id, 1, size_bytes=len(BODY), seconds=60)
    assert (await put_by(url, BODY))[0] == 200
    parts = [(part.number, part.etag) for part in await storage.list_parts("key", upload_id)]
    await storage.complete_upload("key", upload_id, parts)
    assert (await put_by(await storage.presign_put("small", size_bytes=len(BODY), seconds=60), BODY))[0] == 200
    async with aiohttp.ClientSession() as http, http.get(await storage.presign_get("key", seconds=60)) as answer:
        if answer.status != 200:
            raise StorageRefused(str(answer.status))
    assert await storage.head("small") is not None
    assert await storage.head("nothing") is None, "a missing object is told from a forbidden one"
    assert [each.key for each in await storage.list_objects()] == ["key", "small"]
    assert await storage.delete_many(["key"]) == {"key"}
    await storage.delete("small")


async def test_jobs_needs_what_its_policy_grants_and_every_bit_of_it(foreign: S3Server, storage: Storage) -> None:
    actions = [action for rule in block("policy=jobs")["Statement"] for action in rule["Action"]]
    spare = set()
    for days, action in enumerate(actions, start=1):
        await grant(foreign, without=action)
        with suppress(StorageRefused):
            await everything(storage, days)
            spare.add(action)
        await grant(foreign)
        await cleared(storage)
    assert spare == OWNERS_RIGHTS
    await everything(storage, 30)
    for query in ("policy", "acl"):
        status, _ = await asyncio.to_thread(signed, foreign, "GET", f"/{foreign.bucket}", query={query: ""})
        assert status == 403
    assert (await asyncio.to_thread(signed, foreign, "DELETE", f"/{foreign.bucket}"))[0] == 403


async def cleared(storage: Storage) -> None:
    """As it was at first."""
    for upload in [each async for each in storage.list_uploads()]:
        await storage.abort_upload(upload.key, upload.upload_id)
    await storage.delete_many([each.key for each in await storage.list_objects()])


async def test_an_agents_key_puts_and_nothing_else(radosgw: S3Server) -> None:
    """The stack gives its agents what the document says (tests/integration/agent/test_on_radosgw.py: whole jobs)."""
    allowed = {action for rule in block("policy=agent")["Statement"] for action in rule["Action"]}
    agents_rules = [rule for rule in agent_policy(radosgw.bucket)["Statement"] if "agent" in rule["Principal"]["AWS"]]
    granted = {action for rule in agents_rules if rule["Effect"] == "Allow" for action in rule["Action"]}
    assert granted == allowed == {"s3:PutObject"}
    bucket = radosgw.bucket
    async with agents_s3(radosgw) as agent, agents_s3(replace(radosgw, agent=radosgw.jobs)) as jobs:
        upload: dict[str, Any] = {"Bucket": bucket, "Key": "key"}
        upload["UploadId"] = (await jobs.create_multipart_upload(**upload))["UploadId"]
        await agent.upload_part(**upload, PartNumber=1, Body=BODY)
        await agent.put_object(Bucket=bucket, Key="small", Body=BODY)
        for call in (
            agent.list_parts(**upload),
            agent.abort_multipart_upload(**upload),
            agent.list_multipart_uploads(Bucket=bucket),
            agent.list_objects_v2(Bucket=bucket),
            agent.head_bucket(Bucket=bucket),
            agent.get_object(Bucket=bucket, Key="small"),
            agent.head_object(Bucket=bucket, Key="small"),
            agent.delete_object(Bucket=bucket, Key="small"),
            agent.get_bucket_lifecycle_configuration(Bucket=bucket),
            agent.get_bucket_policy(Bucket=bucket),
        ):
            with pytest.raises(Exception, match=r"403|AccessDenied"):
                await call
        assert len((await jobs.list_parts(**upload))["Parts"]) == 1
        assert (await jobs.head_object(Bucket=bucket, Key="small"))["ContentLength"] == len(BODY)


async def test_the_cors_rules_let_our_own_page_read(radosgw: S3Server) -> None:
    rules = block("cors")
    origin = rules["CORSRules"][0]["AllowedOrigins"][0]
    endpoint = Endpoint(radosgw.endpoint, radosgw.region, radosgw.bucket, radosgw.jobs.access, radosgw.jobs.secret)
    async with agents_s3(replace(radosgw, agent=radosgw.jobs)) as client, open_storage(endpoint) as storage:
        client.meta.events.register("before-call.s3.PutBucketCors", _with_md5)
        await client.put_bucket_cors(Bucket=radosgw.bucket, CORSConfiguration=rules)
        await client.put_object(Bucket=radosgw.bucket, Key="key", Body=BODY)
        url = await storage.presign_get("key", seconds=60)
    async with aiohttp.ClientSession() as http:
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
        async with http.options(url, headers={"Origin": origin, **asked}) as preflight:
            assert preflight.status == 200
        async with http.get(url, headers={"Origin": origin, "Range": "bytes=0-9"}) as answer:
            assert answer.status == 206
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]
        async with http.get(url, headers={"Origin": "https://evil.example"}) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers


def _with_md5(params: dict[str, Any], **_: object) -> None:
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    with suppress(KeyError):
        params["headers"]["Content-MD5"] = b64encode(digest).decode()
