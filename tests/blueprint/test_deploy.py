"""What goes to Kubernetes, Prometheus and Grafana, judged by what they are told with."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule
from pydantic import BaseModel

from .. import stopping
from .conftest import BIN, copier, in_service, run

SERVICES = {
    "crud-service": {"service_name": "items"},
    "event-worker": {"service_name": "notices", "store": "sql", "deploy": "kubernetes-keda"},
    "http-gateway": {"service_name": "gate", "deploy": "kubernetes-keda"},
}
OPERATORS: dict[str, type[BaseModel]] = {
    "ScaledObject": ScaledObject,
    "PodMonitor": PodMonitor,
    "PrometheusRule": PrometheusRule,
}
ELSEWHERE = {"Kustomization", "KafkaTopic"}  # no schema is to be had

SHOWN = """
from prometheus_client import CollectorRegistry, generate_latest
from {0}.bus.kafka import Bus
from {0}.bus.runtime.metrics import BusCollector
registry = CollectorRegistry()
registry.register(BusCollector(Bus("x"), blueprint="x"))
print(generate_latest(registry).decode())
"""
SHOWN_BY_THE_GATEWAY = """
from unittest.mock import MagicMock
from prometheus_client import generate_latest
from {0}.metrics import Metrics
print(generate_latest(Metrics(MagicMock()).registry).decode())
"""


@pytest.fixture(scope="module", params=SERVICES)
def service(
    request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A copied service; what is generated from its contract is not needed here."""
    folder = tmp_path_factory.mktemp("deploy") / str(request.param)
    answers = {"blueprint": request.param, **SERVICES[request.param]}
    data = [f"--data={name}={value}" for name, value in answers.items()]
    done = copier("copy", *data, template, folder, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return folder


def manifests(service: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((service / "deploy").glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def manifest(service: Path, kind: str) -> dict[str, Any]:
    return next(found for found in manifests(service) if found["kind"] == kind)


def contract(service: Path) -> dict[str, int]:
    """The topics of the service's contract, with their partitions."""
    channels = yaml.safe_load((service / "asyncapi.yaml").read_text())["channels"].values()
    return {each["address"]: each["bindings"]["kafka"]["partitions"] for each in channels}


def test_manifests_are_what_kubernetes_and_its_operators_take(service: Path) -> None:
    version = kubernetes_validate.latest_version()
    seen = set()
    for found in manifests(service):
        kind = found["kind"]
        seen.add(kind)
        if model := OPERATORS.get(kind):
            # A field that the operator does not know is lost on the way.
            read = model.model_validate(found)
            assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == found
        elif kind not in ELSEWHERE:
            kubernetes_validate.validate(found, version, strict=True)
    assert {"Deployment", "PodDisruptionBudget", "NetworkPolicy", "PrometheusRule"} <= seen


def test_what_kubernetes_does_not_know_would_be_found(service: Path) -> None:
    wrong = manifest(service, "Deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_kustomize_is_told_of_each_file_that_is_there(service: Path) -> None:
    folder = service / "deploy"
    told = manifest(service, "Kustomization")
    named = {*told["resources"], "kustomization.yaml"}
    for made in told["configMapGenerator"]:
        named |= {*made.get("files", ()), *made.get("envs", ())}
    apart = {"topics.yaml"}  # goes to the namespace of the Kafka cluster
    assert named == {path.name for path in folder.iterdir()} - apart


def test_the_grace_period_is_longer_than_a_stop_may_take(service: Path) -> None:
    stop = sum(stopping.steps(service).values())
    pod = manifest(service, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > before + stop
    if service.name != "http-gateway":
        composed = yaml.safe_load((service / "compose.yaml").read_text())["services"]["service"]
        assert float(composed["stop_grace_period"].removesuffix("s")) > stop


def test_each_probe_asks_its_own_question(service: Path) -> None:
    (container,) = manifest(service, "Deployment")["spec"]["template"]["spec"]["containers"]
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    paths = [container[probe]["httpGet"]["path"] for probe in probes]
    assert paths == ["/health/started", "/health/live", "/health/ready"]


def test_only_the_gateway_reaches_a_service_that_believes_its_headers(service: Path) -> None:
    (*others, prometheus) = manifest(service, "NetworkPolicy")["spec"]["ingress"]
    assert prometheus["from"][0]["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "prometheus"
    }
    labels = {"app.kubernetes.io/component": "http-gateway"}
    allowed = {
        "crud-service": [[{"podSelector": {"matchLabels": labels}}]],
        "event-worker": [],
        "http-gateway": [
            [
                {
                    "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}
                    }
                }
            ]
        ],
    }
    assert [rule["from"] for rule in others] == allowed[service.name]


def test_topics_are_those_of_the_contract_and_of_dead_letters(service: Path) -> None:
    if service.name == "http-gateway":
        assert not (service / "deploy" / "topics.yaml").exists()
        return
    name = SERVICES[service.name]["service_name"]
    made = {
        found["metadata"]["name"]: found["spec"]
        for found in manifests(service)
        if found["kind"] == "KafkaTopic"
    }
    letters, replay = made.pop(f"{name}-dlq"), made.pop(f"{name}-replay")
    assert letters["config"]["retention.ms"] == "-1"
    for spec in (letters, replay):
        assert int(spec["config"]["max.message.bytes"]) == 1_048_588 + 64 * 1024
        assert spec["partitions"] == 1
    foreign = {"event-worker": {"item.events"}}.get(service.name, set())
    topics = contract(service)
    assert {topic: spec["partitions"] for topic, spec in made.items()} == {
        topic: partitions for topic, partitions in topics.items() if topic not in foreign
    }
    compose = (service / "compose.yaml").read_text()
    assert dict(re.findall(r"create ([\w.]+) (\d+)$", compose, re.MULTILINE)) == {
        topic: str(partitions) for topic, partitions in topics.items()
    }


def test_scaling_follows_lag_and_ends_at_the_number_of_partitions(service: Path) -> None:
    if service.name != "event-worker":
        pytest.skip("has no ScaledObject on lag: not asked for, or no topics")
    spec = manifest(service, "ScaledObject")["spec"]
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["consumerGroup"] == "notices-group"
    assert spec["maxReplicaCount"] == contract(service)[trigger["metadata"]["topic"]]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 1800
    assert "replicas" not in manifest(service, "Deployment")["spec"]


def alerts(service: Path) -> list[dict[str, Any]]:
    (group,) = manifest(service, "PrometheusRule")["spec"]["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def test_each_alert_has_its_section_in_the_runbook_and_each_section_an_alert(
    service: Path,
) -> None:
    runbook = (service / "docs" / "runbook.md").read_text()
    sections = re.findall(r"^## (.+)$", runbook, re.MULTILINE)
    assert sections == [rule["alert"] for rule in alerts(service)]
    anchors = [rule["annotations"]["runbook"].partition("#")[2] for rule in alerts(service)]
    assert anchors == [section.lower() for section in sections]
    assert set(re.findall(r"\]\(#(\w+)\)", runbook)) <= set(anchors)


def test_alerts_and_dashboard_name_metrics_that_the_service_exports(service: Path) -> None:
    package = SERVICES[service.name]["service_name"]
    script = SHOWN_BY_THE_GATEWAY if service.name == "http-gateway" else SHOWN
    done = in_service(service, sys.executable, "-c", script.format(package))
    assert done.returncode == 0, done.stderr
    exported = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", done.stdout, re.MULTILINE):
        exported |= (
            {name + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
        )
    dashboard = json.loads((service / "deploy" / "dashboard.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    used = {
        name
        for expr in [*shown, *(rule["expr"] for rule in alerts(service))]
        for name in re.findall(r"\baxion_\w+", expr)
    }
    assert used
    assert used - exported == set()


def promtool(folder: Path, *arguments: str) -> str:
    """What promtool says, which must be content; it comes with Debian's package prometheus."""
    if shutil.which("promtool") is None:
        assert "AXION_REQUIRE_SERVERS" not in os.environ, "promtool is required, and not here"
        pytest.skip("promtool is not installed: apt-get install prometheus")
    done = run("promtool", *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# What makes each alert fire: its series over an hour, and the labels of the alert.
FIRING: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "Absent": ({"up{J}": "0x60"}, {}),
    "NotReady": ({'axion_ready{J,pod="a"}': "0x60"}, {"pod": "a"}),
    "DeadLetters": ({"axion_dead_letters_open{J}": "1x60"}, {}),
    "ConsumerLag": ({'axion_consumer_lag_seconds{J,topic="t"}': "400x60"}, {"topic": "t"}),
    "MessagesHeld": ({"axion_messages_held_seconds{J}": "400x60"}, {}),
    "MessagesStuck": ({'axion_messages_stuck{J,topic="t"}': "1x60"}, {"topic": "t"}),
    "Retries": (
        {
            'axion_handler_retries_total{J,topic="t"}': "0+20x60",
            'axion_messages_received_total{J,topic="t"}': "0+100x60",
        },
        {"topic": "t"},
    ),
    "PartitionHalted": (
        {'axion_partition_halted{J,topic="t",partition="0"}': "1x60"},
        {"topic": "t", "partition": "0"},
    ),
    "RecordsLost": ({'axion_position_jumps_total{J,topic="t"}': "0 1x59"}, {"topic": "t"}),
    "EmitFailures": ({"axion_emit_failures_total{J}": "0+1x60"}, {}),
    "CommitFailures": (
        {"axion_commit_failures_total{J}": "0+1x60", "axion_commits_total{J}": "5x60"},
        {},
    ),
    "OutboxLate": ({"axion_outbox_oldest_seconds{J}": "90x60"}, {}),
    "OutboxParked": ({"axion_outbox_parked{J}": "1x60"}, {}),
    "NoKeys": ({'axion_gateway_keys_at_hand{J,pod="a"}': "0x60"}, {"pod": "a"}),
    "ServerErrors": (
        {'axion_gateway_requests_total{J,route="/items",status="504"}': "0+9x60"},
        {"route": "/items"},
    ),
    "Slow": (
        {
            'axion_gateway_request_duration_seconds_bucket{J,route="/items",le="5.0"}': "0x60",
            'axion_gateway_request_duration_seconds_bucket{J,route="/items",le="10.0"}': "0+9x60",
            'axion_gateway_request_duration_seconds_bucket{J,route="/items",le="+Inf"}': "0+9x60",
        },
        {"route": "/items"},
    ),
    "Refused": ({'axion_gateway_requests_total{J,route="",status="401"}': "0+9x60"}, {}),
}
HEALTHY = {"up{J}": "1x60", 'axion_ready{J,pod="a"}': "1x60", "axion_dead_letters_open{J}": "0x60"}


def test_each_alert_fires_when_it_should_and_only_then(service: Path, tmp_path: Path) -> None:
    rules = alerts(service)
    group = {"groups": manifest(service, "PrometheusRule")["spec"]["groups"]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(group))
    promtool(tmp_path, "check", "rules", "--lint-fatal", "rules.yaml")

    job = f'job="{SERVICES[service.name]["service_name"]}",namespace="n"'

    def case(series: dict[str, str], rule: dict[str, Any], *labels: dict[str, str]) -> object:
        values = [
            {"series": name.replace("J", job), "values": each} for name, each in series.items()
        ]
        expected = [
            {"exp_labels": {**rule["labels"], **each}, "exp_annotations": rule["annotations"]}
            for each in labels
        ]
        tested = {"eval_time": "55m", "alertname": rule["alert"], "exp_alerts": expected}
        return {"interval": "1m", "input_series": values, "alert_rule_test": [tested]}

    cases = []
    for rule in rules:
        series, labels = FIRING[rule["alert"]]
        space = {} if rule["alert"] == "Absent" else {"namespace": "n"}
        cases += [case(series, rule, {**space, **labels}), case(HEALTHY, rule)]
    tests = {"rule_files": ["rules.yaml"], "tests": cases}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests))
    promtool(tmp_path, "test", "rules", "tests.yaml")


def test_the_image_is_made_as_hadolint_would_have_it(service: Path) -> None:
    done = run(BIN / "hadolint", "Dockerfile", cwd=service)
    assert done.returncode == 0, done.stdout


def test_workflows_compose_and_renovate_are_what_their_schemas_say(service: Path) -> None:
    workflows = sorted(map(str, (service / ".github" / "workflows").iterdir()))
    checked = {"github-workflows": workflows, "renovate": [".github/renovate.json"]}
    if service.name != "http-gateway":
        checked["compose-spec"] = ["compose.yaml"]
    for schema, paths in checked.items():
        done = run(
            BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *paths, cwd=service
        )
        assert done.returncode == 0, done.stdout


def test_workflows_give_nothing_away(service: Path) -> None:
    done = run(BIN / "zizmor", "--offline", "--format=json", ".", cwd=service)
    found = {finding["ident"] for finding in json.loads(done.stdout)}
    assert found <= {"unpinned-uses"}  # Renovate pins them, and keeps them up to date


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not installed")
def test_workflows_are_what_actionlint_would_have(service: Path) -> None:
    done = run("actionlint", *sorted((service / ".github" / "workflows").iterdir()), cwd=service)
    assert done.returncode == 0, done.stdout


def test_where_nothing_is_asked_for_nothing_is_left(template: Path, tmp_path: Path) -> None:
    for blueprint in SERVICES:
        folder = tmp_path / blueprint
        data = (f"--data=blueprint={blueprint}", "--data=deploy=none", "--data=ci=none")
        done = copier("copy", *data, template, folder, "--skip-tasks", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        for name in ("deploy", "docs", ".github"):
            assert list(folder.glob(f"{name}/**/*")) == []
