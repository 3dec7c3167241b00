"""The protobuf and gRPC stubs in libs/proto/src, from proto/."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from scripts.generators import ROOT, Files

PROTO: Final = ROOT / "proto"
STUBS: Final = "libs/proto/src"
SUFFIXES: Final = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


def generate() -> Files:
    """The stubs of every .proto below `proto/`. Raises CalledProcessError after protoc has said why on stderr."""
    with tempfile.TemporaryDirectory(prefix="tseeder-proto-") as name:
        out = Path(name)
        _run_protoc(out)
        return {f"{STUBS}/{path.relative_to(out)}": path.read_bytes() for path in out.rglob("*") if path.is_file()}


def _run_protoc(out: Path) -> None:
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO}"]
    command += [f"--python_out={out}", f"--grpc_python_out={out}", f"--mypy_out=quiet:{out}"]
    # The services speak grpc.aio only: without this every stub would carry a synchronous twin.
    command += [f"--mypy_grpc_out=only_async,quiet:{out}"]
    # The plugins are found on PATH; they stand beside this interpreter.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run([*command, *sources], cwd=PROTO, env={**os.environ, "PATH": path}, check=True)
