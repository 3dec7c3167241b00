"""docs/reference/verdicts.md: what a job's diagnosis can say, from the table of verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from scripts.generators import REFERENCE, Files
from tseeder_jobs.domain.diagnosis import BY_REASON, VERDICTS, Verdict

PAGE: Final = f"{REFERENCE}/verdicts.md"

_HEAD: Final = """# Verdicts

Generated from `services/jobs/src/tseeder_jobs/domain/diagnosis.py` by `make generate`. Do not edit it.

`GET /v1/jobs/{job_id}/diagnosis`, and `tseeder why JOB`, answer one of these, with its evidence and since when. Decide
by the code; more may come. A reason is what stands on the job, or on one of its attempts; those that are named lead to
the verdict in their row. The message of a job that failed is what was noted then.

| verdict | says | advice | reasons |
|---|---|---|---|
"""


def generate() -> Files:
    """The page."""
    rows = (
        f"| `{verdict}` | {words.message} | {words.advice} | {_codes(_reasons(verdict))} |"
        for verdict, words in VERDICTS.items()
    )
    return {PAGE: (_HEAD + "\n".join(rows) + "\n").encode()}


def _reasons(verdict: Verdict) -> list[str]:
    return [code for code, leads_to in BY_REASON.items() if leads_to is verdict]


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)
