"""Reading objects by presigned URL, from servers that answer ranges differently (rclone: 200 with Content-Range)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.jobs.playing import agents_s3
from tseeder_gateway.adapters.object_reader import CHUNK_BYTES, ObjectGoneError, ObjectReader, open_reader
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_kit.errors import AppError
from tseeder_stack.s3 import S3Server

CONTENT = os.urandom(3_000_001)
SIZE = len(CONTENT)


@asynccontextmanager
async def s3_of_jobs(server: S3Server) -> AsyncIterator[Any]:
    """A client with the key that may do all."""
    async with agents_s3(replace(server, agent=server.jobs)) as client:
        yield client


async def check_reads(server: S3Server) -> None:
    """Every part is exact, in chunks that are bounded; what is not there is said so."""
    async with s3_of_jobs(server) as s3, open_reader(read_seconds=10) as reader:
        await s3.put_object(Bucket=server.bucket, Key="aa/object", Body=CONTENT)
        url = await presigned(s3, server, "aa/object")
        for part in (ByteRange(0, SIZE - 1), ByteRange(0, 0), ByteRange(5, 2_000_000), ByteRange(SIZE - 1, SIZE - 1)):
            assert await digest(reader, url, part) == hashlib.sha256(CONTENT[part.first : part.last + 1]).hexdigest()
        with pytest.raises(ObjectGoneError):
            await digest(reader, await presigned(s3, server, "aa/nothing"), ByteRange(0, 9), size=20)
        with pytest.raises(ObjectGoneError):
            await digest(reader, url.replace("Signature=", "Signature=0"), ByteRange(0, 9))
        # Not the bytes that jobs spoke of: it is not served as if it were.
        for part, size in ((ByteRange(0, SIZE), SIZE + 1), (ByteRange(0, 9), SIZE + 1), (ByteRange(0, 9), 10)):
            with pytest.raises(AppError) as caught:
                await digest(reader, url, part, size=size)
            assert caught.value.code == "storage_unavailable"


async def presigned(s3: Any, server: S3Server, key: str) -> str:
    """As jobs does it."""
    found: str = await s3.generate_presigned_url("get_object", Params={"Bucket": server.bucket, "Key": key})
    return found


async def digest(reader: ObjectReader, url: str, part: ByteRange, size: int = SIZE) -> str:
    """The SHA-256 of what is read."""
    hashed = hashlib.sha256()
    async with reader.read(url, part, size) as chunks:
        async for chunk in chunks:
            assert len(chunk) <= CHUNK_BYTES + 65536
            hashed.update(chunk)
    return hashed.hexdigest()


async def test_from_rclone(s3: S3Server) -> None:
    await check_reads(s3)


async def test_from_radosgw(radosgw: S3Server) -> None:
    await check_reads(radosgw)


async def test_from_nobody() -> None:
    async with open_reader(read_seconds=1) as reader:
        with pytest.raises(AppError) as caught:
            await digest(reader, "http://127.0.0.1:1/x", ByteRange(0, 9))
    assert caught.value.code == "storage_unavailable"
