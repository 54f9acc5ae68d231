"""The topics that a service has for itself, as whoever creates them should make them."""

from typing import Final

from .contract import Contract, Topic, dead_letter_topic, replay_topic, replies_topic
from .interceptors.dead_letter import ADDED_BYTES

_SIZE: Final = "max.message.bytes"
_DEFAULT_SIZE: Final = 1024 * 1024 + 12
"""What Kafka takes where nothing is said: a record of 1 MiB, and what is around it."""


def own_topics(contract: Contract, service: str) -> tuple[Topic, ...]:
    """A service's topics of dead letters, of replays and, if it names one, of replies.

    Dead letters are kept for ever, and are larger than what the service receives, replayed too.

    Args:
        contract: what the service receives, and how large that may be.
        service: its name.
    """
    sizes = [int(topic.configuration.get(_SIZE, _DEFAULT_SIZE)) for topic in contract.received]
    size, replicas = max(sizes, default=_DEFAULT_SIZE), _replicas(contract)
    replays = {_SIZE: str(size + ADDED_BYTES)}
    letters = {"retention.ms": "-1", **replays}
    names = [(dead_letter_topic(service), letters), (replay_topic(service), replays)]
    names += [(replies_topic(service), {})] if contract.names_replies else []
    return tuple(
        Topic(name, messages=(), replicas=replicas, configuration=configuration)
        for name, configuration in names
    )


def _replicas(contract: Contract) -> int:
    return max((topic.replicas for topic in contract.received), default=1)
