"""Why a job is where it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from tseeder_cli.names import printable
from tseeder_cli.picking import pick_job
from tseeder_cli.screen import ago, counted, duration, of, out, show_json, show_table, size
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import Diagnosis, QueueEvidence, SwarmEvidence

_WELL = frozenset({"completed", "moving"})
_CHOSEN = frozenset({"paused", "cancelled", "expired"})
_TRACKER_STYLES = {"working": "green", "refuses": "red", "unreachable": "red", "waiting": "dim"}
Row = tuple[str, str]


async def why(url: str, text: str, *, as_json: bool) -> None:
    """Show a job's diagnosis."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        found = await client.diagnosis(job["job_id"])
    if as_json:
        show_json(found)
    else:
        show(found)


def show(found: Diagnosis) -> None:
    """The verdict, and what led to it."""
    _show_verdict(found)
    evidence = list(_evidence(found))
    if evidence:
        _show_part("evidence", ("", ""), evidence, header=False)
    if found["swarm"] and found["swarm"]["trackers"]:
        _show_trackers(found["swarm"])
    if found["attempts"]:
        _show_attempts(found)


def _show_verdict(found: Diagnosis) -> None:
    verdict = found["verdict"]
    style = "green" if verdict in _WELL else "yellow" if verdict in _CHOSEN else "red"
    line = Text(verdict, style=f"bold {style}")
    line.append(f"  {printable(found['state'])}, since {ago(found['since'])}", style="not bold dim")
    out().print(line)
    out().print(Text(printable(found["message"])))
    if found["retry_at"]:
        out().print(Text(f"It is tried again by itself at {found['retry_at']}."))
    if found["advice"]:
        out().print(Text(printable(found["advice"]), style="cyan"))


def _show_part(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Text]], *, header: bool = True
) -> None:
    out().print()
    out().print(Text(title, style="bold"))
    show_table(columns, rows, header=header)


def _evidence(found: Diagnosis) -> Iterator[Row]:
    if found["queue"]:
        yield from _queue(found["queue"])
    if found["quota"]:
        yield "storage", f"{of(found['quota']['held_bytes'], found['quota']['limit_bytes'])} held"
    if found["swarm"]:
        yield "seen", ago(found["swarm_seen_at"])
        yield from _swarm(found["swarm"])


def _queue(queue: QueueEvidence) -> Iterator[Row]:
    yield "own transfers ahead", str(queue["own_ahead"])
    yield "own transfers running", f"{queue['own_running']} of {queue['running_limit']}"
    yield "agents", f"{queue['agents_alive']} there, {queue['agents_taking']} with a free place"
    needed, largest = queue["disk_needed_bytes"], queue["largest_agent_disk_bytes"]
    yield "disk", f"{size(needed)} needed, the largest agent has {size(largest)}"


def _swarm(swarm: SwarmEvidence) -> Iterator[Row]:
    peers = f"{swarm['peers']} connected, {swarm['seeds']} with all of it, {swarm['candidates']} more known"
    yield "peers", f"{peers}, {swarm['banned_peers']} banned" if swarm["banned_peers"] else peers
    wasted = f", of which {size(swarm['wasted_bytes'])} useless" if swarm["wasted_bytes"] else ""
    yield "received", f"{size(swarm['received_bytes'])}{wasted}"
    yield "quiet for", duration(swarm["quiet_seconds"])
    if swarm["missing_pieces"]:
        yield "nobody has", counted(swarm["missing_pieces"], "piece")
    if swarm["failed_pieces"]:
        yield "came wrong", counted(swarm["failed_pieces"], "piece")
    yield "rate", f"{size(swarm['download_rate'])}/s in, {size(swarm['upload_rate'])}/s to the object store"
    yield "DHT", counted(swarm["dht_nodes"], "node")


def _show_trackers(swarm: SwarmEvidence) -> None:
    rows = [
        (
            each["url"],
            Text(printable(each["state"]), style=_TRACKER_STYLES.get(each["state"], "")),
            str(each["fails"] or ""),
            each["message"],
        )
        for each in swarm["trackers"]
    ]
    _show_part("your trackers", ("URL", "STATE", "FAILS", "SAYS"), rows)


def _show_attempts(found: Diagnosis) -> None:
    rows = [
        (
            str(each["epoch"]),
            ago(each["started_at"]),
            ago(each["ended_at"]) if each["ended_at"] else "",
            each["outcome"] or "running",
            each["reason"]["message"] or each["reason"]["code"] if each["reason"] else "",
        )
        for each in found["attempts"]
    ]
    title = f"attempts ({found['attempts_spent']} of {found['attempts_allowed']} spent)"
    _show_part(title, ("#", "BEGAN", "ENDED", "HOW", "WHY"), rows)
