"""services/<name>/Dockerfile: six of one form, from service.Dockerfile beside this file.

They differ in the name, the ports, and the folders that are copied: a change in one service builds no other image.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.generators import ROOT, Files
from scripts.generators.lock import Packages, closure, locked, members

TEMPLATE: Final = Path(__file__).with_name("service.Dockerfile")
# The services and their ports are those of the chart, which so finds each where its image listens.
TABLE: Final = ROOT / "charts" / "tseeder" / "templates" / "_services.tpl"
SCRATCH: Final = {"agent": " and TSEEDER_AGENT_SCRATCH_DIR, which has to be mounted"}


def generate() -> Files:
    """The Dockerfile of every service."""
    template, packages = TEMPLATE.read_text(), locked()
    return {
        path_of(name): _filled(template, _fields(name, row["ports"], packages)).encode()
        for name, row in services().items()
    }


def path_of(name: str) -> str:
    """Where a service's Dockerfile is."""
    return f"services/{name}/Dockerfile"


def services() -> dict[str, Any]:
    """The chart's table: name -> its row, with `ports`: name -> number."""
    (table,) = re.findall(r'define "tseeder\.table" -}}\n(.*?){{- end }}', TABLE.read_text(), re.DOTALL)
    rows: dict[str, Any] = yaml.safe_load(table)
    return rows


def _fields(name: str, ports: dict[str, int], packages: Packages) -> dict[str, str]:
    project = tomllib.loads((ROOT / "services" / name / "pyproject.toml").read_text())["project"]
    folders = members(packages, closure(packages, f"tseeder-{name}"))
    sources = [
        f"{folder}/{part}" for folder in folders for part in ("src", "migrations") if (ROOT / folder / part).is_dir()
    ]
    prefix = f"TSEEDER_{name.upper()}"
    listens = [f"{prefix}_HOST=0.0.0.0", *(f"{prefix}_{port.upper()}_PORT={number}" for port, number in ports.items())]
    return {
        "NAME": name,
        "MANIFESTS": "\n".join(f"COPY {folder}/pyproject.toml {folder}/" for folder in folders),
        "SOURCES": "\n".join(f"COPY {source} {source}" for source in sources),
        "LISTENS": " ".join(listens),
        "PORTS": " ".join(str(number) for number in ports.values()),
        "SCRATCH": SCRATCH.get(name, ""),
        "VERSION": project["version"],
        "DESCRIPTION": project["description"],
        "LICENSE": project["license"],
    }


def _filled(template: str, fields: dict[str, str]) -> str:
    return re.sub(r"@([A-Z]+)@", lambda found: fields[found[1]], template)
