"""Embedded S3, the default: `rclone serve s3` on a folder (a bucket is a folder in it)."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from pathlib import Path

from tseeder_stack.errors import StackError
from tseeder_stack.program import Program, accepts_connections
from tseeder_stack.s3 import S3Keys


def program(folder: Path, port: int, bucket: str, keys: tuple[S3Keys, ...], log: Path) -> Program:
    """The server on 127.0.0.1:`port` with `bucket` in it. All `keys` may do everything: rclone knows no rights."""
    (folder / bucket).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)

    async def ready() -> bool:
        return await accepts_connections("127.0.0.1", port)

    return Program(
        name="rclone",
        argv=(str(_executable()), "serve", "s3", "--config", "", "--addr", f"127.0.0.1:{port}", str(folder)),
        # In the environment, not in the arguments, which every user of the machine can see.
        env={"RCLONE_AUTH_KEY": auth_keys(keys)},
        ready=ready,
        log=log,
        cwd=folder,
        ports={"rclone": port},
        url=f"http://127.0.0.1:{port}",
        quiet=True,
    )


def auth_keys(keys: tuple[S3Keys, ...]) -> str:
    """The pairs in the CSV form that rclone wants of a repeatable option."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="").writerow([f"{key.access},{key.secret}" for key in keys])
    return out.getvalue()


def _executable() -> Path:
    beside = Path(sys.executable).parent / "rclone"
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        raise StackError("rclone is missing from the virtual environment: run `make setup`")
    return Path(found)
