"""Every manifest is one that Kubernetes takes, over the whole matrix of values; wrong values are refused, and why."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.rendering import CASES, CHART, LEAST, ROOT, Case, of_kind, render, rendered
from tests.chart.validating import NEWEST, OLDEST, Invalid, check


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_manifest_is_valid(case: Case) -> None:
    for manifest in rendered(case.name):
        assert manifest["metadata"]["namespace"] == "here"
        assert len(manifest["metadata"]["name"]) <= 58, "a StatefulSet's pods add a number, and Kubernetes a hash"
        if manifest["kind"] != "PodMonitor":  # not of Kubernetes itself
            check(manifest, OLDEST)
            check(manifest, NEWEST)


def test_names_are_taken_once() -> None:
    for case in CASES:
        names = [(each["kind"], each["metadata"]["name"]) for each in rendered(case.name)]
        assert len(names) == len(set(names))


def test_the_validator_notices() -> None:
    (service, *_) = of_kind(rendered("least"), "Service")
    with pytest.raises(Invalid):
        check({**service, "spec": {**service["spec"], "prots": []}})


def test_the_chart_is_of_the_version_that_the_project_is_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == project["version"]


def test_helm_has_nothing_to_complain_about() -> None:
    report = helm_python.lint(CHART, dict(LEAST), strict=True)
    assert report["errors"] == []
    assert [each for each in report["messages"] if each["severity"] > 1] == []


def merged(base: Any, over: Any) -> Any:
    """`over` in `base`, mapping by mapping."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}


REFUSED = [
    ({"s3": {"endpoint": "s3.example.org"}}, "at '/s3/endpoint': 's3.example.org' does not match pattern"),
    ({"s3": {"bucket": ""}}, "at '/s3/bucket': minLength"),
    ({"nats": {"url": ""}}, "at '/nats/url': minLength"),
    ({"nats": {"url": "nats://user:password@nats:4222"}}, "at '/nats/url'"),
    ({"networkPolicy": {"postgres": {"to": []}}}, "at '/networkPolicy/postgres/to': minItems"),
    ({"networkPolicy": {"s3": {"to": [{"cidr": "0.0.0.0/0"}]}}}, "additional properties 'cidr' not allowed"),
    ({"gateway": {"replicas": 3}}, "additional properties 'gateway' not allowed"),
    ({"services": {"gatway": {}}}, "additional properties 'gatway' not allowed"),
    ({"services": {"gateway": {"replica": 3}}}, "additional properties 'replica' not allowed"),
    ({"services": {"gateway": {"replicas": "3"}}}, "at '/services/gateway/replicas': got string, want integer"),
    ({"services": {"agent": {"graceSeconds": 60}}}, "at '/services/agent/graceSeconds': minimum: got 60, want 90"),
    ({"services": {"jobs": {"uid": 0}}}, "at '/services/jobs/uid': minimum"),
    ({"services": {"jobs": {"settings": {"database_url": "postgresql://"}}}}, "invalid propertyName 'database_url'"),
    ({"services": {"jobs": {"settings": {"DEDUPE": "user"}}}}, "invalid propertyName 'DEDUPE'"),
    ({"secrets": {"database": {"keys": {"jobs": "postgresql://x"}}}}, "at '/secrets/database/keys/jobs'"),
    ({"logLevel": "loud"}, "at '/logLevel': value must be one of"),
    ({"ingress": {"enabled": True}}, "at '/ingress/host': minLength"),
    ({"scratch": {"kind": "hostPath"}}, "at '/scratch/kind': value must be one of"),
    ({"secrets": {"swarmProxy": {"existingSecret": "a"}}}, "networkPolicy.swarmProxy.to"),
    ({"swarm": {"port": 80}}, "at '/swarm/port'"),
    ({"swarm": {"refusedNetworks": ["10.0.0.1"]}}, "at '/swarm/refusedNetworks/0'"),
    ({"mail": {"host": "mail.example.org"}}, "networkPolicy.mail.to: say where the mail server is"),
    ({"tracing": {"endpoint": "http://otel:4318"}}, "networkPolicy.tracing.to: say where traces go"),
    ({"podMonitor": {"enabled": True}}, "networkPolicy.monitoring.from: say who may read metrics"),
]


@pytest.mark.parametrize(("wrong", "line"), REFUSED, ids=lambda value: value if isinstance(value, str) else None)
def test_wrong_values_are_refused_with_a_clear_line(wrong: dict[str, Any], line: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        render(merged(LEAST, wrong))
    assert line in str(refusal.value)


def test_without_values_it_says_what_it_needs() -> None:
    with pytest.raises(helm_python.HelmValuesError) as refusal:
        render({})
    for path in ("/s3/endpoint", "/s3/bucket", "/nats/url", "/networkPolicy/postgres/to", "/networkPolicy/s3/to"):
        assert path in str(refusal.value)


def test_each_value_is_in_the_schema_and_each_top_level_one_in_the_readme() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(values) == set(schema["properties"]) - {"global"}
    readme = (CHART / "README.md").read_text()
    for name in values:
        assert f"`{name}" in readme, name


def test_the_values_that_the_documentation_shows_are_good() -> None:
    text = (ROOT / "docs" / "kubernetes.md").read_text()
    (shown,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    manifests = render(yaml.safe_load(shown), "tseeder")
    assert "tseeder-auth" in [each["metadata"]["name"] for each in of_kind(manifests, "Deployment")]  # as it says below
    for manifest in manifests:
        check(manifest)


def test_what_is_to_be_made_before_is_said() -> None:
    """Every Secret of the defaults, and every key of it, is in the documentation."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    text = (ROOT / "docs" / "kubernetes.md").read_text()
    for each in values["secrets"].values():
        if each["existingSecret"]:
            assert each["existingSecret"] in text
            assert all(key in text for key in each["keys"].values())
