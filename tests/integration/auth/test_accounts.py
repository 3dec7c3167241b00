"""Accounts made and listed by operators; and who may not."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.integration.auth.running import PASSWORD, ROOT, Auth, unique_email
from tseeder.auth.v1 import auth_pb2
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import use_identity

USER, SUPPORT, ADMIN, SUPERADMIN = (
    auth_pb2.ROLE_USER,
    auth_pb2.ROLE_SUPPORT,
    auth_pb2.ROLE_ADMIN,
    auth_pb2.ROLE_SUPERADMIN,
)


def request(**fields: object) -> auth_pb2.CreateUserRequest:
    usual = {"email": unique_email(), "password": PASSWORD, "user_id": str(uuid.uuid4())}
    return auth_pb2.CreateUserRequest(**{**usual, **fields})  # type: ignore[arg-type]


async def test_a_user_is_made_as_asked(auth: Auth) -> None:
    wanted = request(email="Someone.New@Example.org")
    with use_identity(await auth.root_identity()):
        made = await auth.accounts.CreateUser(wanted)
    assert (made.user_id, made.email, made.role) == (wanted.user_id, "Someone.New@Example.org", USER)
    with use_identity(await auth.identity("someone.new@example.org")):
        assert await auth.me.GetMe(auth_pb2.GetMeRequest()) == made
    event = await auth.pool.fetchrow("SELECT type, payload FROM feed WHERE entity_id = $1", uuid.UUID(made.user_id))
    assert event is not None
    assert (event["type"], event["payload"]) == ("user.created", {"role": "user"})


@pytest.mark.parametrize(
    ("caller", "wanted", "code"),
    [
        (USER, USER, "scope_missing"),
        (SUPPORT, USER, "scope_missing"),
        (ADMIN, ADMIN, None),
        (ADMIN, SUPERADMIN, "role_escalation"),
        (SUPERADMIN, SUPERADMIN, None),
    ],
)
async def test_who_may_make_whom(
    auth: Auth, caller: auth_pb2.Role.ValueType, wanted: auth_pb2.Role.ValueType, code: str | None
) -> None:
    operator = await auth.new_user(caller)
    with use_identity(await auth.identity(operator.email)):
        if code is None:
            assert (await auth.accounts.CreateUser(request(role=wanted))).role == wanted
            return
        with pytest.raises(AppError) as caught:
            await auth.accounts.CreateUser(request(role=wanted))
    assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, code)


async def test_repeated_it_makes_one_user(auth: Auth) -> None:
    wanted = request()
    with use_identity(await auth.root_identity()):
        answers = await asyncio.gather(*(auth.accounts.CreateUser(wanted) for _ in range(6)))
        assert all(answer == answers[0] for answer in answers)
        for change in ({"email": unique_email()}, {"role": ADMIN}):
            with pytest.raises(AppError) as caught:
                await auth.accounts.CreateUser(request(**{"user_id": wanted.user_id, "email": wanted.email, **change}))
            assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "user_id_taken")


async def test_unicode_twins_of_an_address_collide(auth: Auth) -> None:
    local = uuid.uuid4().hex[:8]
    await auth.new_user(email=f"fi{local}k@example.org")
    with use_identity(await auth.root_identity()):
        for twin in (f"\ufb01{local}\u212a@example.org", f"FI{local}K@EXAMPLE.ORG", f"ｆｉ{local}k@example.org"):
            with pytest.raises(AppError) as caught:
                await auth.accounts.CreateUser(request(email=twin))
            assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "email_taken")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"email": "x"}, "bad_email"),
        ({"email": "a@b@c.org"}, "bad_email"),
        ({"email": "a\u202e@example.org"}, "bad_email"),
        ({"email": "a\uff20b@example.org"}, "bad_email"),
        ({"email": "a" * 300 + "@example.org"}, "bad_email"),
        ({"password": ""}, "password_too_short"),
        ({"password": "1234567"}, "password_too_short"),
        ({"password": "x" * 1_000_000}, "password_too_long"),
        ({"role": 99}, "bad_role"),
        ({"user_id": ""}, "bad_id"),
        ({"user_id": "\0"}, "bad_id"),
    ],
)
async def test_a_bad_request_has_its_own_code(auth: Auth, fields: dict[str, object], code: str) -> None:
    with use_identity(await auth.root_identity()), pytest.raises(AppError) as caught:
        await auth.accounts.CreateUser(request(**fields))
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, code)


async def test_the_list_is_walked_by_cursors(fresh_auth: Auth) -> None:
    await fresh_auth.bootstrap(ROOT)
    made = [await fresh_auth.new_user(email=f"walker-{n}@example.org") for n in range(5)]
    with use_identity(await fresh_auth.root_identity()):
        seen: list[str] = []
        cursor = ""
        while True:
            page = await fresh_auth.accounts.ListUsers(
                auth_pb2.ListUsersRequest(text="WALKER-", cursor=cursor, limit=2)
            )
            seen += [user.user_id for user in page.users]
            cursor = page.next_cursor
            if not cursor:
                break
        assert seen == [user.user_id for user in reversed(made)]
        everybody = await fresh_auth.accounts.ListUsers(auth_pb2.ListUsersRequest())
        assert (len(everybody.users), everybody.next_cursor) == (6, "")
        # What looks like SQL wildcards is text.
        assert not (await fresh_auth.accounts.ListUsers(auth_pb2.ListUsersRequest(text="w_lker%"))).users


async def test_users_are_found_by_their_ids(auth: Auth) -> None:
    one, two = await auth.new_user(), await auth.new_user()
    nobody = str(uuid.uuid4())
    with use_identity(await auth.root_identity()):
        found = await auth.accounts.ListUsers(auth_pb2.ListUsersRequest(user_ids=[one.user_id, two.user_id, nobody]))
        assert {user.email for user in found.users} == {one.email, two.email}
        for ids, code in ((["x"], "bad_id"), ([nobody] * 401, "too_many_ids")):
            with pytest.raises(AppError) as caught:
                await auth.accounts.ListUsers(auth_pb2.ListUsersRequest(user_ids=ids))
            assert caught.value.code == code
    with use_identity(await auth.identity(one.email)), pytest.raises(AppError) as caught:
        await auth.accounts.ListUsers(auth_pb2.ListUsersRequest(user_ids=[two.user_id]))
    assert caught.value.code == "scope_missing"


async def test_a_forged_cursor_or_limit_is_refused(auth: Auth) -> None:
    for _ in range(2):
        await auth.new_user()
    with use_identity(await auth.root_identity()):
        page = await auth.accounts.ListUsers(auth_pb2.ListUsersRequest(limit=1))
        forged = page.next_cursor[:-1] + ("A" if page.next_cursor[-1] != "A" else "Q")
        for fields, code in (
            ({"cursor": forged}, "bad_cursor"),
            ({"cursor": "x"}, "bad_cursor"),
            ({"cursor": page.next_cursor, "text": "other"}, "bad_cursor"),
            ({"limit": 201}, "bad_limit"),
            ({"limit": -1}, "bad_limit"),
            ({"text": "\0"}, "bad_text"),
        ):
            with pytest.raises(AppError) as caught:
                await auth.accounts.ListUsers(auth_pb2.ListUsersRequest(**fields))
            assert (caught.value.kind, caught.value.code) == (Kind.INVALID, code)


async def test_a_user_cannot_list_and_support_can(auth: Auth) -> None:
    with use_identity(await auth.identity((await auth.new_user()).email)), pytest.raises(AppError) as caught:
        await auth.accounts.ListUsers(auth_pb2.ListUsersRequest())
    assert caught.value.code == "scope_missing"
    with use_identity(await auth.identity((await auth.new_user(SUPPORT)).email)):
        assert (await auth.accounts.ListUsers(auth_pb2.ListUsersRequest())).users
