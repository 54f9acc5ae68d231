"""The settings of the bus: environment variables that start with `KAFKA_`."""

import logging
import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import StartError

logger = logging.getLogger(__name__)

SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


class KafkaSettings(BaseSettings):
    """Every setting with its meaning, unit and default. `load` reads and checks them."""

    model_config = SettingsConfigDict(
        env_prefix="KAFKA_",
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    bootstrap_servers: Annotated[str, Field(min_length=1)] = "localhost:9092"
    """Where to find the brokers: `host:port`, several separated by commas."""
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""
    """Goes before every topic and the default group: keeps environments on one cluster apart."""
    group_id: str | None = None
    """The consumer group as it is; by default prefix and `groupId`, or `{service}-group`."""
    client_id: str | None = None
    """How brokers' logs name it; by default the document's `clientId`, or the service's name."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How the brokers are spoken to: with `SSL` over TLS, with `SASL` authenticated."""
    sasl_mechanism: SaslMechanism | None = None
    """How SASL authenticates: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`."""
    sasl_username: str | None = None
    """The user, for `PLAIN` and `SCRAM`."""
    sasl_password: SecretStr | None = None
    """The user's password."""
    sasl_oauthbearer_token_endpoint_url: str | None = None
    """Where `OAUTHBEARER` gets its token, as a client with credentials of its own; `https`."""
    sasl_oauthbearer_client_id: str | None = None
    """The client that asks for the token."""
    sasl_oauthbearer_client_secret: SecretStr | None = None
    """That client's secret."""
    sasl_oauthbearer_scope: str | None = None
    """The scope to ask for, where the endpoint wants one."""
    ssl_cafile: Path | None = None
    """Certificates to trust, in PEM; by default those that the system trusts."""
    ssl_certfile: Path | None = None
    """The client's own certificate, in PEM, where the brokers want one."""
    ssl_keyfile: Path | None = None
    """The certificate's private key, in PEM, if it is not in the same file."""
    ssl_key_password: SecretStr | None = None
    """What the private key is encrypted with."""

    schema_registry_url: str | None = None
    """Where the registry of Avro schemas is; needed where payloads carry their ids."""
    schema_registry_username: str | None = None
    """The user, for a registry that asks for one."""
    schema_registry_password: SecretStr | None = None
    """The user's password."""

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

    @field_validator("bootstrap_servers")
    @classmethod
    def _addresses_alone(cls, value: str) -> str:
        if "@" in value or "://" in value:
            raise ValueError("is host:port, several separated by commas; see KAFKA_SASL_USERNAME")
        return value

    @model_validator(mode="after")
    def _they_fit_together(self) -> Self:
        faults = [
            *self._time_faults(),
            *self._tls_faults(),
            *self._sasl_faults(),
            *self._registry_faults(),
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _time_faults(self) -> Iterator[str]:
        limits = ("drain_timeout_s", "rebalance_timeout_s", "request_timeout_s")
        for shorter, longer in zip(limits, (*limits[1:], "session_timeout_s"), strict=True):
            if getattr(self, shorter) >= getattr(self, longer):
                yield (
                    f"KAFKA_{shorter.upper()} must be shorter than KAFKA_{longer.upper()}"
                    ": a member that is still draining would be thrown out of its group"
                )

    def _tls_faults(self) -> Iterator[str]:
        files = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
        given = [name for name in files if getattr(self, name) is not None]
        if given and not self.security_protocol.endswith("SSL"):
            yield (
                f"KAFKA_{given[0].upper()} is for TLS: set KAFKA_SECURITY_PROTOCOL to SSL or"
                f" SASL_SSL, it is {self.security_protocol}"
            )
        for name in given:
            try:
                getattr(self, name).open("rb").close()
            except OSError as error:
                yield f"KAFKA_{name.upper()} cannot be read: {error.strerror}"
        if self.ssl_certfile is None:
            for name in ("ssl_keyfile", "ssl_key_password"):
                if getattr(self, name) is not None:
                    yield f"KAFKA_{name.upper()} is set: set KAFKA_SSL_CERTFILE too"

    def _sasl_faults(self) -> Iterator[str]:
        if not self.security_protocol.startswith("SASL"):
            if self.sasl_mechanism is not None:
                yield (
                    "KAFKA_SASL_MECHANISM is set: set KAFKA_SECURITY_PROTOCOL to SASL_SSL, it is"
                    f" {self.security_protocol}"
                )
            return
        if self.sasl_mechanism is None:
            known = ", ".join(get_args(SaslMechanism))
            yield (
                f"KAFKA_SASL_MECHANISM is missing: with {self.security_protocol} set it to one of"
                f" {known}"
            )
            return
        if self.sasl_mechanism == "OAUTHBEARER":
            needed = ["token_endpoint_url", "client_id", "client_secret"]
            needed = [f"sasl_oauthbearer_{name}" for name in needed]
        else:
            needed = ["sasl_username", "sasl_password"]
        for name in needed:
            if not getattr(self, name):
                yield f"KAFKA_{name.upper()} is missing: {self.sasl_mechanism} needs it"
        url = self.sasl_oauthbearer_token_endpoint_url
        if url and self.sasl_mechanism == "OAUTHBEARER" and not _is_safe(url):
            yield (
                "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL must start with https:// and have no"
                " user in it: it is sent a secret"
            )

    def _registry_faults(self) -> Iterator[str]:
        url = self.schema_registry_url
        if url is None:
            return
        if not _is_http(url):
            yield (
                "KAFKA_SCHEMA_REGISTRY_URL must start with https:// or http:// and have no user in"
                " it: see KAFKA_SCHEMA_REGISTRY_USERNAME"
            )
        elif self.schema_registry_username is not None and not _is_safe(url):
            yield "KAFKA_SCHEMA_REGISTRY_URL must start with https://: it is sent a secret"

    @classmethod
    def load(cls) -> Self:
        """Read the environment; `StartError` names everything that is wrong with it at once."""
        _warn_of_misspelt(cls.model_fields)
        try:
            return cls()
        except ValidationError as error:
            wrong = list(_faults(error))
        if names := [name for name, _ in wrong if name]:
            # What does not fit together is seen only where each value is one by itself.
            try:
                cls(**{name: cls.model_fields[name].default for name in names})
            except ValidationError as error:
                for _, text in _faults(error):
                    wrong += [
                        ("", part)
                        for part in text.split("; ")
                        # Of those whose value is wrong only the default was looked at.
                        if not any(f"KAFKA_{name.upper()}" in part for name in names)
                    ]
        texts = (f"KAFKA_{name.upper()}: {text}" if name else text for name, text in wrong)
        raise StartError(f"the settings are wrong: {'; '.join(texts)}")


def _warn_of_misspelt(names: Iterable[str]) -> None:
    """Name variables that nothing reads and that are almost settings; others may be anybody's."""
    known = {f"KAFKA_{name.upper()}" for name in names}
    for variable in os.environ:
        near = get_close_matches(variable.upper(), known, n=1, cutoff=0.85)
        if near and variable.upper() not in known:
            logger.warning("%s is no setting, and not read: did you mean %s?", variable, near[0])


def _faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    """The settings that are wrong, and why; without a name what does not fit together.

    The values stay out of the text: a setting may be a secret.
    """
    for fault in error.errors(include_input=False, include_url=False):
        yield ".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:  # how it says that it is none
        return False


def _is_safe(url: str) -> bool:
    """Whether a secret may be sent there: over TLS, or not over any network at all."""
    try:
        parts = urlsplit(url)
        loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    except ValueError:  # how it says that it is none
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and loopback)
    return safe and bool(parts.hostname) and parts.username is None
