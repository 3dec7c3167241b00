"""schemathesis over every operation of the description, against a real gateway before real services, with all checks.

FUZZ_CASES: requests in all (2,000). FUZZ_SEED: a number for other cases than the usual ones, `new` for fresh ones; the
seed of a failure is printed.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter
from typing import Any, Final

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from tests.fuzz.subjects import Subjects
from tests.integration.gateway.declared import document
from tests.integration.gateway.running import Door

CASES: Final = int(os.environ.get("FUZZ_CASES", "2000"))
SEED: Final = os.environ.get("FUZZ_SEED", "")
SECONDS: Final = 20.0

LISTS: Final = (
    "list_jobs",
    "list_files",
    "list_job_files",
    "list_file_links",
    "list_links",
    "list_users",
    "list_audit",
    "list_dead_letters",
    "list_security_events",
    "list_my_security_events",
)
ACCEPTED: Final = ["2xx", "3xx", "401", "403", "404", "409"]
# What the schema cannot say of these, the service says: with a code of its own.
REFUSED_BY_RULES: Final = {
    "submit_job": ["400", "413", "422"],
    "update_job": ["400"],
    "update_me": ["400"],
    "set_selection": ["400"],
    "create_api_key": ["400", "422", "429"],
    "create_link": ["400", "422", "429"],
    "create_user": ["400", "422"],
    "cordon_agent": ["400"],
    "uncordon_agent": ["400"],
    "drain_agent": ["400"],
    "undrain_agent": ["400"],
    "terminate_job": ["400"],
    "set_role": ["400"],
    "suspend_user": ["400"],
    "reinstate_user": ["400"],
    "force_logout": ["400"],
    "replay_dead_letter": ["400"],
    "clean_storage": ["400"],
    "check_cache": ["400"],
    "bootstrap": ["400"],
    "log_out": ["400"],
    "register": ["400", "429"],
    "verify_email": ["400"],
    "resend_verification": ["400", "429"],
    "request_password_reset": ["400", "429"],
    "confirm_password_reset": ["400"],
    "change_password": ["400", "429"],
    "start_oidc": ["400"],
    "get_content": ["412", "416"],
    "head_content": ["412", "416"],
    "get_granted_content": ["412", "416"],
    "head_granted_content": ["412", "416"],
    "get_link": ["412", "416"],
    "head_link": ["412", "416"],
    "get_archive": ["400", "412", "416"],
    "head_archive": ["400", "412", "416"],
    **{name: ["400"] for name in LISTS},
    **{f"head_{name}": ["400"] for name in LISTS},
}


IN_A_SESSION: Final = ("create_api_key",)
"""Called by a cookie. What is checked of requests without a credential would leave it where it is."""


def _checks(name: str, also: list[str]) -> dict[str, Any]:
    checks: dict[str, Any] = {"positive_data_acceptance": {"expected-statuses": ACCEPTED + also}}
    return {**checks, "ignored_auth": {"enabled": False}} if name in IN_A_SESSION else checks


def _config() -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
            "generation": {"with-security-parameters": False},
            "operations": [
                {"include-operation-id": name, "checks": _checks(name, also)} for name, also in REFUSED_BY_RULES.items()
            ],
        }
    )


SCHEMA: Final = schemathesis.openapi.from_dict(document(), config=_config())
OPERATIONS: Final[dict[str, Any]] = {
    result.ok().definition.raw["operationId"]: result.ok()
    for result in SCHEMA.get_all_operations()
    if isinstance(result, Ok)
}
PLAIN: Final = frozenset(
    name
    for name, found in OPERATIONS.items()
    if found.method == "head" or not (found.path_parameters or found.query or found.body)
)
"""Operations of which one request is much like the next, or like one of another: they get few."""
PLAIN_CASES: Final = max(5, CASES // 250)
SHARE: Final = -(-(CASES - PLAIN_CASES * len(PLAIN)) // (len(OPERATIONS) - len(PLAIN)))


_MAKING: Final = ("submit_job", "create_api_key", "create_link")
_ENDING: Final = (
    "revoke_link",
    "terminate_job",
    "delete_file",
    "delete_job",
    "revoke_api_key",
    "end_session",
    "unlink_identity",
)


def _order(name: str) -> tuple[int, str]:
    """What makes things comes first, what takes them away last."""
    return (-1 if name in _MAKING else _ENDING.index(name) + 1 if name in _ENDING else 0), name


NAMES: Final = sorted(OPERATIONS, key=_order)


class Run:
    """The cases of one operation."""

    def __init__(self, door: Door, subjects: Subjects, name: str) -> None:
        self._subjects = subjects
        self._name = name
        self._url = door.url
        self._headers = dict((subjects.session if name in IN_A_SESSION else subjects.root).headers)
        self.session = requests.Session()
        self.answers: Counter[int] = Counter()

    def all(self) -> None:
        """As many as the operation's share."""
        operation = OPERATIONS[self._name]
        is_plain = self._name in PLAIN
        modes = [GenerationMode.POSITIVE] if is_plain else list(GenerationMode)
        cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])
        settings = hypothesis.settings(
            max_examples=PLAIN_CASES if is_plain else SHARE,
            derandomize=not SEED,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=True,
        )

        @settings
        @hypothesis.given(case=cases, number=st.integers(0, 15))
        def each(case: Any, number: int) -> None:
            self.one(case, number)

        if SEED:
            seed = secrets.randbits(64) if SEED == "new" else int(SEED)
            each = hypothesis.seed(seed)(each)
            print(f"FUZZ_SEED={seed}")
        with self.session:
            each()

    def one(self, case: Any, number: int) -> None:
        """One request, about something that exists in three of four cases."""
        for name in case.path_parameters or {}:
            chosen = self._subjects.choose(self._name, name, number // 4) if number % 4 else None
            if chosen is not None:
                case.path_parameters[name] = chosen
        response = case.call_and_validate(
            base_url=self._url, session=self.session, headers=self._headers, timeout=SECONDS, allow_redirects=False
        )
        self.answers[response.status_code] += 1
        if response.status_code in (201, 202) and case.method == "POST":
            self._remember(response.json())
        if response.status_code == 204 and case.method == "DELETE":
            self._subjects.forget(case.path_parameters)

    def _remember(self, made: dict[str, Any]) -> None:
        """What was made is there for later requests."""
        if self._name == "submit_job":
            self._subjects.spent["job_id"].append(made["job_id"])
        elif self._name == "create_api_key":
            self._subjects.spent["key_id"].append(made["key"]["key_id"])
        elif self._name == "create_link":
            self._subjects.spent["link_id"].append(made["link"]["link_id"])


# The services run in this process, beside hypothesis, and spread their loops by `random`.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("name", NAMES)
async def test_an_operation_is_what_it_says(door: Door, subjects: Subjects, name: str) -> None:
    run = Run(door, subjects, name)
    await asyncio.to_thread(run.all)
    print(f"{name}: {run.answers.total()} requests, {dict(sorted(run.answers.items()))}")
    assert run.answers.total() >= (PLAIN_CASES if name in PLAIN else SHARE)
