"""What must be so on the brokers before a service starts."""

import asyncio
import logging
import math
from collections.abc import Iterable, Mapping

from aiokafka.errors import (  # type: ignore[import-untyped]  # ships no types
    IncompatibleBrokerVersion,
    KafkaError,
    for_code,
)
from aiokafka.protocol.admin import (  # type: ignore[import-untyped]  # ships no types
    DescribeConfigsRequest,
)
from aiokafka.record.default_records import (  # type: ignore[import-untyped]  # ships no types
    DefaultRecordBatch,
    _DefaultRecordBatchPy,
)

from ..addresses import Topics
from ..errors import StartError
from ..interceptors.dead_letter import ADDED_BYTES
from ..settings import KafkaSettings
from .connection import Client, connection
from .security import describe, refusal, warn_of_weakness

logger = logging.getLogger(__name__)

_TOPIC = 2
"""A topic, among the kinds of thing that have a configuration."""
_WATCHED = ("max.message.bytes", "retention.ms", "cleanup.policy")
_PAUSE_S = 1.0


async def require_topics(
    settings: KafkaSettings,
    client_id: str,
    needed: Iterable[str],
    *,
    received: Iterable[str] = (),
    dead_letters: str | None = None,
    replay: str | None = None,
) -> float | None:
    """Wait for the brokers, then see that topics are as they must be; none is ever created.

    Returns:
        How long the topics that are `received` keep records at most, in seconds: infinity
        where one keeps them for ever, None where the brokers do not say.

    Raises:
        StartError: no broker answers within `KAFKA_START_TIMEOUT_S`, the brokers and this
            client do not trust each other, topics are missing, or `dead_letters` would not
            take every record of `received`. That `replay` would not take every letter is
            a warning.
    """
    sources = sorted(received)
    for topic in sources:
        if topic.endswith("-dlq"):
            raise StartError(
                f"{topic} holds dead letters, which are no source: `axion dead-letters replay`"
                " gives them back to the service they came from"
            )
    warn_of_weakness(settings)
    _warn_of_slowness()
    client = await _connected(settings, client_id)
    try:
        cluster = await client.fetch_all_metadata()
        there: set[str] = cluster.topics(exclude_internal_topics=False)
        missing = sorted(set(needed) - there)
        if missing:
            raise StartError(
                f"topics are missing on {settings.bootstrap_servers}: {', '.join(missing)};"
                " create them, for services create none"
            )
        if isinstance(received, Topics):  # those too that only now have a name
            sources = sorted({*sources, *(topic for topic in there if topic in received)})
        own = [topic for topic in (dead_letters, replay) if topic is not None]
        configuration = await _configuration(client, [*sources, *own]) if sources else {}
    except KafkaError as error:
        raise StartError(
            f"the brokers at {settings.bootstrap_servers} do not tell of their topics: {error!r}"
        ) from None
    finally:
        await client.close()
    if dead_letters is not None and sources:
        _check_size(settings, configuration, sources, dead_letters, replay)
        _check_keeping(configuration, dead_letters)
    return _longest_retention(configuration, sources)


def _warn_of_slowness() -> None:
    if DefaultRecordBatch is _DefaultRecordBatchPy:
        logger.warning(
            "aiokafka runs without its C extension: consuming takes about 15 times as long;"
            " install it from a wheel, and do not set AIOKAFKA_NO_EXTENSIONS"
        )


