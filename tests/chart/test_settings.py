"""What the chart sets is what the services want: nothing required is missing, and nothing is unknown to them."""

from __future__ import annotations

from pathlib import Path

import helm_python
import pytest
from pydantic import SecretStr

from tests.chart.environments import STUB, environment, mounted_files
from tests.chart.rendering import (
    CASES,
    LEAST,
    NAMES,
    Case,
    container_of,
    migrations,
    pod_of,
    render,
    settings_class,
    workloads,
)
from tseeder_auth.domain.mails import Server
from tseeder_auth.settings import Settings as AuthSettings
from tseeder_kit.settings import Settings, load
from tseeder_stack.environment import Parts, of_service, port_names
from tseeder_stack.options import SCHEMAS
from tseeder_stack.s3 import S3Keys, S3Server
from tseeder_stack.secrets import Secrets

# What the stack on one machine sets because it is one: loopback, plain http, rclone, keys of its own; ffprobe, which
# images have not.
ONE_MACHINE = {
    "gateway": {"INSECURE_HTTP"},
    # PUBLIC_URL: the chart knows it with an ingress only
    "auth": {"CRYPTO_GENERATE", "OPERATORS_NEED_SECOND_FACTOR", "PUBLIC_URL"},
    "jobs": {"CRYPTO_GENERATE", "ADMIT_PRIVATE_HOSTS", "FFPROBE"},
    "agent": {"ADMIT_LOOPBACK", "UPLOAD_REACH_PARTS"},
}


def loaded(case: str, service: str, folder: Path) -> Settings:
    return load(settings_class(service), service, environment(pod_of(workloads(case)[service]), folder))


