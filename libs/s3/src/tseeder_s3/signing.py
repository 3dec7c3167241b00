"""SigV4 by headers, path-style."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()
_UNRESERVED: Final = "-_.~"
_CONTEXT: Final = "sha256"


class Signer:
    """Signs requests of one S3 server at `url` with one key."""

    def __init__(self, url: str, region: str, access_key: str, secret_key: str) -> None:
        self._base = url.rstrip("/")
        self._auth = _Auth(Credentials(access_key, secret_key), "s3", region)

    def signed(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        sha256: str | None = EMPTY_SHA256,
    ) -> tuple[str, dict[str, str]]:
        """The URL and the headers to send. `sha256`: the body's, in hex; None leaves the body out of the signature.

        What `headers` names is signed, too.
        """
        url = f"{self._base}/{quote(bucket, safe=_UNRESERVED)}/{quote(key, safe='/' + _UNRESERVED)}"
        if query:
            url += "?" + "&".join(f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in query.items())
        request = AWSRequest(method, url, dict(headers or {}))
        request.context[_CONTEXT] = UNSIGNED_PAYLOAD if sha256 is None else sha256
        self._auth.add_auth(request)
        return url, dict(request.headers.items())


class _Auth(S3SigV4Auth):
    """With a SHA-256 that was made before, so that the event loop does not hash 8 MiB at a time."""

    def payload(self, request: AWSRequest) -> str:
        return str(request.context[_CONTEXT])
