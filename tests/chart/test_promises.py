"""What every release keeps, whatever its values: restricted pods, no secret in a manifest, probes, budgets, hooks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.chart.rendering import (
    CASES,
    NAMES,
    Manifest,
    container_of,
    migrations,
    of_kind,
    pod_of,
    pods,
    rendered,
    workloads,
)
from tseeder_stack.options import SCHEMAS

NAMES_OF_CASES = [case.name for case in CASES]


def assert_restricted(template: Manifest) -> None:
    """Pod Security "restricted", and a root filesystem that cannot be written to."""
    spec = template["spec"]
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    for volume in spec.get("volumes", []):
        assert set(volume) - {"name"} <= {"emptyDir", "projected", "secret", "configMap", "ephemeral"}
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container.get("ports", []))


@pytest.mark.parametrize("case", NAMES_OF_CASES)
def test_every_pod_is_restricted(case: str) -> None:
    for _, template in pods(rendered(case)):
        assert_restricted(template)
        assert template["spec"]["securityContext"]["runAsUser"] > 10000
        mounts = {mount["mountPath"] for mount in container_of(template)["volumeMounts"]}
        assert "/tmp" in mounts  # noqa: S108 - nothing else can be written to


@pytest.mark.parametrize("case", NAMES_OF_CASES)
def test_no_manifest_holds_a_secret(case: str) -> None:
    assert of_kind(rendered(case), "Secret", "ConfigMap") == []
    for _, template in pods(rendered(case)):
        for variable in container_of(template)["env"]:
            assert "secretKeyRef" not in json.dumps(variable)  # an environment is seen by all that can see the process
            is_address = variable["name"].endswith("_MAIL_FROM")
            assert is_address or "@" not in variable.get("value", ""), "a URL with a password"


def test_each_secret_is_mounted_only_where_it_is_needed() -> None:
    where: dict[str, set[str]] = {}
    for service, workload in workloads("least").items():
        for volume in pod_of(workload)["spec"]["volumes"]:
            for source in volume.get("projected", {}).get("sources", []):
                for item in source["secret"]["items"]:
                    where.setdefault(f"{source['secret']['name']}/{item['key']}", set()).add(service)
    assert where == {
        "tseeder-identity/private.pem": {"auth"},
        "tseeder-identity/public.pem": set(SCHEMAS),
        "tseeder-crypto/keys.json": {"jobs"},
        "tseeder-auth-crypto/keys.json": {"auth"},
        "tseeder-agent-join/secret": {"jobs", "agent"},
        **{f"tseeder-feed-tokens/{reader}": {"auth", reader} for reader in ("jobs", "billing")},
        **{f"tseeder-s3-{who}/{key}": {who} for who in ("jobs", "agent") for key in ("access-key", "secret-key")},
        **{f"tseeder-database/{service}": {service} for service in SCHEMAS},
    }


@pytest.mark.parametrize("case", NAMES_OF_CASES)
def test_all_services_are_there_and_an_agent_keeps_its_name(case: str) -> None:
    found = workloads(case)
    assert set(found) == set(NAMES)
    for name, manifest in found.items():
        assert manifest["kind"] == ("StatefulSet" if name == "agent" else "Deployment")


@pytest.mark.parametrize("case", NAMES_OF_CASES)
def test_every_service_has_probes_a_budget_and_an_account(case: str) -> None:
    budgets = [each["spec"]["selector"]["matchLabels"] for each in of_kind(rendered(case), "PodDisruptionBudget")]
    accounts = {each["metadata"]["name"]: each for each in of_kind(rendered(case), "ServiceAccount")}
    for manifest in workloads(case).values():
        template = pod_of(manifest)
        container = container_of(template)
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "ops"}
        assert container["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "ops"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "ops"}
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]
        assert len(template["spec"]["topologySpreadConstraints"]) == 2
        assert len([budget for budget in budgets if selects(budget, template)]) == 1
        assert accounts[template["spec"]["serviceAccountName"]]["automountServiceAccountToken"] is False


def selects(labels: dict[str, str], template: Manifest) -> bool:
    """Whether a selector of these labels takes these pods."""
    found: dict[str, str] = template["metadata"]["labels"]
    return labels.items() <= found.items()


@pytest.mark.parametrize("case", NAMES_OF_CASES)
def test_selectors_take_the_pods_of_one_service_and_no_migration(case: str) -> None:
    templates = dict(pods(rendered(case)))
    for service in of_kind(rendered(case), "Service"):
        taken = [name for name, template in templates.items() if selects(service["spec"]["selector"], template)]
        assert taken == [service["metadata"]["name"]]
        named = {port["name"] for port in container_of(templates[taken[0]])["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named
    for name, manifest in workloads(case).items():
        labels = manifest["spec"]["selector"]["matchLabels"]
        assert [each for each, template in templates.items() if selects(labels, template)] == [
            manifest["metadata"]["name"]
        ], name


@pytest.mark.parametrize("case", NAMES_OF_CASES)
def test_a_target_is_a_service_and_its_port(case: str) -> None:
    services = of_kind(rendered(case), "Service")
    ports = {f"{each['metadata']['name']}:{port['port']}" for each in services for port in each["spec"]["ports"]}
    targets = {
        variable["value"]
        for _, template in pods(rendered(case))
        for variable in container_of(template)["env"]
        if variable["name"].endswith("_TARGET")
    }
    assert targets
    assert targets <= ports
    headless = {each["metadata"]["name"] for each in services if each["spec"].get("clusterIP") == "None"}
    assert {target.partition(":")[0] for target in targets} <= headless  # clients balance by themselves


def hook(manifest: Manifest) -> str | None:
    annotations: dict[str, Any] = manifest["metadata"].get("annotations", {})
    return annotations.get("helm.sh/hook")


@pytest.mark.parametrize("case", ["least", "everything", "dev", "long"])
def test_migrations_run_before_everything_and_need_nothing_that_comes_after(case: str) -> None:
    jobs = migrations(case)
    assert set(jobs) == set(SCHEMAS)
    hooks = {(each["kind"], each["metadata"]["name"]): each for each in rendered(case) if hook(each)}
    assert all(hook(each) == "pre-install,pre-upgrade" for each in hooks.values())
    for job in jobs.values():
        template = pod_of(job)
        account = hooks[("ServiceAccount", template["spec"]["serviceAccountName"])]
        policies = [each for (kind, _), each in hooks.items() if kind == "NetworkPolicy"]
        (policy,) = [each for each in policies if selects(each["spec"]["podSelector"]["matchLabels"], template)]
        for needed in (account, policy):
            assert weight(needed) < weight(job)
            assert needed["metadata"]["annotations"]["helm.sh/hook-delete-policy"].endswith("hook-succeeded")
        assert "before-hook-creation" in job["metadata"]["annotations"]["helm.sh/hook-delete-policy"]


def weight(manifest: Manifest) -> int:
    return int(manifest["metadata"]["annotations"]["helm.sh/hook-weight"])


def test_who_scales_the_gateway() -> None:
    assert "replicas" in workloads("least")["gateway"]["spec"]
    assert "replicas" not in workloads("everything")["gateway"]["spec"]
    (scaler,) = of_kind(rendered("everything"), "HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == workloads("everything")["gateway"]["metadata"]["name"]


def test_the_ingress_leads_to_the_gateway() -> None:
    assert of_kind(rendered("least"), "Ingress") == []
    (ingress,) = of_kind(rendered("everything"), "Ingress")
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": "tseeder-production-gateway", "port": {"name": "http"}}
