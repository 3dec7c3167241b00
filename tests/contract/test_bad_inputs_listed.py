"""Each bad input of the design's list of faults has its case, so that none is forgotten.

LISTED has the document's words, in its order. A case is a row of a table, or a test by file and name. What only routes
that do not exist yet could be sent is in LATER, and nowhere else: who builds them moves it up.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.bad_ranges import BAD_RANGES, NAMES
from tests.e2e.bad_requests import BAD_AUTH, BAD_REST
from tests.integration.jobs.test_bad_agents import BAD_AGENT_CALLS, PASSED_OVER
from tseeder_testkit.bad_inputs import BAD_MAGNETS, BAD_TORRENTS

TESTS: Final = Path(__file__).parent.parent

TABLES: Final[Mapping[str, Collection[str]]] = {
    "magnet": BAD_MAGNETS,
    ".torrent": BAD_TORRENTS,
    "REST": BAD_REST,
    "auth": BAD_AUTH,
    "range": {**BAD_RANGES, **NAMES},
    "agent": {**BAD_AGENT_CALLS, **PASSED_OVER},
}

NAME_IN_A_MAGNET: Final = "e2e/test_submit.py::test_a_magnets_own_name_is_cleaned"
OWN: Final = "="  # the row has the item's own name

LISTED: Final[Mapping[str, Mapping[str, str]]] = {
    "magnet": {
        "no xt": OWN,
        "39 hex digits": OWN,
        "bad base32": OWN,
        "all-zero hash": OWN,
        "two conflicting btih": OWN,
        "btmh with a bad multihash": "btmh of another function",
        "50,000 trackers": OWN,
        "1 MB URI": OWN,
        "tracker at 169.254.169.254": "tracker at the metadata service",
        "[::ffff:10.0.0.1]": "tracker at a mapped private address",
        "127.1": "tracker at 127.1",
        "decimal host": "tracker at a decimal host",
        "hex host": "tracker at a hex host",
        "x.pe pointing inside": OWN,
        "ws pointing inside": OWN,
        "dn with NUL": NAME_IN_A_MAGNET,
        "dn with CRLF": NAME_IN_A_MAGNET,
        "dn with ../": NAME_IN_A_MAGNET,
        "dn with right-to-left override": NAME_IN_A_MAGNET,
    },
    ".torrent": {
        "empty": OWN,
        "HTML": OWN,
        "truncated": OWN,
        "trailing bytes": OWN,
        "negative integer": OWN,
        "overlong integer": OWN,
        "depth 200": OWN,
        "16,000 equal file names": OWN,
        "path depth 5,000": OWN,
        "..": OWN,
        "absolute path": OWN,
        "backslash path": OWN,
        "symlink escape": OWN,
        "piece length 0": OWN,
        "piece length 2^31-1": OWN,
        "pieces/length mismatch": OWN,
        "size 2^62": OWN,
        "only pad files": OWN,
        "only zero-byte files": OWN,
        "hybrid whose v1 and v2 disagree": OWN,
        "names that collide by case": OWN,
        "names that collide by NFC": OWN,
        "a gzip body": "gzip body",
    },
    "REST": {
        "duplicate JSON keys": OWN,
        "NaN": OWN,
        "huge integers": OWN,
        "lone surrogate into Postgres": "lone surrogate",
        "NUL into Postgres": "NUL",
        "another tenant's id": "another tenant's id: look",
        "mass assignment of role": OWN,
        "mass assignment of quota": OWN,
        "an Idempotency-Key reused with another body": OWN,
        "50 parallel submits of one key": "e2e/test_submit.py::test_fifty_parallel_submits_of_one_key",
        "50 parallel submits at the edge of a quota": (
            "e2e/test_bad_requests.py::test_fifty_parallel_submits_at_the_edge_of_a_quota"
        ),
        "forged cursor": OWN,
        "spoofed X-Forwarded-For": "integration/gateway/test_proxies.py::test_nobody_chooses_his_own_address",
        "forged Host": "integration/gateway/test_proxies.py::test_a_host_that_is_not_ours",
        "CSRF by text/plain": OWN,
        "operator action with a blank reason": OWN,
    },
    "auth": {
        "1 MB password": OWN,
        "Unicode e-mail twin": OWN,
        "TOTP replay": "integration/auth/test_second_factor.py"
        "::test_a_step_opens_once_also_through_another_replica_and_at_once",
        "reset token twice": "integration/auth/test_passwords.py::test_a_reset_sets_the_password_once",
        "reset token expired": "integration/auth/test_passwords.py::test_an_expired_reset_opens_nothing",
        "session after logout": OWN,
        "session after suspension": OWN,
        "session after password change": "integration/auth/test_passwords.py::test_a_changed_password_ends_sessions",
        "JWT alg=none": OWN,
        "JWT wrong audience": OWN,
        "JWT alg=none between services": "integration/auth/test_identity.py::test_a_forged_identity_is_refused",
        "scope escalation": OWN,
        "enumeration by answer": "e2e/test_bad_requests.py::test_enumeration_by_answer",
        "enumeration by time": "integration/auth/test_sessions.py::test_unknown_accounts_cost_the_same_work",
    },
    "range": {
        "bytes=-0": OWN,
        "start past the end": OWN,
        "reversed": OWN,
        "1,000 overlapping": OWN,
        "unknown unit": OWN,
        "overflow": OWN,
        "stale If-Range": OWN,
        "HEAD with Range": OWN,
        "empty file": OWN,
        ".html payload": OWN,
        ".svg payload": OWN,
        "file names with CRLF": OWN,
        "file names with quotes": OWN,
        "file names with UTF-8": OWN,
    },
    "agent": {
        "old epoch": "old epoch: CompleteFiles",
        "another agent's transfer": "another agent's transfer: CompleteFiles",
        "completion replayed": "completion replayed: CompleteFiles",
        "wrong part etag": "integration/jobs/test_bad_agents.py::test_a_wrong_part_etag_is_never_an_object",
        "progress backwards": OWN,
        "progress above 100 %": "above 100 %: a part past the end",
        "progress above 100 %, as shown": "unit/gateway/domain/test_believable.py::test_what_cannot",
        "a cordoned agent that claims": "integration/jobs/test_bad_agents.py::test_a_cordoned_agent_claims_nothing",
    },
}

LATER: Final[Mapping[str, str]] = {
    "webhook: no signature": "POST /v1/billing/webhook",
    "webhook: wrong": "POST /v1/billing/webhook",
    "webhook: 6 minutes old": "POST /v1/billing/webhook",
    "webhook: altered raw bytes": "POST /v1/billing/webhook",
    "webhook: duplicate": "POST /v1/billing/webhook",
    "webhook: unknown type": "POST /v1/billing/webhook",
    "webhook: unknown customer": "POST /v1/billing/webhook",
}

CASES: Final = [(section, item, case) for section, items in LISTED.items() for item, case in items.items()]


@pytest.mark.parametrize(("section", "item", "case"), CASES, ids=[f"{section}: {item}" for section, item, _ in CASES])
def test_it_has_its_case(section: str, item: str, case: str) -> None:
    file, found, name = case.partition("::")
    if found:
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in defined
    else:
        assert (item if case == OWN else case) in TABLES[section]


def test_what_waits_for_a_route_waits_for_one_that_is_not_there() -> None:
    """As soon as it is, this fails, and the item needs its case."""
    described = (TESTS.parent / "docs/reference/openapi.json").read_text(encoding="utf-8")
    assert [item for item, route in LATER.items() if f'"{route.partition(" ")[2]}"' in described] == []
