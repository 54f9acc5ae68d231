"""The bindings' objects, each with the fields of all its versions.

Kafka's is what is generated from; the other protocols' are checked like any part of a document.
A protocol that the specification does not name may be anything.
"""

from collections.abc import Collection, Mapping
from typing import Final

from ..diagnostics import shown
from ..nodes import Node
from ..structure import Structure
from .kinds import (
    ANYTHING,
    FLAG,
    NULL,
    NUMBER,
    SCHEMA,
    TEXT,
    TEXTS,
    WHOLE,
    Kind,
    ListOf,
    MapOf,
    Object,
    Rule,
    Whole,
    choice,
    either,
)

_COUNT: Final = Whole(0)
_WHOLE_OR_SCHEMA: Final = either(WHOLE, MapOf(ANYTHING))
_QOS: Final = Whole(0, 2)


def _check_registry(structure: Structure, node: Node) -> None:
    if "schemaRegistryVendor" in node.mapping and "schemaRegistryUrl" not in node.mapping:
        structure.invalid(
            "`schemaRegistryVendor` without `schemaRegistryUrl`",
            node.key_location("schemaRegistryVendor"),
            "add `schemaRegistryUrl`, or remove the vendor",
        )


def _fields(what: str, known: Collection[str]) -> Rule:
    """Fields are those of the binding's versions; where none is said, nobody knows which."""

    def check(structure: Structure, node: Node) -> None:
        if "bindingVersion" in node.mapping:
            structure.fields(node, what, known)
            return
        for key in node.mapping:
            if key not in known and not key.startswith("x-"):
                structure.diagnostics.add(
                    "binding-field",
                    f"{what} has no field {shown(key)} in any version; it is ignored",
                    node.key_location(key),
                    "remove it, or say the `bindingVersion` and correct the field",
                )

    return check


def _binding(protocol: str, /, *rules: Rule, **fields: Kind) -> Object:
    known = {name.replace("__", "-"): kind for name, kind in fields.items()}
    known["bindingVersion"] = TEXT
    what = f"the binding `{protocol}`"
    return Object(what, known, open=True, rules=(*rules, _fields(what, known)))


def _object(what: str, /, *required: str, **fields: Kind) -> Object:
    return Object(f"`{what}`", fields, required=required)


def _bindings(protocols: Mapping[str, Object]) -> Object:
    """The object that holds a binding for each protocol; null says nothing of one."""
    return Object(
        "`bindings`",
        {name: either(NULL, binding) for name, binding in protocols.items()},
        open=True,
    )


_TOPIC_CONFIGURATION: Final = Object(
    "`topicConfiguration`",
    {
        "cleanup.policy": ListOf(choice("delete", "compact")),
        "retention.ms": Whole(-1),
        "retention.bytes": Whole(-1),
        "delete.retention.ms": _COUNT,
        "max.message.bytes": _COUNT,
        "confluent.key.schema.validation": FLAG,
        "confluent.key.subject.name.strategy": TEXT,
        "confluent.value.schema.validation": FLAG,
        "confluent.value.subject.name.strategy": TEXT,
    },
    open=True,
)
_DELIVERY_POLICY: Final = MapOf(either(WHOLE, TEXT))
_SQS_QUEUE: Final = Object("the queue", {"name": TEXT, "fifoQueue": FLAG}, ("name",), open=True)
_SOLACE_QUEUE: Final = _object(
    "queue",
    name=TEXT,
    topicSubscriptions=TEXTS,
    accessType=choice("exclusive", "nonexclusive"),
    maxTtl=TEXT,
    maxMsgSpoolUsage=TEXT,
)

SERVER: Final = _bindings(
    {
        "kafka": _binding(
            "kafka", _check_registry, schemaRegistryUrl=TEXT, schemaRegistryVendor=TEXT
        ),
        "mqtt": _binding(
            "mqtt",
            clientId=TEXT,
            cleanSession=FLAG,
            lastWill=_object("lastWill", topic=TEXT, qos=_QOS, message=TEXT, retain=FLAG),
            keepAlive=WHOLE,
            sessionExpiryInterval=_WHOLE_OR_SCHEMA,
            maximumPacketSize=_WHOLE_OR_SCHEMA,
        ),
        "ibmmq": _binding(
            "ibmmq",
            groupId=TEXT,
            ccdtQueueManagerName=TEXT,
            cipherSpec=TEXT,
            multiEndpointServer=FLAG,
            heartBeatInterval=Whole(0, 999_999),
        ),
        "jms": _binding(
            "jms",
            jmsConnectionFactory=TEXT,
            properties=ListOf(Object("a property", {"name": TEXT, "value": ANYTHING})),
            clientID=TEXT,
        ),
        "pulsar": _binding("pulsar", tenant=TEXT),
        "ros2": _binding("ros2", domainId=Whole(0, 231), rmwImplementation=TEXT),
        "solace": _binding("solace", msvVpn=TEXT, msgVpn=TEXT, clientName=TEXT),
    }
)

