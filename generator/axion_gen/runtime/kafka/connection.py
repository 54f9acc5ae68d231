"""Connections to brokers: how one is made, and how one that hangs harms no other."""

# ruff: noqa: SLF001 - what is mended here is what aiokafka keeps to itself
import asyncio
import logging
import random
from collections import defaultdict
from typing import Any, NamedTuple

from aiokafka.client import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaClient,
    ConnectionGroup,
)
from aiokafka.conn import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConnection,
    OAuthAuthenticator,
)
from aiokafka.errors import (  # type: ignore[import-untyped]  # ships no types
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    StaleMetadata,
)
from aiokafka.protocol.metadata import (  # type: ignore[import-untyped]  # ships no types
    MetadataRequest,
)

from ..settings import KafkaSettings
from .security import security

logger = logging.getLogger(__name__)

MAX_RECORD_BYTES = 1024 * 1024
"""Kafka's own default limit of a record."""
CONNECT_TIMEOUT_S = 5.0
"""So long a broker may take until it is connected and has authenticated this client."""
ANSWER_TIMEOUT_S = 5.0
"""So long one broker may take to answer what others wait for."""

METADATA_AGE_S = 30.0
"""So long after it was made, a topic that was missing, or a new partition, is found at last."""

FAULTS = (OSError, KafkaError, ValueError, LookupError)
"""With these a connection fails; the last two are what an authenticator makes of an answer."""


class Partition(NamedTuple):
    """A partition of a topic, by the topic's name on Kafka."""

    topic: str
    number: int


def connection(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """What each of aiokafka's clients, consumers and producers is made with.

    Raises:
        StartError: a certificate or key is none.
    """
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "client_id": client_id,
        "metadata_max_age_ms": round(1000 * METADATA_AGE_S),
        "request_timeout_ms": round(1000 * settings.request_timeout_s),
        **security(settings),
    }


class Client(AIOKafkaClient):  # type: ignore[misc]  # untyped base
    """aiokafka's client, but a broker that hangs is given up soon and alone.

    aiokafka makes one connection at a time, and gives each of its steps a whole request's
    time: a broker that is frozen would hold up the healthy ones for as long.
    """

    @classmethod
    def improve(cls, client: Any) -> None:
        """Turn a client that a consumer or producer has just made for itself into one."""
        client.__class__ = cls
        client._connecting = defaultdict(asyncio.Lock)
        client.faults = []

    def __init__(self, **connection: Any) -> None:
        super().__init__(**connection)
        self._connecting: defaultdict[Any, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.faults: list[Exception] = []
        """Why each of the brokers did not answer, when none did."""

    async def bootstrap(self) -> None:
        """Learn of the cluster from the first broker that answers.

        Raises:
            ValueError: an address is none.
            KafkaConnectionError: none answers; `faults` says why.
        """
        self.faults = []
        for host, port, _ in self.hosts:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    first = await self._connect(host, port)
                    try:
                        self.cluster.update_metadata(await first.send(MetadataRequest([])))
                    except BaseException:
                        first.close()
                        raise
            except FAULTS as fault:
                self.faults.append(fault)
                logger.debug("%s:%s does not answer: %r", host, port, fault)
                continue
            if self.cluster.brokers():
                first.close()
            else:  # new, and not yet complete: the one connection that there is is kept
                self._conns["bootstrap", ConnectionGroup.DEFAULT] = first
            break
        else:
            raise KafkaConnectionError("none of the brokers answers")
        if self._sync_task is None:
            self._sync_task: Any = asyncio.create_task(self._md_synchronizer(), name="metadata")

    async def _get_conn(
        self, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False
    ) -> Any:
        """The connection to a broker; None if there can be none at present."""
        place = (node_id, group)
        connected = self._conns.get(place)
        if connected is not None and connected.connected():
            return connected
        async with self._connecting[place]:
            connected = self._conns.get(place)
            if connected is not None and connected.connected():
                return connected
            broker = self.cluster.broker_metadata(node_id)
            try:
                if broker is None:
                    raise StaleMetadata(f"there is no broker {node_id}, by what is known")
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    connected = await self._connect(
                        broker.host, broker.port, self._on_connection_closed
                    )
            except FAULTS as fault:
                logger.warning("broker %s is not connected: %r", node_id, fault)
                self._conns.pop(place, None)
                self.force_metadata_update()
                return None
            self._conns[place] = connected
            return connected

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> bool:
        """Ask one broker after the other about topics, which none is to create by that."""
        request = MetadataRequest(list(topics) if topics else None, allow_auto_topic_creation=False)
        nodes = [broker.nodeId for broker in self.cluster.brokers()]
        place = ("bootstrap", ConnectionGroup.DEFAULT)
        if place in self._conns:
            nodes.append("bootstrap")
        random.shuffle(nodes)
        # Those that are connected first: they most probably answer.
        for node in sorted(nodes, key=lambda node: (node, place[1]) not in self._conns):
            connected = await self._get_conn(node)
            if connected is None:
                continue
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    metadata = await connected.send(request)
            except (OSError, KafkaError) as fault:
                logger.warning("broker %s does not tell of its topics: %r", node, fault)
                if isinstance(fault, TimeoutError):
                    connected.close()
                continue
            if not metadata.brokers:
                return False
            cluster_metadata.update_metadata(metadata)
            if place in self._conns and self.cluster.brokers():
                self._conns.pop(place).close()
            return True
        cluster_metadata.failed_update(None)
        return False

    async def _connect(self, host: str, port: int, on_close: Any = None) -> Any:
        made = _Connection(
            host,
            port,
            on_close=on_close,
            client_id=self._client_id,
            request_timeout_ms=self._request_timeout_ms,
            ssl_context=self._ssl_context,
            security_protocol=self._security_protocol,
            max_idle_ms=self._connections_max_idle_ms,
            sasl_mechanism=self._sasl_mechanism,
            sasl_plain_username=self._sasl_plain_username,
            sasl_plain_password=self._sasl_plain_password,
            sasl_oauth_token_provider=self._sasl_oauth_token_provider,
        )
        await made.connect()
        return made


class _Connection(AIOKafkaConnection):  # type: ignore[misc]  # untyped base
    def authenticator_oauth(self) -> Any:
        return _OAuth(sasl_oauth_token_provider=self._sasl_oauth_token_provider)


class _OAuth(OAuthAuthenticator):  # type: ignore[misc]  # untyped base
    """aiokafka takes whatever comes back for consent; a refusal is an answer with a reason."""

    async def step(self, payload: bytes | None) -> Any:
        if payload:
            raise SaslAuthenticationFailed(payload.decode(errors="replace"))
        return await super().step(payload)
