"""How object storage fails, as far as jobs has to tell cases apart."""

from __future__ import annotations

from tseeder_kit.errors import AppError, Kind


class UploadGone(AppError):  # noqa: N818 - it says what happened
    """There is no such upload (or key): aborted, expired, or completed by a call whose answer was lost."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(Kind.NOT_FOUND, "upload_gone", "The upload is not there any more.", _details(cause))


class PartsRejected(AppError):  # noqa: N818 - it says what happened
    """S3 holds other parts than it was told to complete with."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(
            Kind.CONFLICT, "parts_rejected", "Object storage holds other parts than expected.", _details(cause)
        )


class StorageRefused(AppError):  # noqa: N818 - it says what happened
    """The storage answers, and says no: wrong keys, no right, no such bucket. Waiting does not help; settings do."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(
            Kind.UNAVAILABLE, "storage_refused", "Object storage refuses this service's requests.", _details(cause)
        )


class StorageUnavailable(AppError):  # noqa: N818 - it says what happened
    """The storage is away, slow or overloaded: the same call may succeed later."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(
            Kind.UNAVAILABLE, "storage_unavailable", "Object storage cannot be reached at the moment.", _details(cause)
        )


def _details(cause: str) -> dict[str, str]:
    return {"cause": cause} if cause else {}
