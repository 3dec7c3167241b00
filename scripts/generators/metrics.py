"""docs/reference/metrics.md, from the metrics that the modules of each service define."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from scripts.generators import REFERENCE, Files

SERVICES: Final = ("admin", "agent", "auth", "billing", "gateway", "jobs")
PATH: Final = f"{REFERENCE}/metrics.md"

# A process for each, since a metric is registered when its module is imported, and for good.
_PROGRAM: Final = """
import dataclasses, importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, sys.argv[1] + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from tseeder_kit.telemetry import definitions
print(json.dumps([dataclasses.asdict(each) for each in definitions()]))
"""

_HEAD: Final = """# Metrics

Generated from the code by `make generate`; do not edit.

Each service serves these on its ops port under `/metrics`, beside those of the Python client (`python_*`, `process_*`).
Units are seconds and bytes. No label holds a user, a job, an info-hash or anything else that a stranger can make up:
`route` is a route's template, `method` of `rpc_*` a gRPC method that exists, `plan` and `reader` are in the operator's
hands, and a code that is not known is `other`.

| metric | type | labels | of | what |
| --- | --- | --- | --- | --- |
"""


def generate() -> Files:
    """One table of all metrics. Raises CalledProcessError if a service cannot be imported."""
    rows: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for service, found in defined().items():
        for metric in found:
            rows.setdefault(metric["name"], (metric, []))[1].append(service)
    lines = [_row(*rows[name]) for name in sorted(rows)]
    return {PATH: (_HEAD + "\n".join(lines) + "\n").encode()}


def defined() -> dict[str, list[dict[str, Any]]]:
    """By service: name, kind, labels and help_text of each metric, as exported."""
    command = [sys.executable, "-c", _PROGRAM]
    running = {
        service: subprocess.Popen([*command, f"tseeder_{service}"], stdout=subprocess.PIPE) for service in SERVICES
    }
    answers: dict[str, list[dict[str, Any]]] = {}
    for service, process in running.items():
        text, _ = process.communicate()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, [*command, service])
        answers[service] = json.loads(text)
    return answers


def _row(metric: dict[str, Any], services: list[str]) -> str:
    labels = ", ".join(f"`{label}`" for label in metric["labels"])
    of = "all" if len(services) == len(SERVICES) else ", ".join(services)
    return f"| `{metric['name']}` | {metric['kind']} | {labels} | {of} | {metric['help_text']} |"
