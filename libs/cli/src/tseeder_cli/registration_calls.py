"""Registration and passwords, as the API has them: one function an endpoint. Errors are those of Client's methods."""

from __future__ import annotations

from typing import cast

from tseeder_cli.client import Client
from tseeder_cli.wire import AuthConfig, LogIn


async def auth_config(client: Client) -> AuthConfig:
    """How one can register there."""
    return cast(AuthConfig, await client.call("GET", "/v1/auth/config"))


async def register(client: Client, email: str, password: str, terms_version: str) -> None:
    """Make an account, which is good once its address is confirmed."""
    body = {"email": email, "password": password, "accepted_terms_version": terms_version}
    await client.call("POST", "/v1/auth/register", json=body)


async def verify_email(client: Client, token: str, password: str) -> None:
    """Confirm an address; the password is for one that was registered with several, else ""."""
    body = {"token": token, "password": password} if password else {"token": token}
    await client.call("POST", "/v1/auth/verify-email", json=body)


async def resend_verification(client: Client, email: str) -> None:
    """Another mail for that."""
    await client.call("POST", "/v1/auth/verify-email/resend", json={"email": email})


async def request_password_reset(client: Client, email: str) -> None:
    """A mail with a token that sets a password."""
    await client.call("POST", "/v1/auth/password-reset", json={"email": email})


async def confirm_password_reset(client: Client, token: str, new_password: str) -> None:
    """Set a password with that token."""
    body = {"token": token, "new_password": new_password}
    await client.call("POST", "/v1/auth/password-reset/confirm", json=body)


async def change_password(client: Client, password: str, new_password: str, code: str = "") -> LogIn:
    """Another password, in the client's session, which goes on as the one that is answered. `code`: of the second
    factor, if there is one."""
    body = {"password": password, "new_password": new_password, **_with(code)}
    answer = cast(LogIn, await client.call("POST", "/v1/me/password", json=body))
    client.use_session(answer)
    return answer


async def delete_account(client: Client, password: str, code: str = "") -> None:
    """For good, in the client's session, which is gone with it."""
    await client.call("DELETE", "/v1/me", json={"password": password, **_with(code)})


def _with(code: str) -> dict[str, str]:
    return {"code": code} if code else {}
