"""What failed for good: the list, one of it, and another try."""

from __future__ import annotations

from tseeder_cli.screen import ago, counted, say, show_json, show_table
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import Reason


async def list_all(url: str, *, code: str, limit: int, as_json: bool) -> None:
    """The newest of them."""
    async with connect(url) as client:
        page = await client.dead_letters(reason_code=code, limit=limit)
    if as_json:
        show_json(page["items"])
        return
    if not page["items"]:
        say("nothing has failed for good" + (f" for {code}" if code else ""))
        return
    rows = [
        (
            each["transfer_id"],
            ago(each["failed_at"]),
            str(each["failed_jobs"]),
            str(each["attempts_spent"]),
            _why(each["reason"]),
        )
        for each in page["items"]
    ]
    show_table(("TRANSFER", "FAILED", "JOBS", "ATTEMPTS", "REASON"), rows, right=("JOBS", "ATTEMPTS"))


async def show(url: str, transfer: str, *, as_json: bool) -> None:
    """One with its history and its jobs."""
    async with connect(url) as client:
        letter = await client.dead_letter(transfer)
    if as_json:
        show_json(letter)
        return
    say(f"{letter['transfer_id']} failed {ago(letter['failed_at'])}: {_why(letter['reason'])}")
    rows = [
        (
            str(each["epoch"]),
            each["agent_id"],
            ago(each["started_at"]),
            ago(each["ended_at"]),
            each["outcome"] or "runs",
            _why(each["reason"]),
        )
        for each in letter["attempts"]
    ]
    if rows:
        show_table(("LEASE", "AGENT", "BEGAN", "ENDED", "OUTCOME", "REASON"), rows, right=("LEASE",))
    say(f"{counted(letter['failed_jobs'], 'job')} failed with it:")
    show_table(("JOB", "USER"), [(each["job_id"], each["user_id"]) for each in letter["jobs"]])


async def replay(url: str, transfer: str, reason: str, ticket: str, *, as_json: bool) -> None:
    """Try it again."""
    async with connect(url) as client:
        done = await client.replay(transfer, reason, ticket)
    if as_json:
        show_json(done)
        return
    where = f", on transfer {done['transfer_id']}" if done["transfer_id"] else ""
    say(f"{counted(done['replayed_jobs'], 'job')} tried again{where}")
    if done["refused_jobs"]:
        say(f"{counted(done['refused_jobs'], 'job')} refused, over the limits of their users: they stay failed")
    if done["left_jobs"]:
        say(f"{counted(done['left_jobs'], 'job')} left: say it again to go on with them")


def _why(reason: Reason | None) -> str:
    return f"{reason['code']}: {reason['message']}" if reason else ""
