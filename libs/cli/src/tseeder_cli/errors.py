"""What the command can tell a person about a failure, and the exit status that a script sees."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """The statuses of `tseeder`, as `tseeder --help` lists them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNAVAILABLE = 6
    INTERRUPTED = 130


class CliError(Exception):
    """A failure that ends the command: one line, a stable code, an exit status and, if there is one, what to do."""

    def __init__(self, message: str, *, code: str = "", exit_code: ExitCode = ExitCode.FAILED, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.exit_code = exit_code
        self.hint = hint


class Interrupted(CliError):  # noqa: N818 - it is no error: somebody has pressed Ctrl-C
    """The message tells what goes on without this command, or how to go on."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=ExitCode.INTERRUPTED)


class ApiError(CliError):
    """An answer of tseeder's API that is not 2xx (RFC 9457). `code` is stable: decide by it, not by the text.

    `fields` holds (field, code, message) for each wrong field of the request; `body` the whole answer.
    """

    def __init__(self, status: int, body: dict[str, Any], *, retry_after: float | None = None) -> None:
        code = str(body.get("code") or f"http_{status}")
        message = str(body.get("detail") or body.get("title") or f"HTTP status {status}")
        super().__init__(message, code=code, exit_code=exit_code_of(status))
        if status == 401 and code not in ("invalid_credentials", "second_factor_required", "second_factor_invalid"):
            self.hint = "Sign in with: tseeder login"
        elif code == "email_unverified":
            self.hint = "Its token: tseeder verify TOKEN. Another mail: tseeder verify --resend EMAIL"
        elif code == "role_too_low" or (code == "scope_missing" and _scope_of(body).startswith("admin:")):
            self.message = "only operators may do this"
            self.hint = "Who you are, and what your key may do, tells: tseeder whoami"
        self.status = status
        self.body = body
        self.request_id = str(body.get("request_id") or "")
        self.retry_after = retry_after
        self.fields: list[tuple[str, str, str]] = [
            (str(item.get("field", "")), str(item.get("code", "")), str(item.get("message", "")))
            for item in body.get("errors") or []
            if isinstance(item, dict)
        ]


def _scope_of(body: dict[str, Any]) -> str:
    details = body.get("details")
    return str(details.get("scope", "")) if isinstance(details, dict) else ""


def exit_code_of(status: int) -> ExitCode:
    """The exit status that says what an HTTP status of 400 or more says."""
    if status in (401, 403):
        return ExitCode.NOT_SIGNED_IN
    if status == 404:
        return ExitCode.NOT_FOUND
    if status == 429 or status >= 500:
        return ExitCode.UNAVAILABLE
    return ExitCode.REFUSED