@pytest.mark.parametrize("service", NAMES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_service_reads_its_settings_from_its_pod(case: Case, service: str, tmp_path: Path) -> None:
    settings = loaded(case.name, service, tmp_path)
    container = container_of(pod_of(workloads(case.name)[service]))
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert settings.host == "0.0.0.0"
    served = {field.removesuffix("_port"): value for field, value in settings if field.endswith("_port") and value}
    served.pop("smtp", None)  # the mail server's
    if "swarm" in served:
        assert ports.pop("swarm-tcp") == ports.pop("swarm-udp") == served.pop("swarm")
    assert served == ports


@pytest.mark.parametrize("service", SCHEMAS)
@pytest.mark.parametrize("case", ["least", "everything", "dev"])
def test_a_migration_reads_the_settings_of_its_service(case: str, service: str, tmp_path: Path) -> None:
    job, workload = pod_of(migrations(case)[service]), pod_of(workloads(case)[service])
    load(settings_class(service), service, environment(job, tmp_path))
    assert container_of(job)["env"] == container_of(workload)["env"]
    assert container_of(job)["image"] == container_of(workload)["image"]
    assert container_of(job)["args"] == ["migrate"]
    assert container_of(workload)["args"] == ["serve"]


@pytest.mark.parametrize("service", NAMES)
def test_the_variables_of_a_service_are_its_own(service: str) -> None:
    for variable in container_of(pod_of(workloads("everything")[service]))["env"]:
        assert variable["name"].startswith(f"TSEEDER_{service.upper()}_")


@pytest.mark.parametrize("service", NAMES)
def test_what_the_stack_on_one_machine_sets_the_chart_sets_too(service: str, tmp_path: Path) -> None:
    name = "agent-1" if service == "agent" else service
    keys = S3Keys("access", "secret-secret")
    parts = Parts(
        state=tmp_path,
        secrets=Secrets(tmp_path / "secrets"),
        database_urls=dict.fromkeys(SCHEMAS, "postgresql://"),
        nats_url="nats://127.0.0.1:4222",
        s3=S3Server("http://127.0.0.1:9000", "us-east-1", "tseeder", keys, keys, "rclone"),
        ports=dict.fromkeys(port_names((*NAMES, "agent-1")), 1),
    )
    prefix = f"TSEEDER_{service.upper()}_"
    wanted = {key.removeprefix(prefix) for key in of_service(name, parts) if key.startswith(prefix)}
    assert wanted - ONE_MACHINE.get(service, set()) <= fields_set(service, "least")


def fields_set(service: str, case: str) -> set[str]:
    prefix = f"TSEEDER_{service.upper()}_"
    names = [variable["name"] for variable in container_of(pod_of(workloads(case)[service]))["env"]]
    return {name.removeprefix(prefix).removesuffix("_FILE") for name in names}


@pytest.mark.parametrize("service", NAMES)
def test_secrets_come_from_files(service: str) -> None:
    template = pod_of(workloads("everything")[service])  # there NATS has a password
    env = {variable["name"]: variable.get("value") for variable in container_of(template)["env"]}
    secret = [name for name, field in settings_class(service).model_fields.items() if field.annotation is SecretStr]
    for name in [*secret, *(name for name in settings_class(service).model_fields if name == "s3_access_key")]:
        variable = f"TSEEDER_{service.upper()}_{name.upper()}"
        assert variable not in env
        assert env[f"{variable}_FILE"] in mounted_files(template)


@pytest.mark.parametrize("service", NAMES)
def test_what_is_a_path_leads_to_a_mounted_file(service: str, tmp_path: Path) -> None:
    paths = [value for _, value in loaded("least", service, tmp_path) if isinstance(value, Path)]
    assert all(path.is_file() for path in paths if path != Path("/scratch"))


@pytest.mark.parametrize("service", NAMES)
def test_what_the_chart_sets_itself_cannot_be_set_again(service: str) -> None:
    given = {"gateway": {"DRAIN_SECONDS", "CONTENT_REDIRECT"}}.get(service, {"DRAIN_SECONDS"})
    for field in fields_set(service, "least") - given:
        with pytest.raises(helm_python.HelmValuesError, match="invalid propertyName"):
            render({**LEAST, "services": {service: {"settings": {field.lower(): "x"}}}})


def test_settings_arrive_as_they_were_written(tmp_path: Path) -> None:
    agent = loaded("everything", "agent", tmp_path).model_dump()
    assert (agent["buffer_bytes"], agent["claim_seconds"], agent["dht"]) == (104857600, 0.5, False)
    assert agent["refused_networks"] == ("198.51.0.0/16", "2a00:1::/32")
    auth = loaded("everything", "auth", tmp_path)
    assert isinstance(auth, AuthSettings)
    assert auth.public_url == "https://tseeder.example.org"
    assert auth.mail_server() == Server(
        "mail.example.org", 587, "starttls", STUB, STUB, None, "tseeder <no-reply@example.org>", 30
    )
    assert auth.turnstile_secret is not None
    assert auth.turnstile_secret.get_secret_value() == STUB
    gateway = loaded("everything", "gateway", tmp_path).model_dump()
    assert gateway["cors_origins"] == ("https://a.example.org", "https://b.example.org")
    assert gateway["content_redirect"] is False
    assert gateway["allowed_hosts"] == ("tseeder.example.org",)


def test_a_misspelt_setting_stops_the_start(tmp_path: Path) -> None:
    manifests = render({**LEAST, "services": {"billing": {"settings": {"drain_secons": 3}}}})
    (billing,) = [
        each for each in manifests if each["kind"] == "Deployment" and each["metadata"]["name"].endswith("billing")
    ]
    with pytest.raises(Exception, match="TSEEDER_BILLING_DRAIN_SECONS: no such setting"):
        load(settings_class("billing"), "billing", environment(pod_of(billing), tmp_path))


def test_pods_have_the_time_to_stop_in_order(tmp_path: Path) -> None:
    def grace(service: str) -> float:
        return float(pod_of(workloads("least")[service])["spec"]["terminationGracePeriodSeconds"])

    for service in NAMES:
        settings = loaded("least", service, tmp_path).model_dump()
        needed = (
            settings["drain_seconds"] + settings.get("shutdown_seconds", 5) + 2 * settings.get("hand_over_seconds", 0)
        )
        assert grace(service) >= needed + 10, service
    assert grace("agent") >= 90


@pytest.mark.parametrize("case", ["least", "everything", "dev"])
def test_an_agent_stays_below_the_size_of_its_disk(case: str, tmp_path: Path) -> None:
    template = pod_of(workloads(case)["agent"])
    settings = loaded(case, "agent", tmp_path).model_dump()
    (volume,) = [volume for volume in template["spec"]["volumes"] if volume["name"] == "scratch"]
    claim = volume.get("ephemeral", {}).get("volumeClaimTemplate", {}).get("spec", {}).get("resources", {})
    size = claim.get("requests", {}).get("storage") or volume["emptyDir"]["sizeLimit"]
    gib = int(size.removesuffix("Gi"))
    assert 0.8 * gib < settings["scratch_bytes"] / 2**30 < gib
    mounts = {mount["mountPath"]: mount["name"] for mount in container_of(template)["volumeMounts"]}
    assert mounts[str(settings["scratch_dir"])] == "scratch"
