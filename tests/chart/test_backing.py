"""k8s/ and skaffold.yaml: they parse, are valid and restricted, and name what there is."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import kubernetes_secrets
from tests.chart.environments import mounted_files
from tests.chart.rendering import LEAST, NAMES, ROOT, Manifest, container_of, pods, render, rendered
from tests.chart.test_promises import assert_restricted
from tests.chart.validating import check
from tseeder_stack.secrets import Secrets

BACKING = ROOT / "k8s" / "backing"
DEV = ROOT / "k8s" / "dev"
SKAFFOLD: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "skaffold.yaml").read_text()))


def resources(folder: Path) -> list[Manifest]:
    """What a kustomization leads to."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    found: list[Manifest] = []
    for name in kustomization["resources"]:
        path = folder / name
        assert path.exists(), path
        found += resources(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for generator in kustomization.get("configMapGenerator", []):
        data = {name: (folder / name).read_text() for name in generator["files"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]}, "data": data})
    return found


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return resources(DEV)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """name -> key -> value, as scripts/kubernetes_secrets.py makes them."""
    kept = Secrets(tmp_path_factory.mktemp("kept") / "secrets")
    return kubernetes_secrets.of_release(kept) | kubernetes_secrets.of_backing(kept)


def test_the_backing_services_are_valid_and_restricted(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        check(manifest)
    templates = [template for _, template in pods(manifests)]
    assert len(templates) == 3
    for template in templates:
        assert_restricted(template)


def test_they_are_where_the_chart_looks_for_them(manifests: list[Manifest]) -> None:
    services = {each["metadata"]["name"]: each for each in manifests if each["kind"] == "Service"}
    values = yaml.safe_load((DEV / "values.yaml").read_text())
    ports = {name: service["spec"]["ports"][0]["port"] for name, service in services.items()}
    assert ports == {"postgres": 5432, "nats": 4222, "s3": 9000}
    assert values["nats"]["url"] == "nats://nats:4222"
    assert values["s3"]["endpoint"] == "http://s3:9000"
    policy = values["networkPolicy"]
    for name, service in services.items():
        assert policy[name]["to"] == [{"podSelector": {"matchLabels": service["spec"]["selector"]}}]
        assert policy[name].get("port", ports[name]) == ports[name]


def test_postgres_runs_the_script_that_makes_the_roles(manifests: list[Manifest], tmp_path: Path) -> None:
    """As the image does it: with the Secret's passwords, here to a psql that writes down what it is asked."""
    script = (BACKING / "create-roles.sh").read_text().replace("/passwords/", f"{tmp_path}/")
    for name in ("auth", "jobs", "billing", "admin"):
        (tmp_path / name).write_text(f"p of {name}")
    (tmp_path / "psql").write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    (tmp_path / "psql").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "POSTGRES_USER": "postgres", "POSTGRES_DB": "tseeder"}
    ran = subprocess.run(
        ["sh", "-c", script, "sh", "a file"], env=environment, capture_output=True, text=True, check=True
    )
    passwords = [word for name in ("auth", "jobs", "billing", "admin") for word in ("-v", f"{name}=p of {name}")]
    connect = ["-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "tseeder"]
    assert ran.stdout.splitlines() == [*connect, *passwords, "-f", "/create-roles/create-roles.sql"]
    (postgres,) = [
        each for each in manifests if each["kind"] == "StatefulSet" and each["metadata"]["name"] == "postgres"
    ]
    volumes = {volume["name"]: volume for volume in postgres["spec"]["template"]["spec"]["volumes"]}
    assert volumes["create-roles"]["configMap"]["defaultMode"] == 0o555


def secrets_named(manifests: list[Manifest]) -> set[tuple[str, str]]:
    """(Secret, key) of all that the backing services' pods refer to."""
    found = set()
    for _, template in pods(manifests):
        for volume in template["spec"].get("volumes", []):
            if "secret" in volume:
                found |= {
                    (volume["secret"]["secretName"], key) for key in ("postgres", "auth", "jobs", "billing", "admin")
                }
        for variable in container_of(template).get("env", []):
            if at := variable.get("valueFrom", {}).get("secretKeyRef"):
                found.add((at["name"], at["key"]))
    return found


def test_the_secrets_that_are_made_are_those_that_are_wanted(
    manifests: list[Manifest], secrets: dict[str, dict[str, str]]
) -> None:
    made = {(name, key) for name, values in secrets.items() for key in values}
    release = {at for _, template in pods(rendered("dev")) for at in mounted_files(template).values()}
    assert made == release | secrets_named(manifests)


def test_secrets_are_made_once(tmp_path: Path) -> None:
    first, again = (kubernetes_secrets.of_release(Secrets(tmp_path)) for _ in range(2))
    assert first == again
    manifest = kubernetes_secrets.manifest("a", {"key": "välue"}, "there")
    assert base64.b64decode(manifest["data"]["key"]).decode() == "välue"
    assert manifest["metadata"] == {"name": "a", "namespace": "there"}
    check(manifest)


def test_nothing_committed_is_a_secret(manifests: list[Manifest]) -> None:
    assert [each for each in manifests if each["kind"] == "Secret"] == []


def test_skaffold_installs_the_backing_services_first() -> None:
    assert [config["metadata"]["name"] for config in SKAFFOLD] == ["backing", "tseeder"]
    assert SKAFFOLD[1]["requires"] == [{"configs": ["backing"]}]
    (path,) = SKAFFOLD[0]["manifests"]["kustomize"]["paths"]
    assert (ROOT / path / "kustomization.yaml").is_file()


def test_skaffold_runs_what_there_is() -> None:
    (hook,) = SKAFFOLD[0]["deploy"]["kubectl"]["hooks"]["before"]
    command = " ".join(hook["host"]["command"])
    named = re.findall(r"(?:scripts|k8s)/[\w./-]+", command)
    assert named == ["k8s/dev/namespace.yaml", "scripts/kubernetes_secrets.py"]
    assert all((ROOT / name).is_file() for name in named)


def test_skaffold_builds_every_service_from_its_dockerfile() -> None:
    artifacts = {each["image"]: each for each in SKAFFOLD[1]["build"]["artifacts"]}
    assert set(artifacts) == {f"tseeder/{name}" for name in NAMES}
    for name in NAMES:
        artifact = artifacts[f"tseeder/{name}"]
        assert artifact["context"] == "."
        assert artifact["docker"]["dockerfile"] == f"services/{name}/Dockerfile"
        assert (ROOT / f"services/{name}/Dockerfile").is_file()


def test_skaffold_gives_the_chart_its_images() -> None:
    (release,) = SKAFFOLD[1]["deploy"]["helm"]["releases"]
    assert (ROOT / release["chartPath"] / "Chart.yaml").is_file()
    assert [ROOT / name for name in release["valuesFiles"]] == [DEV / "values.yaml"]
    services: dict[str, Any] = {}
    for path, template in release["setValueTemplates"].items():
        (name,) = re.fullmatch(r"services\.(\w+)\.image", path).groups()  # type: ignore[union-attr]
        assert template == "{{.IMAGE_FULLY_QUALIFIED_tseeder_%s}}" % name  # noqa: UP031
        services[name] = {"image": f"built/{name}:1"}
    images = {container_of(template)["image"] for _, template in pods(render({**LEAST, "services": services}))}
    assert images == {f"built/{name}:1" for name in NAMES}


def test_skaffold_forwards_the_gateway() -> None:
    (forward,) = SKAFFOLD[1]["portForward"]
    services = {each["metadata"]["name"]: each for each in rendered("dev") if each["kind"] == "Service"}
    assert forward["port"] in [port["port"] for port in services[forward["resourceName"]]["spec"]["ports"]]
