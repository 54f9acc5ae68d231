"""The settings of the bus: environment variables that start with `KAFKA_`."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import StartError


class KafkaSettings(BaseSettings):
    """Every setting with its meaning, unit and default. `load` reads and checks them."""

    model_config = SettingsConfigDict(
        env_prefix="KAFKA_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    bootstrap_servers: Annotated[str, Field(min_length=1)] = "localhost:9092"
    """Where to find the brokers: `host:port`, several separated by commas."""
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""
    """Goes before every topic and the group: keeps environments on one cluster apart."""
    group_id: str | None = None
    """The consumer group; by default `{service}-group`."""
    client_id: str | None = None
    """How the brokers' logs name this client; by default the service's name."""

    max_concurrent_handlers: Annotated[int, Field(ge=1)] = 10
    """How many handlers run at once."""
    ordering: Literal["key", "partition"] = "key"
    """What is handled one at a time and in order: each key, or whole partitions."""
    max_in_flight: Annotated[int, Field(ge=1)] = 2000
    """How many records may be taken and not finished, over all partitions."""
    max_in_flight_per_partition: Annotated[int, Field(ge=1)] = 1000
    """The same for one partition, so that a hot one leaves room for the others."""

    retry_attempts: Annotated[int, Field(ge=1)] = 3
    """How often a message is tried in all; the first call counts."""
    retry_backoff_ms: Annotated[int, Field(ge=0)] = 100
    """Pause after failed attempt n, counted from 0, in milliseconds: this times 2 to the n."""
    handler_timeout_s: Annotated[float, Field(ge=0)] = 300
    """A handler that runs longer has failed, in seconds; 0 for never."""
    hold_on_outage: bool = True
    """Whether messages are held while a dependency is away, instead of dead-lettered."""
    idempotency_size: Annotated[int, Field(ge=1)] = 100_000
    """How many marks of processed messages the memory store keeps."""

    commit_interval_ms: Annotated[int, Field(ge=1)] = 500
    """How often what is finished is committed, in milliseconds."""
    start_timeout_s: Annotated[float, Field(gt=0)] = 30
    """How long the start waits for the brokers, in seconds."""
    emit_timeout_s: Annotated[float, Field(gt=0)] = 30
    """How long `emit` waits for the acknowledgement, in seconds; after it: unknown."""
    drain_timeout_s: Annotated[float, Field(gt=0)] = 20
    """How long running handlers may take to finish on stop or rebalance, in seconds."""
    rebalance_timeout_s: Annotated[float, Field(gt=0)] = 25
    """How long the group waits for this member in a rebalance, in seconds."""
    request_timeout_s: Annotated[float, Field(gt=0)] = 30
    """How long one request to a broker may take, in seconds."""
    session_timeout_s: Annotated[float, Field(gt=0)] = 45
    """How long the group keeps a silent member, in seconds."""

    @model_validator(mode="after")
    def _time_limits_fit(self) -> Self:
        limits = ("drain_timeout_s", "rebalance_timeout_s", "request_timeout_s")
        for shorter, longer in zip(limits, (*limits[1:], "session_timeout_s"), strict=True):
            if getattr(self, shorter) >= getattr(self, longer):
                raise ValueError(
                    f"KAFKA_{shorter.upper()} must be shorter than KAFKA_{longer.upper()}"
                    ": a member that is still draining would be thrown out of its group"
                )
        return self

    @classmethod
    def load(cls) -> Self:
        """Read the environment; `StartError` names everything that is wrong with it at once."""
        try:
            return cls()
        except ValidationError as error:
            wrong = "; ".join(
                # The value stays out of the text: a setting may be a secret.
                f"{'.'.join(f'KAFKA_{part}'.upper() for part in fault['loc'])}"
                f"{': ' if fault['loc'] else ''}{fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors(include_input=False, include_url=False)
            )
            raise StartError(f"the settings are wrong: {wrong}") from None
