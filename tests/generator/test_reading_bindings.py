"""What Kafka's bindings say of topics and of the service."""

from pathlib import Path

import pytest

from .generating import contract_of, found_in, small, warned


def test_a_topic(tmp_path: Path) -> None:
    configuration = (
        "{cleanup.policy: [delete, compact], retention.ms: 604800000, max.message.bytes: 1048588,"
        " confluent.key.schema.validation: true, x-own: 1}"
    )
    channel = (
        "bindings: {kafka: {topic: real, partitions: 6, replicas: 3,"
        f" topicConfiguration: {configuration}}}}}"
    )
    topic = contract_of(tmp_path, small(channel=channel)).topics[0]
    assert (topic.address, topic.partitions, topic.replicas) == ("real", 6, 3)
    assert topic.configuration == {
        "cleanup.policy": "delete,compact",
        "retention.ms": "604800000",
        "max.message.bytes": "1048588",
        "confluent.key.schema.validation": "true",
    }


def test_what_the_binding_does_not_say(tmp_path: Path) -> None:
    topic = contract_of(tmp_path, small()).topics[0]
    assert (topic.partitions, topic.replicas, topic.configuration) == (1, 1, {})


def with_operations(**bindings: str) -> str:
    """A document whose operations have these bindings."""
    text = small().partition("operations:")[0] + "operations:\n"
    for name, binding in bindings.items():
        text += (
            f"  {name}: {{action: {name.rstrip('0123456789')},"
            f" channel: {{$ref: '#/channels/things'}}, bindings: {{kafka: {binding}}}}}\n"
        )
    return text + "x-group: {const: mine}\n"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("{type: string, const: mine}", "mine"),
        ("{type: string, enum: [mine]}", "mine"),
        ("{type: string, default: mine}", "mine"),
        ("{$ref: '#/x-group'}", "mine"),
        ("{type: string, enum: [mine, yours], default: yours}", "yours"),
        ("{type: string, enum: [mine, yours]}", None),
        ("{type: string, description: Begins with svc.}", None),
    ],
)
def test_group_and_client(tmp_path: Path, schema: str, value: str | None) -> None:
    text = with_operations(receive=f"{{groupId: {schema}, clientId: {schema}}}")
    contract = contract_of(tmp_path, text)
    assert (contract.group_id, contract.client_id) == (value, value)


def test_the_group_of_what_is_sent_means_nothing(tmp_path: Path) -> None:
    text = with_operations(send="{groupId: {const: theirs}, clientId: {const: me}}")
    contract = contract_of(tmp_path, text)
    assert (contract.group_id, contract.client_id) == (None, "me")


def test_a_service_has_one_group(tmp_path: Path) -> None:
    text = with_operations(
        receive1="{groupId: {const: first}}", receive2="{groupId: {const: second}}"
    )
    contract, warnings = warned(tmp_path, text)
    assert contract.group_id == "first"
    assert warnings == ["binding-differs"]


def test_bindings_of_version_2(tmp_path: Path) -> None:
    contract = contract_of(
        tmp_path,
        """
        asyncapi: 2.4.0
        info: {title: T, version: '1'}
        servers:
          prod:
            url: localhost:9092
            protocol: kafka
            bindings: {kafka: {schemaRegistryUrl: 'http://registry', schemaRegistryVendor: any}}
        channels:
          orders:
            servers: [prod]
            bindings: {$ref: '#/components/channelBindings/wide'}
            publish:
              bindings: {kafka: {groupId: {type: string, enum: [mine]}}}
              message:
                name: m
                payload: {type: object}
                bindings: {kafka: {key: {type: string}, bindingVersion: 0.3.0}}
        components: {channelBindings: {wide: {kafka: {partitions: 9}}}}
        """,
    )
    (topic,) = contract.topics
    assert (topic.partitions, contract.group_id) == (9, "mine")
    assert topic.messages[0].key_schema is not None


@pytest.mark.parametrize(
    "kafka", ["{partitions: 0}", "{partitions: many}", "{replicas: 1.5}", "{topic: 3}"]
)
def test_a_binding_that_is_wrong(tmp_path: Path, kafka: str) -> None:
    found = found_in(tmp_path, small(channel=f"bindings: {{kafka: {kafka}}}"))
    assert [finding.rule in ("invalid-value", "wrong-type") for finding in found] == [True]