async def _connected(settings: KafkaSettings, client_id: str) -> Client:
    """A client that has heard of the cluster."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + settings.start_timeout_s
    waiting = False
    while True:
        client = Client(**connection(settings, client_id))
        try:
            await client.bootstrap()
        except ValueError as error:  # how aiokafka says that an address is none
            raise StartError(
                f"KAFKA_BOOTSTRAP_SERVERS={settings.bootstrap_servers!r} is wrong: {error}"
            ) from None
        except KafkaError:
            await client.close()
        else:
            return client
        for fault in client.faults:
            if advice := refusal(fault, settings):
                raise StartError(f"{settings.bootstrap_servers}: {advice}")
        if loop.time() >= deadline:
            raise StartError(
                f"no Kafka broker answers at {settings.bootstrap_servers}"
                f" (tried for {settings.start_timeout_s:g} s; {describe(client.faults, settings)}):"
                " start one, or set KAFKA_BOOTSTRAP_SERVERS"
            )
        if not waiting:
            logger.warning(
                "waiting for the brokers at %s: %s",
                settings.bootstrap_servers,
                describe(client.faults, settings),
            )
            waiting = True
        await asyncio.sleep(min(_PAUSE_S, settings.start_timeout_s))


async def _configuration(client: Client, topics: list[str]) -> dict[str, dict[str, str]]:
    """The configuration of each topic, as far as the brokers tell."""
    request = DescribeConfigsRequest([(_TOPIC, topic, list(_WATCHED)) for topic in topics])
    try:
        response = await client.send(client.get_random_node(), request)
    except IncompatibleBrokerVersion:
        logger.debug("the brokers do not tell how topics are configured: it is not checked")
        return {}
    found: dict[str, dict[str, str]] = {}
    for code, _, _, topic, entries in response.resources:
        if code:
            logger.warning(
                "the configuration of %s is not checked: the brokers answer %s;"
                " DESCRIBE_CONFIGS on it would allow that",
                topic,
                for_code(code).__name__,
            )
        else:
            found[topic] = {name: value for name, value, *_ in entries if value is not None}
    return found


def _check_size(
    settings: KafkaSettings,
    configuration: Mapping[str, Mapping[str, str]],
    sources: list[str],
    dead_letters: str,
    replay: str | None,
) -> None:
    limits = {topic: _number(configuration, topic, "max.message.bytes") for topic in sources}
    largest = max(sources, key=lambda topic: limits[topic] or 0)
    source = limits[largest]
    for topic in (dead_letters, replay):
        has = None if topic is None else _number(configuration, topic, "max.message.bytes")
        if has is None or source is None or has >= source + ADDED_BYTES:
            continue
        text = (
            f"{topic} takes records of {has} bytes, {largest} of {source}: a dead letter is"
            f" up to {ADDED_BYTES} bytes larger than its record, so run"
            f" kafka-configs.sh --bootstrap-server {settings.bootstrap_servers} --alter"
            f" --entity-type topics --entity-name {topic}"
            f" --add-config max.message.bytes={source + ADDED_BYTES}"
        )
        if topic == dead_letters:
            raise StartError(text)
        logger.warning(text)  # the service works; the largest letters could not be replayed


def _check_keeping(configuration: Mapping[str, Mapping[str, str]], dead_letters: str) -> None:
    has = configuration.get(dead_letters, {})
    if "compact" in has.get("cleanup.policy", ""):
        logger.warning(
            "%s is compacted: of letters with one key only the last is kept; set its"
            " cleanup.policy to delete",
            dead_letters,
        )
    elif has.get("retention.ms", "-1") != "-1":
        logger.warning(
            "%s deletes letters after %s ms, read or not; set its retention.ms to -1",
            dead_letters,
            has["retention.ms"],
        )


def _longest_retention(
    configuration: Mapping[str, Mapping[str, str]], sources: list[str]
) -> float | None:
    longest = 0.0
    for topic in sources:
        milliseconds = _number(configuration, topic, "retention.ms")
        if milliseconds is None:
            return None
        kept = milliseconds < 0 or "delete" not in configuration[topic]["cleanup.policy"]
        longest = max(longest, math.inf if kept else milliseconds / 1000)
    return longest if sources else None


def _number(configuration: Mapping[str, Mapping[str, str]], topic: str, name: str) -> int | None:
    value = configuration.get(topic, {}).get(name)
    return None if value is None else int(value)
