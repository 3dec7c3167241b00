"""Operators' acts: the row first, then the effect, then the outcome; and nobody rewrites it."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.integration.admin.running import Admin, running_admin, unique_email, why
from tests.integration.auth.running import PASSWORD, ROOT, eventually
from tseeder.admin.v1 import admin_pb2
from tseeder.auth.v1 import auth_pb2
from tseeder.jobs.v1 import operators_pb2
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import use_identity


def new_user(**fields: object) -> admin_pb2.CreateUserRequest:
    return admin_pb2.CreateUserRequest(**{"email": unique_email(), "password": PASSWORD, **fields})  # type: ignore[arg-type]


async def test_an_act_is_carried_out_and_logged(admin: Admin, root: str) -> None:
    request = new_user(email="New.User@example.org", role=auth_pb2.ROLE_SUPPORT, justification=why())
    with use_identity(root):
        user = await admin.operations.CreateUser(request)
    assert (user.email, user.role) == ("New.User@example.org", auth_pb2.ROLE_SUPPORT)
    assert (await admin.auth.log_in(user.email)).user == user

    (entry,) = await admin.audit(root)
    me = await admin.auth.log_in(ROOT)
    assert (entry.actor_user_id, entry.actor_role) == (me.user.user_id, "superadmin")
    assert (entry.action, entry.target, entry.outcome) == ("user.create", user.user_id, "done")
    assert (entry.reason, entry.ticket_id) == ("the disk is failing", "OPS-1")
    assert dict(entry.details) == {"role": "support"}
    assert (entry.actor_email, entry.target_email) == (ROOT, "New.User@example.org")
    assert entry.request_id
    assert entry.HasField("at")
    rows = str([dict(row) for row in await admin.pool.fetch("SELECT * FROM audit_entries")])
    assert PASSWORD not in rows
    assert "example.org" not in rows.lower()


async def test_what_auth_refuses_is_logged_as_refused(admin: Admin, root: str) -> None:
    for request, code in (
        (new_user(email=ROOT), "email_taken"),
        (new_user(password="short"), "password_too_short"),
        (new_user(role=99), "bad_role"),
    ):
        with use_identity(root), pytest.raises(AppError) as caught:
            await admin.operations.CreateUser(request)
        assert caught.value.code == code
        newest, *_ = await admin.audit(root)
        assert (newest.outcome, newest.details["outcome_code"]) == ("refused", code)
        assert (newest.actor_email, newest.target_email) == (ROOT, "")  # nobody was made


async def test_a_lost_answer_is_unknown_and_a_retry_settles_it(admin: Admin, root: str) -> None:
    request = new_user(idempotency_key="lost-answer")
    with use_identity(root):
        await admin.operations.ListUsers(auth_pb2.ListUsersRequest(limit=1))  # the connection stands
        admin.auth_proxy.losing = True
        with pytest.raises(AppError) as caught:
            await admin.operations.CreateUser(request)
        assert caught.value.kind in (Kind.DEADLINE, Kind.UNAVAILABLE)
        (entry,) = await admin.audit(root)
        assert entry.outcome == "unknown"
        # It did take place.
        made = (await admin.auth.log_in(request.email)).user
        assert made.user_id == entry.target

        admin.auth_proxy.losing = False
        again = await retried(admin, request)
    assert again == made
    (entry,) = await admin.audit(root)
    assert entry.outcome == "done"


async def retried(admin: Admin, request: admin_pb2.CreateUserRequest) -> auth_pb2.User:
    """The answer, once the connection that lost its answers is given up."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await admin.operations.CreateUser(request)
            except AppError as exc:
                if exc.kind not in (Kind.DEADLINE, Kind.UNAVAILABLE):
                    raise


async def test_one_idempotency_key_is_one_act(admin: Admin, root: str) -> None:
    request = new_user(idempotency_key="once")
    with use_identity(root):
        answers = await asyncio.gather(
            *(admin.operations.CreateUser(request) for _ in range(8)), return_exceptions=True
        )
        users = [answer for answer in answers if isinstance(answer, auth_pb2.User)]
        codes = {answer.code for answer in answers if isinstance(answer, AppError)}
        assert users
        assert all(user == users[0] for user in users)
        assert codes <= {"idempotency_in_flight"}
        assert await admin.operations.CreateUser(request) == users[0]
        assert await admin.row_count() == 1
        with pytest.raises(AppError) as caught:
            await admin.operations.CreateUser(new_user(idempotency_key="once"))
        assert (caught.value.kind, caught.value.code) == (Kind.UNPROCESSABLE, "idempotency_key_reused")
        # What was refused holds no key: nothing happened.
        with pytest.raises(AppError):
            await admin.operations.CreateUser(new_user(email=ROOT, idempotency_key="refused"))
        await admin.operations.CreateUser(new_user(idempotency_key="refused"))


