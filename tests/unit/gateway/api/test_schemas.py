"""Bodies: what they take, and that they say all that the services' messages hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from google.protobuf.message import Message
from pydantic import BaseModel, ValidationError

from tseeder.admin.v1 import admin_pb2
from tseeder.agent.v1 import progress_pb2
from tseeder.auth.v1 import auth_pb2
from tseeder.billing.v1 import billing_pb2
from tseeder.jobs.v1 import jobs_pb2, model_pb2, operators_pb2
from tseeder_gateway.api.schemas.accounts import ROLES, ApiKeyView, LogInBody, NewApiKeyBody, RoleName, UserView
from tseeder_gateway.api.schemas.attempts import AttemptView, OperatorAttemptView
from tseeder_gateway.api.schemas.dead_letters import DeadJobView, ReplayView, WholeDeadLetterView
from tseeder_gateway.api.schemas.diagnosis import (
    VERDICTS,
    DiagnosisView,
    QueueView,
    QuotaView,
    SwarmView,
    TrackerView,
)
from tseeder_gateway.api.schemas.files import FileView
from tseeder_gateway.api.schemas.jobs import (
    JOB_STATES,
    JobStateName,
    JobView,
    ProgressView,
    ReasonView,
    SnapshotView,
    SubmitBody,
)
from tseeder_gateway.api.schemas.operators import AgentView, AuditView, NewUserBody
from tseeder_gateway.api.schemas.plans import EntitlementsView, PlanView, UsageView
from tseeder_gateway.api.schemas.security import SecurityEventView, SessionView, TotpView
from tseeder_jobs.domain.diagnosis import Verdict

PAIRS: list[tuple[type[BaseModel], type[Message]]] = [
    (JobView, model_pb2.Job),
    (DiagnosisView, jobs_pb2.Diagnosis),
    (QueueView, jobs_pb2.QueueEvidence),
    (QuotaView, jobs_pb2.QuotaEvidence),
    (SwarmView, model_pb2.SwarmEvidence),
    (TrackerView, model_pb2.TrackerEvidence),
    (FileView, model_pb2.File),
    (ReasonView, model_pb2.Reason),
    (ProgressView, progress_pb2.Progress),
    (UsageView, jobs_pb2.Usage),
    (UserView, auth_pb2.User),
    (ApiKeyView, auth_pb2.ApiKey),
    (SessionView, auth_pb2.Session),
    (SecurityEventView, auth_pb2.SecurityEvent),
    (TotpView, auth_pb2.StartTotpResponse),
    (PlanView, billing_pb2.Plan),
    (EntitlementsView, billing_pb2.Entitlements),
    (AgentView, operators_pb2.AgentInfo),
    (AuditView, admin_pb2.AuditEntry),
    (OperatorAttemptView, model_pb2.Attempt),
    (WholeDeadLetterView, operators_pb2.DeadLetter),
    (DeadJobView, operators_pb2.DeadJob),
    (ReplayView, operators_pb2.ReplayDeadLetterResponse),
]


@pytest.mark.parametrize(("view", "message"), PAIRS)
def test_a_view_has_its_message_s_fields_and_no_others(view: type[BaseModel], message: type[Message]) -> None:
    assert sorted(view.model_fields) == sorted(field.name for field in message.DESCRIPTOR.fields)


@pytest.mark.parametrize(("view", "message"), PAIRS)
def test_an_empty_message_makes_a_view(view: Any, message: type[Message]) -> None:
    view.of(message()).model_dump_json()


def test_names_that_clients_may_send_are_those_of_the_wire() -> None:
    assert list(get_args(JobStateName)) == list(JOB_STATES.values())
    assert list(get_args(RoleName)) == list(ROLES.values())


def test_verdicts_are_those_of_jobs() -> None:
    assert tuple(Verdict) == VERDICTS
    assert DiagnosisView.of(jobs_pb2.Diagnosis(verdict="of_tomorrow")).verdict == "unknown"


def test_an_attempt_is_shown_without_its_agent() -> None:
    fields = [field.name for field in model_pb2.Attempt.DESCRIPTOR.fields]
    assert list(AttemptView.model_fields) == [name for name in fields if name != "agent_id"]
    assert "agent-7" not in AttemptView.of(model_pb2.Attempt(epoch=1, agent_id="agent-7")).model_dump_json()


def test_a_job_in_json() -> None:
    job = model_pb2.Job(job_id="j", name="n", state=model_pb2.JOB_STATE_DOWNLOADING, version=2**53, private=True)
    job.created_at.FromDatetime(datetime(2026, 11, 20, 12, 0, 0, 5000, tzinfo=UTC))
    shown = SnapshotView.taken(job, None).model_dump(mode="json")
    assert shown["state"] == "downloading"
    assert shown["version"] == 2**53
    assert shown["created_at"] == "2026-11-20T12:00:00.005000Z"
    assert (shown["finished_at"], shown["reason"], shown["progress"]) == (None, None, None)


def test_what_a_newer_service_says_does_not_break_an_older_gateway() -> None:
    assert JobView.of(model_pb2.Job(state=77)).state == "unknown"  # type: ignore[arg-type]
    assert ProgressView.of(progress_pb2.Progress(state=77)).state == "unknown"  # type: ignore[arg-type]
    assert ProgressView.of(progress_pb2.Progress()).eta_seconds is None
    assert ProgressView.of(progress_pb2.Progress(eta_seconds=0)).eta_seconds == 0


@pytest.mark.parametrize(
    "body",
    [
        {"magnet": 1},
        {"magnet": "m", "priority": 9},
        {"magnet": "m", "selection": {"file_indexes": [1.0]}},
        {"magnet": "m", "selection": {"file_indexes": [True]}},
        {"magnet": "m", "selection": {"file_indexes": [-1]}},
        {"magnet": "m", "selection": {"file_indexes": [2**31]}},
        {"magnet": "m", "selection": {"file_indexes": ["1"]}},
        {"magnet": "m", "selection": {}},
        {"magnet": "m", "user_id": "x"},
        [],
        "x",
        None,
    ],
)
def test_a_submit_takes_nothing_else(body: object) -> None:
    with pytest.raises(ValidationError):
        SubmitBody.model_validate(body)


def test_an_account_takes_no_quota_and_no_unknown_role() -> None:
    for extra in ({"quota": 1}, {"role": "root"}, {"role": 3}, {"suspended": False}):
        with pytest.raises(ValidationError):
            NewUserBody.model_validate({"email": "a@b.c", "password": "x", **extra})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31t12:00:00.5+02:00", datetime(2027, 1, 31, 10, 0, 0, 500000, tzinfo=UTC)),
    ],
)
def test_a_time_is_rfc_3339(text: str, expected: datetime) -> None:
    assert NewApiKeyBody.model_validate({"name": "k", "expires_at": text}).expires_at == expected


@pytest.mark.parametrize(
    "value",
    [
        "2027-01-31",
        "2027-01-31T12:00:00",
        "2027-02-30T12:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "20270131T120000Z",
        0,
        "",
    ],
)
def test_anything_else_is_no_time(value: object) -> None:
    with pytest.raises(ValidationError):
        NewApiKeyBody.model_validate({"name": "k", "expires_at": value})


@pytest.mark.parametrize(
    ("model", "value", "errors"),
    [
        (SubmitBody, {"selection": {"file_indexes": ["", -1, 2**31, True]}}, 4),
        (SubmitBody, {"selection": {"file_indexes": [-1] * 1000}}, 1),
        (SubmitBody, {"selection": {str(number): 1 for number in range(1000)}}, 1),
        (LogInBody, {str(number): 1 for number in range(1000)}, 1),
    ],
)
def test_a_body_that_is_all_wrong_is_told_so_once(model: type[BaseModel], value: dict[str, Any], errors: int) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    assert caught.value.error_count() == errors
