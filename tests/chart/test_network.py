"""Who may talk to whom: everything is denied, but for what the services' own settings and imports say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.rendering import NAMES, ROOT, Manifest, of_kind, pod_of, pods, rendered, settings_class, workloads
from tseeder_agent.domain.addresses import REFUSED_V4, REFUSED_V6
from tseeder_stack.options import SCHEMAS

CASES = ["least", "everything", "dev", "long"]


def policies(case: str, template: Manifest) -> list[Manifest]:
    """The policies that hold for these pods."""
    labels = template["metadata"]["labels"].items()
    found = of_kind(rendered(case), "NetworkPolicy")
    return [each["spec"] for each in found if each["spec"]["podSelector"]["matchLabels"].items() <= labels]


def rules(case: str, service: str, direction: str) -> Iterator[tuple[list[dict[str, Any]] | None, set[int] | None]]:
    """(peers or None for all, ports or None for all) of each rule for a service's pods."""
    side = "from" if direction == "ingress" else "to"
    for policy in policies(case, pod_of(workloads(case)[service])):
        for rule in policy.get(direction) or []:
            ports = {port["port"] for port in rule["ports"]} if rule.get("ports") else None
            yield rule.get(side), ports


def selected(case: str, peers: list[dict[str, Any]] | None) -> set[str]:
    """The services that some of the peers take."""
    found = set()
    for peer in peers or []:
        wanted = peer.get("podSelector", {}).get("matchLabels", {}).items()
        for name, workload in workloads(case).items():
            if wanted and set(peer) == {"podSelector"} and wanted <= pod_of(workload)["metadata"]["labels"].items():
                found.add(name)
    return found


READS = {"gateway": {"agent"}}
"""Whose bytes a service reads, over HTTP."""


def calls(service: str) -> set[str]:
    """Whose servers a service calls: those that it has a target of."""
    fields = settings_class(service).model_fields
    return {name.removesuffix("_target") for name in fields if name.endswith("_target")}


@pytest.mark.parametrize("case", CASES)
def test_everything_is_denied_to_every_pod(case: str) -> None:
    denying = [
        each["spec"]["podSelector"]["matchLabels"]
        for each in of_kind(rendered(case), "NetworkPolicy")
        if set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"} and not {"ingress", "egress"} & set(each["spec"])
    ]
    for name, template in pods(rendered(case)):
        assert any(labels.items() <= template["metadata"]["labels"].items() for labels in denying), name


def test_there_are_none_where_they_are_off() -> None:
    assert of_kind(rendered("open"), "NetworkPolicy") == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("service", NAMES)
def test_a_service_reaches_those_that_it_calls_and_no_other(case: str, service: str) -> None:
    reached = [
        (selected(case, peers), ports) for peers, ports in rules(case, service, "egress") if selected(case, peers)
    ]
    assert {name for names, ports in reached if ports == {50051} for name in names} == calls(service)
    assert {name for names, ports in reached if ports == {8090} for name in names} == READS.get(service, set())
    assert all(ports in ({50051}, {8090}) for _, ports in reached)
    let_in = [names for peers, ports in rules(case, service, "ingress") if (names := selected(case, peers))]
    assert set().union(*let_in) == {other for other in NAMES if service in calls(other) | READS.get(other, set())}


@pytest.mark.parametrize("case", CASES)
def test_the_gateway_is_the_only_public_door(case: str) -> None:
    for service in NAMES:
        opened = [ports for peers, ports in rules(case, service, "ingress") if peers is None]
        assert opened == ([{8080}] if service == "gateway" and case != "everything" else [])


@pytest.mark.parametrize("case", CASES)
def test_no_rule_lets_out_to_everywhere(case: str) -> None:
    for service in NAMES:
        for peers, ports in rules(case, service, "egress"):
            assert peers
            assert ports or service == "agent"


@pytest.mark.parametrize("service", NAMES)
def test_only_those_reach_nats_that_connect_to_it(service: str) -> None:
    sources = (ROOT / "services" / service / "src").rglob("*.py")
    connects = any("from tseeder_bus import" in source.read_text(encoding="utf-8") for source in sources)
    assert reaches(service, "nats", 4222) == connects


