"""Embedded S3, the default: `rclone serve s3` on a folder (a bucket is a folder in it)."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from pathlib import Path
from typing import Final

from tseeder_stack.errors import StackError
from tseeder_stack.program import Program, accepts_connections
from tseeder_stack.s3 import S3Keys

KEEPER: Final = ".tseeder-keeps-this-folder"


def program(folder: Path, port: int, bucket: str, keys: tuple[S3Keys, ...], log: Path) -> Program:
    """The server on 127.0.0.1:`port` with `bucket` in it. All `keys` may do everything: rclone knows no rights."""
    keep_folders(folder / bucket)
    folder.chmod(0o700)

    async def ready() -> bool:
        return await accepts_connections("127.0.0.1", port)

    options = ("--config", "", "--exclude", KEEPER, "--addr", f"127.0.0.1:{port}")
    return Program(
        name="rclone",
        argv=(str(_executable()), "serve", "s3", *options, str(folder)),
        # In the environment, not in the arguments, which every user of the machine can see.
        env={"RCLONE_AUTH_KEY": auth_keys(keys)},
        ready=ready,
        log=log,
        cwd=folder,
        ports={"rclone": port},
        url=f"http://127.0.0.1:{port}",
        quiet=True,
    )


def keep_folders(bucket: Path) -> None:
    """Make all folders that `tseeder_kit.ids.object_key` spreads keys over, each with a hidden file in it. Idempotent.

    With the last key of a folder rclone removes the folder, also under an upload that has been opened in it: each try
    of that upload's first part is then answered with InternalError, for ever. (Its --no-cleanup changes nothing in
    1.75.) What it cannot see it does not list, and cannot remove either.
    """
    for number in range(256):
        folder = bucket / f"{number:02x}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / KEEPER).touch()


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
