"""Generate the protobuf and gRPC stubs in libs/proto/src from proto/.

`generate.py` writes them; `generate.py --check` writes them into a temporary folder instead, and exits 1 naming each
file that differs from what is committed. Run through `make generate` and `make verify`.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
STUBS = ROOT / "libs" / "proto" / "src"
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


def run_protoc(out: Path) -> None:
    """Write the stubs of every .proto below `proto/` into `out`. Raises CalledProcessError with protoc's own words."""
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    if not sources:
        return
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO}"]
    command += [f"--python_out={out}", f"--grpc_python_out={out}", f"--mypy_out=quiet:{out}"]
    # The services speak grpc.aio only: without this every stub would carry a synchronous twin.
    command += [f"--mypy_grpc_out=only_async,quiet:{out}"]
    # The plugins are found on PATH; they stand beside this interpreter.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run([*command, *sources], cwd=PROTO, env={**os.environ, "PATH": path}, check=True)


def generated(folder: Path) -> dict[str, Path]:
    """The generated files below `folder`, by relative path. Hand-written neighbours (subjects.py) are none of them."""
    files = (path for path in folder.rglob("*") if path.name.endswith(SUFFIXES))
    return {str(path.relative_to(folder)): path for path in files}


def differences(fresh: dict[str, Path], committed: dict[str, Path]) -> list[str]:
    """One line for each stub that is missing, stale, or left over from a .proto that is gone."""
    lines = [f"missing: {name}" for name in sorted(fresh.keys() - committed.keys())]
    lines += [f"left over: {name}" for name in sorted(committed.keys() - fresh.keys())]
    both = sorted(fresh.keys() & committed.keys())
    return lines + [f"stale: {name}" for name in both if not filecmp.cmp(fresh[name], committed[name], shallow=False)]


def write(fresh: dict[str, Path], committed: dict[str, Path]) -> None:
    """Replace the committed stubs, touching only what changed, and remove those whose .proto is gone."""
    for name in committed.keys() - fresh.keys():
        committed[name].unlink()
    for name, source in fresh.items():
        target = STUBS / name
        if not target.exists() or not filecmp.cmp(source, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the committed stubs are stale")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory(prefix="tseeder-proto-") as folder:
        out = Path(folder)
        try:
            run_protoc(out)
        except subprocess.CalledProcessError as error:
            return error.returncode  # protoc has said why on stderr
        fresh, committed = generated(out), generated(STUBS)
        if not check:
            write(fresh, committed)
            return 0
        lines = differences(fresh, committed)
        for line in lines:
            sys.stderr.write(f"libs/proto/src: {line}\n")
        if lines:
            sys.stderr.write("The committed stubs are not what proto/ says: run `make generate` and commit.\n")
        return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