@pytest.mark.parametrize("service", NAMES)
def test_only_those_reach_postgres_and_s3_that_need_them(service: str) -> None:
    assert reaches(service, "postgres", 5432) == (service in SCHEMAS)
    assert reaches(service, "s3", 443) == (service in ("jobs", "agent", "gateway"))


def reaches(service: str, app: str, port: int) -> bool:
    peer = {"podSelector": {"matchLabels": {"app": app}}}
    return ([peer], {port}) in list(rules("least", service, "egress"))


@pytest.mark.parametrize("service", NAMES)
def test_names_are_resolved_at_the_cluster_only(service: str) -> None:
    to = [peers for peers, ports in rules("least", service, "egress") if ports == {53}]
    assert to == [
        [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ]
    ]


@pytest.mark.parametrize("case", CASES)
def test_only_agents_reach_the_internet_and_nothing_private(case: str) -> None:
    for service in NAMES:
        anywhere = [peers for peers, ports in rules(case, service, "egress") if ports is None]
        assert len(anywhere) == (1 if service == "agent" else 0)
    ((v4, v6),) = [peers for peers, ports in rules(case, "agent", "egress") if ports is None and peers]
    added = {"everything": ["198.51.0.0/16"]}.get(case, []), {"everything": ["2a00:1::/32"]}.get(case, [])
    assert v4["ipBlock"] == {"cidr": "0.0.0.0/0", "except": [*REFUSED_V4, *added[0]]}
    assert v6["ipBlock"] == {"cidr": "::/0", "except": [*REFUSED_V6, *added[1]]}


def test_with_a_proxy_agents_reach_it_instead_of_the_internet() -> None:
    found = list(rules("proxied", "agent", "egress"))
    assert ([{"podSelector": {"matchLabels": {"app": "proxy"}}}], {1081}) in found
    assert all(ports is not None for _, ports in found)
    assert not [peer for peers, _ in found for peer in peers or [] if "ipBlock" in peer]


def test_peers_come_in_only_where_a_port_is_set() -> None:
    assert [ports for _, ports in rules("least", "agent", "ingress")] == [{8090}]
    _, (peers, ports) = rules("long", "agent", "ingress")
    assert ports == {6881}
    assert peers
    assert all(peer["ipBlock"]["except"] for peer in peers)


@pytest.mark.parametrize("service", NAMES)
def test_metrics_are_read_by_those_who_are_named(service: str) -> None:
    def readers(case: str) -> list[object]:
        return [peers for peers, ports in rules(case, service, "ingress") if ports == {9090}]

    assert readers("least") == []
    assert readers("everything") == [[{"podSelector": {"matchLabels": {"app": "prometheus"}}}]]


@pytest.mark.parametrize("service", NAMES)
def test_traces_go_where_they_are_sent_and_only_then(service: str) -> None:
    assert not any(ports == {4318} for _, ports in rules("least", service, "egress"))
    to = [peers for peers, ports in rules("everything", service, "egress") if ports == {4318}]
    assert to == [[{"podSelector": {"matchLabels": {"app": "otel"}}}]]


@pytest.mark.parametrize("service", NAMES)
def test_only_auth_reaches_sign_in_providers_where_there_are_some(service: str) -> None:
    provider = [{"podSelector": {"matchLabels": {"app": "keycloak"}}}]
    assert ((provider, {8443}) in list(rules("everything", service, "egress"))) == (service == "auth")
    outside = [peers for peers, ports in rules("everything", service, "egress") if ports == {443} and peers]
    excepted = [peer["ipBlock"] for peers in outside for peer in peers if peer.get("ipBlock", {}).get("except")]
    assert [block["cidr"] for block in excepted] == (["0.0.0.0/0", "::/0"] if service == "auth" else [])
    if service == "auth":
        assert not [peers for peers, ports in rules("least", service, "egress") if ports == {443}]


def test_migrations_reach_postgres_and_nothing_else() -> None:
    for job in of_kind(rendered("least"), "Job"):
        allowed = [rule for policy in policies("least", pod_of(job)) for rule in policy.get("egress", [])]
        assert [{port["port"] for port in rule["ports"]} for rule in allowed] == [{53}, {5432}]
