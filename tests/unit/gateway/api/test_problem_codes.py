"""The codes that the description may name are those of the source."""

from __future__ import annotations

from scripts.generators.error_codes import all_codes
from tseeder_gateway.api.problem_codes import STATUS


def test_every_code_is_raised_somewhere_with_this_status() -> None:
    raised = {(code.code, code.status) for code in all_codes().values()}
    assert set(STATUS.items()) - raised == set()