async def test_an_act_goes_on_when_its_caller_hangs_up(admin: Admin, root: str) -> None:
    request = new_user()
    with use_identity(root):
        call = asyncio.ensure_future(admin.operations.CreateUser(request))
        await eventually(lambda: begun(admin))
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def settled() -> bool:
        return bool(await admin.pool.fetchval("SELECT outcome = 'done' FROM audit_entries"))

    await eventually(settled)
    assert (await admin.auth.log_in(request.email)).user


async def begun(admin: Admin) -> bool:
    return await admin.row_count() == 1


async def test_what_a_crash_left_open_becomes_unknown(admin: Admin, root: str) -> None:
    insert = (
        "INSERT INTO audit_entries (audit_id, actor_user_id, actor_role, action, target, reason, ticket_id, details,"
        " request_id, at) SELECT gen_random_uuid(), gen_random_uuid(), 'admin', 'job.terminate', $1, '', '', '{}', '',"
        " clock_timestamp() - $2::text::interval"
    )
    await admin.pool.execute(insert, "old", "3s")
    await admin.pool.execute(insert, "young", "-1h")

    async def settled() -> bool:
        return await admin.outcome("old") == "unknown"

    await eventually(settled)
    assert await admin.outcome("young") == "started"


async def test_nobody_rewrites_the_log(admin: Admin, root: str) -> None:
    with use_identity(root):
        await admin.operations.CreateUser(new_user(justification=why()))
    for statement in (
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "UPDATE audit_entries SET reason = 'something else'",
        "UPDATE audit_entries SET outcome = 'refused'",
        "UPDATE audit_entries SET outcome = 'started', settled_at = NULL",
        "UPDATE audit_entries SET outcome_code = 'x'",
        "UPDATE audit_entries SET details = '{}', outcome = 'unknown'",
    ):
        with pytest.raises(Exception, match="append-only"):
            await admin.pool.execute(statement)
    (entry,) = await admin.audit(root)
    assert (entry.outcome, entry.reason) == ("done", "the disk is failing")


async def test_nothing_happens_without_the_row(admin: Admin, root: str) -> None:
    await admin.pool.execute("ALTER TABLE audit_entries RENAME TO hidden")
    request = new_user()
    try:
        with use_identity(root), pytest.raises(AppError):
            await admin.operations.CreateUser(request)
    finally:
        await admin.pool.execute("ALTER TABLE hidden RENAME TO audit_entries")
    with pytest.raises(AppError) as caught:
        await admin.auth.log_in(request.email)
    assert caught.value.code == "invalid_credentials"


async def test_the_log_is_walked_by_cursors(admin: Admin, root: str) -> None:
    with use_identity(root):
        made = [(await admin.operations.CreateUser(new_user())).user_id for _ in range(5)]
        seen: list[str] = []
        cursor = ""
        while True:
            page = await admin.operations.ListAudit(
                admin_pb2.ListAuditRequest(action="user.create", cursor=cursor, limit=2)
            )
            seen += [entry.target for entry in page.entries]
            cursor = page.next_cursor
            if not cursor:
                break
        assert seen == made[::-1]
        assert await admin.audit(root, action="job.terminate") == []
        page = await admin.operations.ListAudit(admin_pb2.ListAuditRequest(limit=1))
        for fields, code in (
            ({"cursor": ("A" if page.next_cursor[0] != "A" else "B") + page.next_cursor[1:]}, "bad_cursor"),
            ({"cursor": page.next_cursor, "action": "user.create"}, "bad_cursor"),
            ({"limit": 201}, "bad_limit"),
            ({"action": "\0"}, "bad_action"),
        ):
            with pytest.raises(AppError) as caught:
                await admin.audit(root, **fields)
            assert (caught.value.kind, caught.value.code) == (Kind.INVALID, code)


BLANK = [
    (why(reason=""), "reason_required"),
    (why(reason="123456789"), "reason_required"),
    (why(reason="          \n\t    "), "reason_required"),
    (why(reason="a           b"), "reason_required"),
    (why(reason="\u200b\u200c\u2060" * 10), "reason_required"),
    (why(ticket_id=""), "ticket_required"),
    (why(ticket_id=" \u200b "), "ticket_required"),
    (why(reason="nul \0 in the reason"), "bad_text"),
    (why(reason="x" * 2001), "bad_text"),
    (why(ticket_id="x" * 101), "bad_text"),
    (None, "reason_required"),
]


