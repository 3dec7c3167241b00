"""One libtorrent seeder as a process: `python -m tseeder_testkit.seed --torrent X --data DIR --tracker URL`.

Prints {"host", "port", "pid"} as one JSON line when it listens and has its pieces, then seeds until it is stopped,
or its parent dies. With --partial it checks the files first and offers what is right in them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import libtorrent as lt

from tseeder_testkit.children import die_with_parent

READY_SECONDS = 60.0


def settings(host: str, port: int) -> lt.settings_pack:
    """Session settings of a peer on loopback, for tests (shared/design: no DHT, no uTP, no mapping of ports)."""
    return {
        "listen_interfaces": f"{host}:{port}",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_outgoing_utp": False,
        "enable_incoming_utp": False,
        "allow_multiple_connections_per_ip": True,
        "ignore_limits_on_local_network": False,
        "alert_queue_size": 200_000,
        "alert_mask": lt.alert_category.error | lt.alert_category.status,
        "stop_tracker_timeout": 0,
        "min_reconnect_time": 1,
        "min_announce_interval": 1,
        "ssrf_mitigation": False,
        "user_agent": "tseeder-testkit",
    }


def main() -> int:
    args = _arguments()
    die_with_parent()
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    session = lt.session(settings(args.host, args.port))
    handle = session.add_torrent(_params(args))
    if args.rate:
        handle.set_upload_limit(args.rate)
    if not _wait_ready(session, handle, partial=args.partial):
        print(f"no pieces to offer: {handle.status().errc.message()}", file=sys.stderr)
        return 1
    sys.stdout.write(json.dumps({"host": args.host, "port": session.listen_port(), "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    while not stopping:
        session.wait_for_alert(500)
        session.pop_alerts()
    os._exit(0)  # skips libtorrent's farewell to trackers, which may be gone already


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tseeder_testkit.seed")
    parser.add_argument("--torrent", required=True)
    parser.add_argument("--data", required=True, help="the folder that holds the torrent's files")
    parser.add_argument(
        "--tracker", action="append", default=[], help="announce here instead of where the torrent says"
    )
    parser.add_argument("--rate", type=int, default=0, help="upload limit in bytes a second; 0 is none")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--partial", action="store_true")
    return parser.parse_args()


def _params(args: argparse.Namespace) -> lt.add_torrent_params:
    params = lt.load_torrent_file(args.torrent)
    params.save_path = args.data
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if args.tracker:
        params.trackers = list(args.tracker)
    if not args.partial:
        # Not seed_mode: that hashes each piece before it is first sent, as no peer does that has had it for long.
        params.flags |= lt.torrent_flags.no_verify_files
        params.have_pieces = [True] * _complete(lt.torrent_info(args.torrent), Path(args.data))
    return params


def _complete(info: lt.torrent_info, data: Path) -> int:
    """The number of pieces; exits if a file has not its size, of which libtorrent would only know once it is read."""
    files = info.layout()
    for index in range(files.num_files()):
        path = data / files.file_path(index)
        if files.file_flags(index) & lt.file_flags_t.flag_pad_file or not files.file_size(index):
            continue
        if not path.is_file() or path.stat().st_size != files.file_size(index):
            sys.exit(f"no pieces to offer: {path} is not there whole")
    return info.num_pieces()


def _wait_ready(session: lt.session, handle: lt.torrent_handle, *, partial: bool) -> bool:
    busy = {lt.torrent_status.states.checking_files, lt.torrent_status.states.checking_resume_data}
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        status = handle.status()
        settled = status.state not in busy and session.listen_port()
        if settled and (status.is_seeding or (partial and status.num_pieces)):
            return True
        if settled and partial:
            return False
        session.wait_for_alert(50)
        session.pop_alerts()
    return False


if __name__ == "__main__":
    sys.exit(main())
