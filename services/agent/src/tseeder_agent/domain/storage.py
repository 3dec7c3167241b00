"""How object storage fails, as far as an agent has to tell cases apart, and what a write is."""

from __future__ import annotations

from dataclasses import dataclass, field

from tseeder_kit.errors import AppError, Kind


class UploadGone(AppError):  # noqa: N818 - it says what happened
    """S3 knows no such upload: its parts must go up again, under another one."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(Kind.NOT_FOUND, "upload_gone", "The upload is not there any more.", _details(cause))


class StorageRefused(AppError):  # noqa: N818 - it says what happened
    """The storage answers, and says no: wrong keys, no right, no such bucket. Waiting does not help; settings do."""

    def __init__(self, cause: str = "") -> None:
        message = "Object storage refuses this agent's writes; its operator has to look at the agent's S3 settings."
        super().__init__(Kind.UNAVAILABLE, "storage_refused", message, _details(cause))


class StorageUnavailable(AppError):  # noqa: N818 - it says what happened
    """The storage is away, slow or overloaded: the same write may succeed later."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(
            Kind.UNAVAILABLE, "storage_unavailable", "Object storage cannot be reached at the moment.", _details(cause)
        )


def _details(cause: str) -> dict[str, str]:
    return {"cause": cause} if cause else {}


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """Where bytes go, as jobs planned it: a part of an upload, or (`upload_id` "") a whole object by one PUT.

    `presigned_url` is set where agents hold no key of their own; `with_crc32` where the server is to check the bytes.
    """

    bucket: str
    key: str
    upload_id: str = ""
    number: int = 0
    presigned_url: str = field(default="", repr=False)
    with_crc32: bool = False


@dataclass(frozen=True, slots=True)
class PartBytes:
    """What goes up: the bytes, their CRC32, their SHA-256 (32 bytes) where the signature wants it, else b""."""

    data: bytes | memoryview = field(repr=False)
    crc32: int
    sha256: bytes = b""
