"""The environment that a container of the chart would have, with stubs for the secrets that are mounted into it."""

from __future__ import annotations

from pathlib import Path

from tests.chart.rendering import Manifest, container_of

STUBS = {
    "database-url": "postgresql://stub:stub@stub:5432/stub",
    "nats-url": "nats://user:stub@stub:4222",
    "oidc-providers": '[{"name":"a","title":"A","issuer":"https://a","client_id":"a","client_secret":"a secret"}]',
    "proxy-url": "socks5://user:stub@stub:1080",
}
STUB = "a secret of sixteen characters or more"


def environment(template: Manifest, folder: Path) -> dict[str, str]:
    """name -> value. Paths lead into `folder`, where there is a file for each that is mounted, and no other."""
    container = container_of(template)
    mounted = mounted_files(template)
    for number, path in enumerate(sorted(mounted)):
        (folder / str(number)).write_text(STUBS.get(path.rpartition("/")[2], STUB))
    moved = {path: str(folder / str(number)) for number, path in enumerate(sorted(mounted))}
    found: dict[str, str] = {}
    for variable in container["env"]:
        assert variable["name"] not in found, "set twice"
        found[variable["name"]] = _value(variable, moved)
    return found


# What a pod learns of itself.
FIELDS = {"metadata.name": "tseeder-agent-0", "status.podIP": "10.0.0.7"}


def mounted_files(template: Manifest) -> dict[str, tuple[str, str]]:
    """path in the container -> (Secret, key)."""
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    files: dict[str, tuple[str, str]] = {}
    for mount in container_of(template)["volumeMounts"]:
        for source in volumes[mount["name"]].get("projected", {}).get("sources", []):
            for item in source["secret"]["items"]:
                files[f"{mount['mountPath']}/{item['path']}"] = (source["secret"]["name"], item["key"])
    return files


def _value(variable: Manifest, moved: dict[str, str]) -> str:
    if "valueFrom" in variable:
        return FIELDS[variable["valueFrom"]["fieldRef"]["fieldPath"]]
    value: str = variable["value"]
    return moved.get(value, value)