CHANNEL: Final = _bindings(
    {
        "kafka": _binding(
            "kafka",
            topic=TEXT,
            partitions=Whole(1),
            replicas=Whole(1),
            topicConfiguration=_TOPIC_CONFIGURATION,
        ),
        "amqp": _binding(
            "amqp",
            **{"is": choice("queue", "routingKey")},
            exchange=_object(
                "exchange",
                name=TEXT,
                type=choice("topic", "direct", "fanout", "default", "headers"),
                durable=FLAG,
                autoDelete=FLAG,
                vhost=TEXT,
            ),
            queue=_object(
                "queue", name=TEXT, durable=FLAG, exclusive=FLAG, autoDelete=FLAG, vhost=TEXT
            ),
        ),
        "ws": _binding("ws", method=choice("GET", "POST"), query=SCHEMA, headers=SCHEMA),
        "anypointmq": _binding(
            "anypointmq",
            destination=TEXT,
            destinationType=choice("exchange", "queue", "fifo-queue"),
        ),
        "jms": _binding("jms", destination=TEXT, destinationType=choice("queue", "fifo-queue")),
        "googlepubsub": _binding(
            "googlepubsub",
            labels=MapOf(ANYTHING),
            messageRetentionDuration=TEXT,
            messageStoragePolicy=_object("messageStoragePolicy", allowedPersistenceRegions=TEXTS),
            schemaSettings=_object(
                "schemaSettings",
                "encoding",
                "name",
                encoding=TEXT,
                firstRevisionId=TEXT,
                lastRevisionId=TEXT,
                name=TEXT,
            ),
            topic=TEXT,
        ),
        "ibmmq": _binding(
            "ibmmq",
            destinationType=choice("topic", "queue"),
            queue=_object(
                "queue", "objectName", objectName=TEXT, isPartitioned=FLAG, exclusive=FLAG
            ),
            topic=_object(
                "topic", string=TEXT, objectName=TEXT, durablePermitted=FLAG, lastMsgRetained=FLAG
            ),
            maxMsgLength=Whole(0, 104_857_600),
        ),
        "pulsar": _binding(
            "pulsar",
            namespace=TEXT,
            persistence=choice("persistent", "non-persistent"),
            compaction=_COUNT,
            geo__replication=TEXTS,
            retention=_object("retention", time=_COUNT, size=_COUNT),
            ttl=WHOLE,
            deduplication=FLAG,
        ),
        "sns": _binding(
            "sns",
            name=TEXT,
            ordering=_object(
                "ordering", "type", type=choice("standard", "FIFO"), contentBasedDeduplication=FLAG
            ),
            policy=_object("policy", "statements", statements=ListOf(MapOf(ANYTHING))),
            tags=MapOf(ANYTHING),
        ),
        "sqs": _binding("sqs", queue=_SQS_QUEUE, deadLetterQueue=_SQS_QUEUE),
    }
)

OPERATION: Final = _bindings(
    {
        "kafka": _binding("kafka", groupId=SCHEMA, clientId=SCHEMA),
        "amqp": _binding(
            "amqp",
            expiration=_COUNT,
            userId=TEXT,
            cc=TEXTS,
            priority=WHOLE,
            deliveryMode=Whole(1, 2),
            mandatory=FLAG,
            bcc=TEXTS,
            replyTo=TEXT,
            timestamp=FLAG,
            ack=FLAG,
        ),
        "http": _binding(
            "http",
            type=choice("request", "response"),
            method=choice(
                "GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"
            ),
            query=SCHEMA,
        ),
        "mqtt": _binding("mqtt", qos=_QOS, retain=FLAG, messageExpiryInterval=_WHOLE_OR_SCHEMA),
        "nats": _binding("nats", queue=TEXT),
        "ros2": _binding(
            "ros2",
            role=choice(
                "publisher",
                "action_client",
                "service_client",
                "subscriber",
                "action_server",
                "service_server",
            ),
            node=TEXT,
            qosPolicies=MapOf(either(WHOLE, TEXT)),
        ),
        "sns": _binding(
            "sns",
            topic=MapOf(TEXT),
            consumers=ListOf(MapOf(ANYTHING)),
            deliveryPolicy=_DELIVERY_POLICY,
        ),
        "solace": _binding(
            "solace",
            destinations=ListOf(
                _object(
                    "destination",
                    destinationType=choice("queue", "topic"),
                    deliveryMode=choice("direct", "persistent"),
                    queue=_SOLACE_QUEUE,
                    topic=MapOf(ANYTHING),
                    topicSubscriptions=TEXTS,
                )
            ),
            timeToLive=WHOLE,
            priority=Whole(0, 255),
            dmqEligible=FLAG,
        ),
        "sqs": _binding("sqs", queues=ListOf(_SQS_QUEUE)),
    }
)

MESSAGE: Final = _bindings(
    {
        "kafka": _binding(
            "kafka",
            key=SCHEMA,
            schemaIdLocation=choice("header", "payload"),
            schemaIdPayloadEncoding=TEXT,
            schemaLookupStrategy=TEXT,
        ),
        "amqp": _binding("amqp", contentEncoding=TEXT, messageType=TEXT),
        "anypointmq": _binding("anypointmq", headers=SCHEMA),
        "googlepubsub": _binding(
            "googlepubsub",
            attributes=MapOf(ANYTHING),
            orderingKey=TEXT,
            schema=_object("schema", "name", name=TEXT, type=TEXT),
        ),
        "http": _binding("http", headers=SCHEMA, statusCode=NUMBER),
        "ibmmq": _binding(
            "ibmmq",
            type=choice("string", "jms", "binary"),
            headers=TEXT,
            description=TEXT,
            expiry=_COUNT,
        ),
        "jms": _binding("jms", headers=SCHEMA),
        "mqtt": _binding(
            "mqtt",
            payloadFormatIndicator=Whole(0, 1),
            correlationData=SCHEMA,
            contentType=TEXT,
            responseTopic=either(TEXT, MapOf(ANYTHING)),
        ),
    }
)
