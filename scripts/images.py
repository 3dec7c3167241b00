"""Build the services' images with buildah, podman or docker, whichever is there. Run through `make images`.

One after the other, from services/<name>/Dockerfile. A base that is already on this machine is not asked for again:
pin it by digest. On a network whose proxies sign with a CA of their own, SSL_CERT_FILE names the bundle of CAs; buildah
and podman mount it into the build, for docker it has to be in the base. Nothing of it stays in the images.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BASE: Final = "docker.io/library/python:3.13-slim"
TOOLS: Final = ("buildah", "podman", "docker")
CA_BUNDLE: Final = "/etc/ssl/certs/ca-certificates.crt"  # where Debian's images have it
MB: Final = 1_000_000  # as registries and `docker images` count


class ImagesError(Exception):
    """Why there are no images, as a line for the person who runs it."""


@dataclass(frozen=True)
class Plan:
    """What to build, and how to call it. `registry`: where to push it, "" for nowhere."""

    tool: str
    base: str
    tag: str
    registry: str

    def name(self, service: str) -> str:
        """An image's full name: as the chart's, with its default repository."""
        return "/".join(filter(None, (self.registry, "tseeder", f"{service}:{self.tag}")))

    def build(self, service: str) -> list[str]:
        """The command that builds it, for the repository's root."""
        command = [self.tool, "build", "--file", f"services/{service}/Dockerfile", "--tag", self.name(service)]
        command += ["--build-arg", f"BASE={self.base}", "--build-arg", f"REVISION={revision()}"]
        if self.tool != "docker":
            command += ["--layers", f"--pull={'never' if self.has(self.base) else 'missing'}"]
            if bundle := os.environ.get("SSL_CERT_FILE"):
                command += ["--volume", f"{bundle}:{CA_BUNDLE}:ro"]
        return [*command, "."]

    def has(self, image: str) -> bool:
        """Whether an image is on this machine."""
        kind = ["inspect", "--type", "image"] if self.tool == "buildah" else ["image", "inspect"]
        return subprocess.run([self.tool, *kind, image], capture_output=True, check=False).returncode == 0

    def size(self, image: str) -> int:
        """Bytes that an image takes on this machine: unpacked, with its base."""
        if self.tool != "buildah":
            return int(said([self.tool, "image", "inspect", "--format", "{{.Size}}", image]))
        manifest = json.loads(json.loads(said(["buildah", "inspect", "--type", "image", image]))["Manifest"])
        return sum(layer["size"] for layer in manifest["layers"])


def services() -> tuple[str, ...]:
    """All that have a Dockerfile."""
    return tuple(sorted(path.parent.name for path in (ROOT / "services").glob("*/Dockerfile")))


def version() -> str:
    """The project's."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def revision() -> str:
    """The commit, with "-dirty" behind it if the tree is not that commit's; "unknown" outside of git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def said(command: Sequence[str]) -> str:
    """What a command writes. ImagesError with its own words if it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImagesError(f"{' '.join(command[:3])} failed: {done.stderr.strip()}")
    return done.stdout


def run(command: Sequence[str]) -> None:
    """A command whose words are shown as they come."""
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise ImagesError(f"{' '.join(command[:4])} failed: see above")


def tool_of(wanted: str) -> str:
    """The first of TOOLS that is installed, or the wanted one."""
    found = next(filter(shutil.which, (wanted,) if wanted else TOOLS), None)
    if found is None:
        raise ImagesError(f"{wanted} is not installed" if wanted else f"install one of {', '.join(TOOLS)}")
    return found


def table(plan: Plan, names: Sequence[str]) -> str:
    """The sizes, in MB, as lines of Markdown."""
    base = plan.size(plan.base)
    lines = ["| image | MB | of it over the base |", "|---|---:|---:|"]
    for name in names:
        size = plan.size(plan.name(name))
        lines.append(f"| {plan.name(name)} | {size / MB:.0f} | {(size - base) / MB:.0f} |")
    return "\n".join([*lines, f"| {plan.base} | {base / MB:.0f} | |"])


def main() -> int:
    """0: they are built, and pushed if that was wished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("services", nargs="*", help="which (all)")
    parser.add_argument(
        "--base", default=BASE, help="a slim Debian with Python 3.13, best with its digest (%(default)s)"
    )
    parser.add_argument("--tag", default=version(), help="of the images (the project's version, %(default)s)")
    parser.add_argument("--push", default="", metavar="REGISTRY", help="push them to REGISTRY/tseeder/<service>")
    parser.add_argument("--tool", default="", help=f"one of {', '.join(TOOLS)} (the first that is installed)")
    args = parser.parse_args()
    try:
        names = args.services or services()
        if unknown := sorted(set(names) - set(services())):
            raise ImagesError(f"no service {', '.join(unknown)}; there are: {', '.join(services())}")
        plan = Plan(tool_of(args.tool), args.base, args.tag, args.push)
        for name in names:
            run(plan.build(name))
        for name in names if args.push else ():
            run([plan.tool, "push", plan.name(name)])
        print(table(plan, names))  # noqa: T201 - it is what the command is for
    except ImagesError as error:
        sys.stderr.write(f"images: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
