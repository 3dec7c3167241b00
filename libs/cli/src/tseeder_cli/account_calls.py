"""The part of the API that is about accounts: signing in, sessions, keys, the second factor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

from tseeder_cli.wire import LogIn, Me, NewApiKey, SecurityEvent, Session, Totp, User


class AccountCalls(ABC):
    """One method an endpoint; errors as Client says."""

    _csrf: str

    @abstractmethod
    async def _json(self, method: str, path: str, **options: Any) -> Any: ...

    @abstractmethod
    async def _send(self, method: str, path: str, **options: Any) -> Any: ...

    async def bootstrap(self, token: str, email: str, password: str) -> User:
        """Make the first superadmin; `token` works once."""
        body = {"token": token, "email": email, "password": password}
        return cast(User, await self._json("POST", "/v1/auth/bootstrap", json=body))

    async def log_in(self, email: str, password: str, code: str = "") -> LogIn:
        """Start a session; later calls of this client belong to it. `code`: of the second factor, if there is one."""
        body = {"email": email, "password": password, **({"code": code} if code else {})}
        answer = cast(LogIn, await self._json("POST", "/v1/auth/login", json=body))
        self.use_session(answer)
        return answer

    def use_session(self, session: LogIn) -> None:
        """Its cookie is in the jar already."""
        self._csrf = session["csrf_token"]

    async def log_out(self) -> None:
        await self._send("POST", "/v1/auth/logout")
        self._csrf = ""

    async def me(self) -> Me:
        return cast(Me, await self._json("GET", "/v1/me"))

    async def create_api_key(self, name: str, scopes: Sequence[str] = ()) -> NewApiKey:
        """Without `scopes`: those that the server gives by default. Not retried: a replay would not show the secret."""
        body: dict[str, object] = {"name": name}
        if scopes:
            body["scopes"] = list(scopes)
        return cast(NewApiKey, await self._json("POST", "/v1/me/api-keys", json=body))

    async def revoke_api_key(self, key_id: str) -> None:
        await self._send("DELETE", f"/v1/me/api-keys/{key_id}")

    async def sessions(self) -> list[Session]:
        """The caller's sessions, the last seen first."""
        return cast(list[Session], (await self._json("GET", "/v1/me/sessions"))["items"])

    async def end_session(self, session_id: str) -> None:
        await self._send("DELETE", f"/v1/me/sessions/{session_id}")

    async def start_totp(self, password: str) -> Totp:
        """Begin an enrolment."""
        return cast(Totp, await self._json("POST", "/v1/me/totp", json={"password": password}))

    async def confirm_totp(self, code: str) -> list[str]:
        """Switch the second factor on; the recovery codes. The session goes on under its new secret."""
        answer = await self._json("POST", "/v1/me/totp/confirm", json={"code": code})
        self.use_session(answer["session"])
        return cast(list[str], answer["recovery_codes"])

    async def disable_totp(self, password: str, code: str) -> None:
        """Switch the second factor off."""
        await self._send("POST", "/v1/me/totp/disable", json={"password": password, "code": code})

    async def replace_recovery_codes(self, password: str, code: str) -> list[str]:
        """New recovery codes; those before open nothing any more."""
        body = {"password": password, "code": code}
        return cast(list[str], (await self._json("POST", "/v1/me/recovery-codes", json=body))["recovery_codes"])

    async def security_events(self, *, limit: int) -> list[SecurityEvent]:
        """What happened to the caller's account last, newest first."""
        answer = await self._json("GET", "/v1/me/security-events", params={"limit": limit})
        return cast(list[SecurityEvent], answer["items"])
