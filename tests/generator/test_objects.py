"""Every object of a document is held to the specification, used or not, for any protocol."""

from pathlib import Path

import pytest

from .generating import found_in

V3 = "asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\n"
V2 = "asyncapi: 2.6.0\ninfo: {title: T, version: '1'}\n"
COMPONENTS = f"{V3}components:\n  "
BINDINGS = f"{COMPONENTS}channelBindings: {{a: "
SCHEME = f"{COMPONENTS}securitySchemes: {{a: "

WRONG = {
    f"{V3}id: 3": "3:5 wrong-type",
    f"{V3}tags: []": "3:1 unknown-field",
    f"{V2}channels: {{}}\ntags: [a]": "4:8 wrong-type",
    V2: "1:1 missing-field",
    f"{V2}channels: {{a: {{publish: {{message: {{oneOf: [{{tag: 1}}]}}}}}}}}": "3:45 unknown-field",
    f"{V2}channels: {{a: {{publish: {{bindings: 3}}}}}}": "3:36 wrong-type",
    f"{V3}servers: {{a: {{host: h, protocol: ''}}}}": "3:34 invalid-value",
    f"{V3}servers: {{a: {{host: 'x://h', protocol: kafka}}}}": "3:21 invalid-value",
    f"{COMPONENTS}tags: {{a: {{}}}}": "4:13 missing-field",
    f"{COMPONENTS}tags: {{a#b: {{name: x}}}}": "4:10 invalid-value",
    f"{COMPONENTS}replies: {{a: {{channel: {{}}}}}}": "4:26 invalid-value",
    f"{COMPONENTS}replies: {{a: {{messages: [3]}}}}": "4:28 wrong-type",
    f"{COMPONENTS}replyAddresses: {{a: {{location: here}}}}": "4:34 invalid-value",
    f"{COMPONENTS}operationTraits: {{a: {{action: send}}}}": "4:25 unknown-field",
    f"{COMPONENTS}messages: {{a: {{$ref: {{}}}}}}": "4:24 reference-malformed",
    f"{COMPONENTS}serverVariables: {{a: {{enum: [b], default: c}}}}": "4:45 invalid-value",
    f"{COMPONENTS}serverVariables: {{a: {{enum: [3]}}}}": "4:32 wrong-type",
    BINDINGS + "{kafka: {partitions: 1.5}}}": "4:45 invalid-value",
    BINDINGS + "{kafka: {replicas: yes}}}": "4:43 wrong-type",
    BINDINGS + "{kafka: {topicConfiguration: {retention.ms: -2}}}}": "4:68 invalid-value",
    BINDINGS + "{kafka: {other: 1, bindingVersion: 0.5.0}}}": "4:33 unknown-field",
    BINDINGS + "{amqp: {is: exchange}}}": "4:36 invalid-value",
    BINDINGS + "{ws: {method: PUT}}}": "4:38 invalid-value",
    SCHEME + "{type: basic}}": "4:31 invalid-value",
    SCHEME + "{}}": "4:24 missing-field",
    SCHEME + "{type: http}}": "4:24 missing-field",
    SCHEME + "{type: oauth2, flows: {password: {availableScopes: {}}}}}": "4:57 missing-field",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=WRONG.values())
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, text: str, said: str) -> None:
    found = [f"{f.location.line}:{f.location.column} {f.rule}" for f in found_in(tmp_path, text)]
    assert found == [said]


HARMLESS = {
    BINDINGS + "{kafka: {other: 1}}}": ["binding-field"],
    BINDINGS + "{kafka: null, unheard: {of: 1}}}": [],
    BINDINGS + "{kafka: {topicConfiguration: {x.y: 1}, x-own: 1}}}": [],
    f"{COMPONENTS}tags: {{'a:b': {{name: x}}, 'c d': {{name: x}}}}": ["component-key"],
    f"{V2}channels: {{}}\nservers: {{c: {{url: u, protocol: p, security: [{{d: []}}]}}}}": [
        "security-undescribed"
    ],
}


@pytest.mark.parametrize(("text", "rules"), HARMLESS.items(), ids=range(len(HARMLESS)))
def test_what_does_no_harm_is_at_most_a_warning(
    tmp_path: Path, text: str, rules: list[str]
) -> None:
    found = found_in(tmp_path, text)
    assert [finding.rule for finding in found if finding.rule != "channel-unused"] == rules
    assert not [finding for finding in found if finding.severity == "error"]


def test_an_object_in_another_file_is_checked_there_once(tmp_path: Path) -> None:
    (tmp_path / "tags.yaml").write_text("a: {nam: x}\n")
    text = f"{COMPONENTS}tags: {{a: {{$ref: tags.yaml#/a}}, b: {{$ref: tags.yaml#/a}}}}"
    found = found_in(tmp_path, text)
    assert [(f.location.source.path.name, f.rule) for f in found] == [
        ("tags.yaml", "missing-field"),
        ("tags.yaml", "unknown-field"),
    ]