async def test_what_destroys_needs_a_reason_and_a_ticket(admin: Admin, root: str) -> None:
    for justification, code in BLANK:
        cordon = admin_pb2.SetCordonRequest(agent_id="agent-1", cordoned=True, justification=justification)
        terminate = admin_pb2.TerminateJobRequest(job_id=str(uuid.uuid4()), justification=justification)
        for call, request in ((admin.operations.SetCordon, cordon), (admin.operations.TerminateJob, terminate)):
            with use_identity(root), pytest.raises(AppError) as caught:
                await call(request)  # type: ignore[arg-type]
            assert (caught.value.kind, caught.value.code) == (Kind.INVALID, code), justification
            assert caught.value.fields
    assert await admin.row_count() == 0


@pytest.mark.parametrize("role", [auth_pb2.ROLE_USER, auth_pb2.ROLE_SUPPORT])
async def test_who_does_not_operate_changes_nothing(admin: Admin, role: auth_pb2.Role.ValueType) -> None:
    user = await admin.auth.new_user(role)
    identity = await admin.auth.identity(user.email)
    with use_identity(identity):
        for attempt in (
            admin.operations.CreateUser(new_user()),
            admin.operations.SetCordon(admin_pb2.SetCordonRequest(agent_id="agent-1", justification=why())),
            admin.operations.TerminateJob(admin_pb2.TerminateJobRequest(job_id=str(uuid.uuid4()), justification=why())),
        ):
            with pytest.raises(AppError) as caught:
                await attempt
            assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, "scope_missing")
        assert await admin.row_count() == 0
        if role == auth_pb2.ROLE_SUPPORT:
            assert await admin.audit(identity) == []
            assert (await admin.operations.ListUsers(auth_pb2.ListUsersRequest())).users
            return
        for reading in (
            admin.operations.ListAudit(admin_pb2.ListAuditRequest()),
            admin.operations.ListUsers(auth_pb2.ListUsersRequest()),
            admin.operations.ListAgents(operators_pb2.ListAgentsRequest()),
        ):
            with pytest.raises(AppError) as caught:
                await reading
            assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, "scope_missing")


async def test_a_key_with_admin_scopes_of_a_demoted_operator_may_nothing(admin: Admin) -> None:
    user = await admin.auth.new_user(auth_pb2.ROLE_ADMIN)
    key = await admin.auth.key_of(await admin.auth.identity(user.email))
    await admin.auth.pool.execute("UPDATE users SET role = 'user' WHERE user_id = $1", uuid.UUID(user.user_id))
    with use_identity((await admin.auth.exchange(key=key.secret)).identity_token):
        with pytest.raises(AppError) as caught:
            await admin.operations.CreateUser(new_user())
    assert caught.value.code == "scope_missing"


async def test_an_admin_cannot_make_a_superadmin_through_it(admin: Admin) -> None:
    operator = await admin.auth.new_user(auth_pb2.ROLE_ADMIN)
    identity = await admin.auth.identity(operator.email)
    with use_identity(identity), pytest.raises(AppError) as caught:
        await admin.operations.CreateUser(new_user(role=auth_pb2.ROLE_SUPERADMIN))
    assert caught.value.code == "role_escalation"
    (entry,) = await admin.audit(identity)
    assert entry.outcome == "refused"


async def test_what_is_no_id_is_refused_before_anything(admin: Admin, root: str) -> None:
    for job_id in ("", "x", "\0"):
        with use_identity(root), pytest.raises(AppError) as caught:
            await admin.operations.TerminateJob(admin_pb2.TerminateJobRequest(job_id=job_id, justification=why()))
        assert caught.value.code == "bad_id"
        with use_identity(root), pytest.raises(AppError) as caught:
            await admin.operations.SetCordon(admin_pb2.SetCordonRequest(agent_id=job_id + " ", justification=why()))
        assert (caught.value.kind, caught.value.code) == (Kind.NOT_FOUND, "agent_not_found")
    assert await admin.row_count() == 0


async def test_while_jobs_is_away_an_act_is_unknown(admin: Admin, root: str) -> None:
    with use_identity(root):
        with pytest.raises(AppError) as caught:
            await admin.operations.SetCordon(
                admin_pb2.SetCordonRequest(agent_id="agent-1", cordoned=True, justification=why())
            )
        assert (caught.value.kind, caught.value.code) == (Kind.UNAVAILABLE, "service_unavailable")
        with pytest.raises(AppError):
            await admin.operations.ListAgents(operators_pb2.ListAgentsRequest())
    (entry,) = await admin.audit(root)
    assert (entry.action, entry.target, entry.outcome) == ("agent.cordon", "agent-1", "unknown")


async def test_two_replicas_may_run(admin: Admin, root: str) -> None:
    dsn = admin.settings.database_url.get_secret_value()
    async with running_admin(dsn, admin.auth) as other:
        with use_identity(root):
            await admin.operations.CreateUser(new_user())
        assert len(await other.audit(root)) == 1
