"""The documentation and the code say the same."""

import re
from pathlib import Path

import yaml
from jinja2 import Template

from axion_gen.asyncapi.rules import RULES
from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.metrics import BusCollector

from . import stopping
from .runtime.items import Bus

ROOT = Path(__file__).parent.parent


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    documented = re.findall(
        r"^\| `(KAFKA_\w+)` \| (?:`(.*?)`)? ?\| (.*) \|$",
        (ROOT / "docs" / "runtime" / "settings.md").read_text(),
        re.MULTILINE,
    )
    assert documented == [
        (f"KAFKA_{name.upper()}", str(field.default or ""), field.description)
        for name, field in KafkaSettings.model_fields.items()
    ]


def test_every_step_of_a_stop_is_documented_with_its_limit() -> None:
    text = (ROOT / "docs" / "runtime" / "settings.md").read_text()
    documented = re.findall(r"^\| ([a-z ]+) \| (\d+) \|", text, re.MULTILINE)
    steps = stopping.steps_of_the_bus(KafkaSettings())
    assert documented == [(step, f"{seconds:g}") for step, seconds in steps.items()]
    together = sum(steps.values())
    rest = together - KafkaSettings().rebalance_timeout_s
    assert f"**{together:g}** | `KAFKA_REBALANCE_TIMEOUT_S` and {rest:g} |" in text


def test_every_metric_is_documented_with_its_labels_and_meaning() -> None:
    documented = re.findall(
        r"^\| `(axion_\w+)` \| (\w+) \| (.*?) ?\| (.*) \|$",
        (ROOT / "docs" / "runtime" / "observing.md").read_text(),
        re.MULTILINE,
    )
    assert documented == [
        (
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            ", ".join(family._labelnames),  # type: ignore[attr-defined]  # of every family
            family.documentation,
        )
        for family in BusCollector(Bus("items")).describe()
    ]


def test_what_is_said_of_metrics_is_of_those_that_there_are() -> None:
    text = (ROOT / "docs" / "runtime" / "observing.md").read_text()
    shown = set(re.findall(r"^\| `(axion_\w+)` \|", text, re.MULTILINE))
    said = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
    assert set(re.findall(r"axion_\w+", said)) <= shown


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), f"README.md links to {target}"


def test_every_rule_of_the_generator_is_documented() -> None:
    rules = re.findall(
        r"^\| `([a-z-]+)` \| (.*) \| (.*) \|$",
        (ROOT / "docs" / "generator" / "rules.md").read_text(),
        re.MULTILINE,
    )
    assert rules == [
        (name, f"{rule.severity}{', *not yet*' if rule.not_yet else ''}", rule.summary)
        for name, rule in RULES.items()
    ]


def test_every_question_is_documented_with_its_default() -> None:
    documented = re.findall(
        r"^\| `([a-z_]+)` \| `(.*?)` \|",
        (ROOT / "docs" / "blueprints.md").read_text(),
        re.MULTILINE,
    )
    files = (ROOT / "copier.yml", *sorted((ROOT / "blueprints").glob("*/questions.yml")))
    asked = [
        (name, Template(question["default"]).render(blueprint="crud-service"))
        for file in files
        for document in yaml.load_all(file.read_text(), _Loader)
        if isinstance(document, dict)
        for name, question in document.items()
        if isinstance(question, dict) and "help" in question
    ]
    assert documented == asked


class _Loader(yaml.SafeLoader):
    """What Copier reads: YAML with a tag of its own."""


_Loader.add_constructor("!include", lambda _loader, _node: None)


def test_every_alert_of_a_service_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    rules = (ROOT / "template" / "{{ kubernetes }}" / "monitoring.yaml.jinja").read_text()
    alerts = re.findall(r"alert\('(\w+)'", rules)
    assert alerts
    assert {name for name in alerts if f"`{name}`" not in text} == set()
