"""What the stack says of its S3 server, whichever it is, and the few signed requests that it makes itself."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from tseeder_stack.errors import StackError

REQUEST_SECONDS = 15
PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class S3Keys:
    """An access key and its secret."""

    access: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class S3Server:
    """An S3 server as services see it. `jobs` may do everything in the bucket; `agent` is what agents get."""

    endpoint: str
    region: str
    bucket: str
    jobs: S3Keys
    agent: S3Keys
    kind: str  # "rclone", "radosgw" or "external"
    folder: Path | None = None
    """Where rclone has its buckets."""


async def ensure_bucket(server: S3Server) -> None:
    """Make the bucket if it is not there. StackError if the server refuses."""
    status, body = await asyncio.to_thread(signed, server, "HEAD", f"/{server.bucket}")
    if status == HTTPStatus.NOT_FOUND:
        status, body = await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}")
    if status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        detail = body.decode("utf-8", "replace")[:300]
        raise StackError(f"the S3 server {server.endpoint} answers {status} for bucket {server.bucket}: {detail}")


def signed(
    server: S3Server,
    method: str,
    path: str,
    *,
    query: dict[str, str] | None = None,
    body: bytes = b"",
    keys: S3Keys | None = None,
    take: Callable[[bytes], object] | None = None,
) -> tuple[int, bytes]:
    """One request, signed (Signature Version 4) with `keys`, by default those of jobs; status and body. Blocking.
    With `take` that gets the body of a good answer piece by piece, and none is returned: for large objects.

    The S3 library of the services is not used here, because importing it takes longer than starting rclone.
    """
    encoded = urllib.parse.urlencode(sorted((query or {}).items()), quote_via=urllib.parse.quote)
    host = urllib.parse.urlsplit(server.endpoint).netloc
    digest = hashlib.sha256(body).hexdigest()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"{method}\n{urllib.parse.quote(path)}\n{encoded}\n{lines}\n{names}\n{digest}"
    scope = f"{stamp[:8]}/{server.region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    keys = keys or server.jobs
    key = f"AWS4{keys.secret}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    credential = f"{keys.access}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    url = f"{server.endpoint}{urllib.parse.quote(path)}{'?' + encoded if encoded else ''}"
    request = urllib.request.Request(url, data=body or None, headers=headers, method=method)  # noqa: S310 - http(s) only
    return _send(request, take)


def _send(request: urllib.request.Request, take: Callable[[bytes], object] | None) -> tuple[int, bytes]:
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}) if _is_loopback(request) else urllib.request.ProxyHandler()
    )
    try:
        with opener.open(request, timeout=REQUEST_SECONDS) as answer:
            while take is not None and (piece := answer.read(PIECE_BYTES)):
                take(piece)
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        raise StackError(f"the S3 server {request.type}://{request.host} does not answer: {error}") from error


def _is_loopback(request: urllib.request.Request) -> bool:
    return request.host.startswith(("127.", "localhost", "[::1]"))
