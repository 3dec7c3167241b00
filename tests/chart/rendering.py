"""The chart, rendered by Helm's own library over a matrix of values."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import helm_python
import yaml

from tseeder_kit.settings import Settings
from tseeder_stack.options import SERVICES

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "charts" / "tseeder"
NAMES: Final = (*SERVICES, "agent")
NAMESPACE: Final = "here"

Manifest = dict[str, Any]
Values = Mapping[str, Any]


def pods_called(name: str) -> dict[str, Any]:
    """A NetworkPolicyPeer."""
    return {"podSelector": {"matchLabels": {"app": name}}}


# What nobody but the one who installs it can know.
LEAST: Final[Values] = {
    "nats": {"url": "nats://nats:4222"},
    "s3": {"endpoint": "https://s3.example.org", "bucket": "tseeder"},
    "networkPolicy": {name: {"to": [pods_called(name)]} for name in ("postgres", "nats", "s3")},
}

EVERYTHING: Final[Values] = {
    "image": {"registry": "registry.example.org:5000", "tag": "1.2.3", "pullPolicy": "Always", "pullSecrets": ["pull"]},
    "logLevel": "debug",
    "s3": {**LEAST["s3"], "publicEndpoint": "https://files.example.org", "region": "eu-central-1"},
    "secrets": {
        "smtp": {"existingSecret": "smtp"},
        "turnstile": {"existingSecret": "turnstile"},
        "nats": {"existingSecret": "tseeder-nats"},
        "oidc": {"existingSecret": "providers"},
        "crypto": {"existingSecret": "other", "keys": {"keys": "k"}},
    },
    "migrations": {"backoffLimit": 0},
    "scratch": {"kind": "ephemeral", "gib": 2000, "storageClassName": "fast"},
    "swarm": {"port": 6881, "refusedNetworks": ["198.51.0.0/16", "2a00:1::/32"]},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "host": "tseeder.example.org",
        "tlsSecret": "tls",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-buffering": "off"},
    },
    "autoscaling": {"enabled": True, "maxReplicas": 4},
    "tracing": {"endpoint": "http://otel:4318"},
    "podMonitor": {"enabled": True, "labels": {"team": "a"}},
    "mail": {"host": "mail.example.org", "from": "tseeder <no-reply@example.org>"},
    "networkPolicy": {
        "dns": {"to": [{"ipBlock": {"cidr": "169.254.20.10/32"}}]},
        "postgres": {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "port": 6432},
        "nats": {"to": [{"namespaceSelector": {"matchLabels": {"name": "nats"}}}]},
        "s3": {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
        "tracing": {"to": [pods_called("otel")]},
        "mail": {"to": [pods_called("mail")]},
        "oidc": {"to": [pods_called("keycloak")], "port": 8443},
        "gateway": {"from": [pods_called("ingress")]},
        "monitoring": {"from": [pods_called("prometheus")]},
    },
    "defaults": {
        "podLabels": {"team": "a"},
        "podAnnotations": {"note": "b"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "only", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "uid": 20000,
    },
    "services": {
        "gateway": {
            "image": "other.example.org/gateway@sha256:" + "0" * 64,
            "settings": {"cors_origins": ["https://a.example.org", "https://b.example.org"], "content_redirect": False},
        },
        "agent": {"replicas": 7, "settings": {"buffer_bytes": 104857600, "claim_seconds": 0.5, "dht": False}},
        "billing": {"replicas": 0},
    },
}


@dataclass(frozen=True)
class Case:
    """One set of values under one release name."""

    name: str
    values: Values
    release: str = "mine"


CASES: Final = (
    Case("least", LEAST),
    Case("everything", EVERYTHING, release="tseeder-production"),
    Case("open", {**LEAST, "networkPolicy": {"enabled": False}, "migrations": {"enabled": False}}),
    Case("dev", yaml.safe_load((ROOT / "k8s/dev/values.yaml").read_text()), release="tseeder"),
    Case(
        "proxied",
        {
            **LEAST,
            "secrets": {"swarmProxy": {"existingSecret": "proxy"}},
            "networkPolicy": {**LEAST["networkPolicy"], "swarmProxy": {"to": [pods_called("proxy")], "port": 1081}},
        },
    ),
    Case("long", {**LEAST, "swarm": {"port": 6881}}, release="a" * 53),
)


@cache
def chart() -> helm_python.Chart:
    """The chart, loaded once; it holds nothing but memory."""
    return helm_python.Chart.load(CHART)


def render(values: Values, release: str = "mine") -> list[Manifest]:
    """Every manifest, in no certain order. HelmError for values that the chart refuses."""
    files = chart().render(dict(values), name=release, namespace=NAMESPACE)
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]


@cache
def rendered(case_name: str) -> tuple[Manifest, ...]:
    """The manifests of one of CASES; not to be changed."""
    (case,) = [case for case in CASES if case.name == case_name]
    return tuple(render(case.values, case.release))


def of_kind(manifests: tuple[Manifest, ...] | list[Manifest], *kinds: str) -> list[Manifest]:
    """Those of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def workloads(case_name: str) -> dict[str, Manifest]:
    """service -> its Deployment or StatefulSet."""
    found = of_kind(rendered(case_name), "Deployment", "StatefulSet")
    return {component(manifest["metadata"]["labels"]): manifest for manifest in found}


def migrations(case_name: str) -> dict[str, Manifest]:
    """service -> the Job that migrates its schema."""
    return {container_of(pod_of(job))["name"]: job for job in of_kind(rendered(case_name), "Job")}


def component(labels: Mapping[str, str]) -> str:
    """What a pod with these labels is."""
    return labels["app.kubernetes.io/component"]


def pod_of(manifest: Manifest) -> Manifest:
    """The pod template of a workload or a Job: metadata and spec."""
    template: Manifest = manifest["spec"]["template"]
    return template


def container_of(template: Manifest) -> Manifest:
    """Its one container."""
    (container,) = template["spec"]["containers"]
    found: Manifest = container
    return found


def pods(manifests: tuple[Manifest, ...] | list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """(name, pod template) of everything that makes pods."""
    for manifest in of_kind(manifests, "Deployment", "StatefulSet", "Job"):
        yield manifest["metadata"]["name"], pod_of(manifest)


def settings_class(service: str) -> type[Settings]:
    """The class that reads a service's environment."""
    module = importlib.import_module(f"tseeder_{service}.settings")
    (found,) = [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, Settings) and value.__module__ == module.__name__
    ]
    return found
