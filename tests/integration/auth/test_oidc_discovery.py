"""What a provider says of itself: believed within limits, kept for a while, and read again when it has to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tseeder_auth.adapters.bounded_http import MAX_BYTES, open_http
from tseeder_auth.adapters.oidc import Provider
from tseeder_auth.domain.oidc import TakenFlow, new_flow
from tseeder_auth.settings import OidcProvider
from tseeder_kit.errors import AppError, Kind
from tseeder_testkit.hostile_oidc import HostileOidc, hostile_oidc

FLOW = new_flow("https://tseeder.example/callback", "/", "")
TAKEN = TakenFlow(FLOW.nonce, FLOW.code_verifier, FLOW.redirect_uri, FLOW.return_to, "")


@asynccontextmanager
async def client(said: HostileOidc, seconds: float = 5, **changes: Any) -> AsyncIterator[Provider]:
    """A provider that nobody has asked yet."""
    async with open_http(seconds) as http:
        yield Provider(OidcProvider.model_validate({**said.settings, **changes}), http)


async def unavailable(provider: Provider) -> bool:
    """Whether the way there ends with `oidc_unavailable`."""
    try:
        await provider.authorization_url(FLOW)
    except AppError as exc:
        return (exc.kind, exc.code) == (Kind.UNAVAILABLE, "oidc_unavailable")
    return False


@pytest.fixture(scope="module")
async def serving() -> AsyncIterator[HostileOidc]:
    """One for all."""
    async with hostile_oidc() as provider:
        yield provider


@pytest.fixture
def said(serving: HostileOidc) -> HostileOidc:
    """It behaves."""
    serving.forget()
    serving.requests.clear()
    return serving


async def test_it_is_read_once_and_kept(said: HostileOidc) -> None:
    async with client(said) as provider:
        urls = await asyncio.gather(*(provider.authorization_url(FLOW) for _ in range(5)))
        said.nonce, said.person = FLOW.nonce, {"sub": "x"}
        await provider.claims(TAKEN, "code", "")
    assert len(set(urls)) == 1
    assert said.requests == ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"]


async def test_a_key_that_is_not_known_is_asked_for_once(said: HostileOidc) -> None:
    async with client(said) as provider:
        await provider.authorization_url(FLOW)
        said.nonce, said.requests[:] = FLOW.nonce, []
        said.tokens = lambda of, claims: {"id_token": of.signed(claims, kid="no such key")}
        with pytest.raises(AppError):
            await provider.claims(TAKEN, "code", "")
    assert said.requests.count("/jwks") == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://accounts.example"},
        {"issuer": None},
        {"authorization_endpoint": "http://accounts.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": "https://name:word@accounts.example/"},
        {"authorization_endpoint": ["https://accounts.example"]},
    ],
    ids=str,
)
async def test_a_document_that_is_not_its_own_or_not_safe(said: HostileOidc, metadata: dict[str, Any]) -> None:
    said.metadata = metadata
    async with client(said) as provider:
        assert await unavailable(provider)
        said.metadata = {}
        assert not await unavailable(provider)  # nothing of it was kept


async def test_keys_that_nobody_may_publish_are_none(said: HostileOidc) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "x"}
    async with _answering({"/keys": web.json_response({"keys": [secret]})}) as url:
        said.metadata = {"jwks_uri": f"{url}/keys"}
        async with client(said) as provider:
            assert await unavailable(provider)


async def test_no_redirect_is_followed(said: HostileOidc) -> None:
    async with _answering({"/elsewhere": web.json_response({"issuer": said.issuer})}) as url:
        said.redirecting = f"{url}/elsewhere"
        async with client(said) as provider:
            assert await unavailable(provider)
            said.redirecting = ""
            await provider.authorization_url(FLOW)
            said.redirecting = f"{url}/elsewhere"  # with the code and the client's secret
            with pytest.raises(AppError, match="oidc_unavailable"):
                await provider.claims(TAKEN, "code", "")


async def test_what_is_too_large_or_no_json_object_or_not_there() -> None:
    answers = {
        "/large/.well-known/openid-configuration": web.Response(body=b" " * MAX_BYTES + b"{}"),
        "/list/.well-known/openid-configuration": web.json_response([]),
        "/text/.well-known/openid-configuration": web.Response(text="<html>"),
        "/deep/.well-known/openid-configuration": web.Response(text='{"a":' * 100_000),
    }
    async with _answering(answers) as url:
        for path in ("large", "list", "text", "deep", "missing"):
            async with client(HostileOidc(issuer=f"{url}/{path}")) as provider:
                assert await unavailable(provider), path
    async with client(HostileOidc(issuer=url)) as provider:  # nobody listens there any more
        assert await unavailable(provider)


async def test_a_provider_that_does_not_answer_is_not_waited_for() -> None:
    hung_up = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client has had enough
        writer.close()
        hung_up.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with client(HostileOidc(issuer=f"http://127.0.0.1:{port}"), seconds=0.05) as provider:
            assert await unavailable(provider)
        await hung_up.wait()


async def test_the_client_shows_its_secret_as_the_provider_wants_it(said: HostileOidc) -> None:
    seen: list[tuple[str, Any]] = []

    async def token(request: web.Request) -> web.Response:
        seen.append((request.headers.get("Authorization", ""), dict(await request.post())))
        return web.json_response({"error": "invalid_grant"}, status=400)

    async with _answering({"/token": token}) as url:
        for methods in (["client_secret_basic"], ["client_secret_post"]):
            said.metadata = {"token_endpoint": f"{url}/token", "token_endpoint_auth_methods_supported": methods}
            async with client(said, client_id="a b", client_secret="c:d") as provider:
                with pytest.raises(AppError, match="oidc_response_invalid"):
                    await provider.claims(TAKEN, "code", "")
    (basic, first), (none, second) = seen
    assert basic == "Basic " + "YSUyMGI6YyUzQWQ="  # a%20b:c%3Ad
    assert "client_secret" not in first
    assert none == ""
    assert (second["client_id"], second["client_secret"]) == ("a b", "c:d")
    assert first["code_verifier"] == FLOW.code_verifier


@asynccontextmanager
async def _answering(answers: dict[str, Any]) -> AsyncIterator[str]:
    """A server with these answers; its URL."""
    app = web.Application()
    for path, answer in answers.items():
        app.router.add_route("*", path, answer if callable(answer) else _fixed(answer))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _fixed(answer: web.Response) -> Any:
    body, content_type = answer.body, answer.content_type

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type)

    return handler
