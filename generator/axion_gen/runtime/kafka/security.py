"""How brokers are authenticated, and this client to them."""

import logging
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

from aiokafka.errors import (  # type: ignore[import-untyped]  # ships no types
    AuthenticationFailedError,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from ..errors import StartError
from ..settings import KafkaSettings
from .oauth import ClientCredentials, TokenRefusedError

logger = logging.getLogger(__name__)


def security(settings: KafkaSettings) -> dict[str, Any]:
    """What of a connection's arguments is about security.

    Raises:
        StartError: a certificate or key is none.
    """
    arguments: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        arguments["ssl_context"] = _tls(settings)
    if settings.security_protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = settings.sasl_mechanism
        if settings.sasl_mechanism == "OAUTHBEARER":
            arguments["sasl_oauth_token_provider"] = ClientCredentials.of(settings)
        elif settings.sasl_password is not None:
            arguments["sasl_plain_username"] = settings.sasl_username
            arguments["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    return arguments


def warn_of_weakness(settings: KafkaSettings) -> None:
    """Say in the log what an eavesdropper could read."""
    if settings.security_protocol == "SASL_PLAINTEXT" and settings.sasl_mechanism in (
        "PLAIN",
        "OAUTHBEARER",
    ):
        logger.warning(
            "KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT sends the %s readable over the network:"
            " set it to SASL_SSL",
            "password" if settings.sasl_mechanism == "PLAIN" else "token",
        )
    if settings.sasl_password is not None and not settings.security_protocol.startswith("SASL"):
        logger.warning(
            "KAFKA_SASL_PASSWORD is not used: KAFKA_SECURITY_PROTOCOL is %s",
            settings.security_protocol,
        )


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    # Chain and host name are checked always: there is no setting to be careless with.
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
    except (OSError, ValueError) as error:
        raise StartError(f"KAFKA_SSL_CAFILE holds no certificates: {_reason(error)}") from None
    if settings.ssl_certfile is not None:
        password = settings.ssl_key_password
        try:
            context.load_cert_chain(
                settings.ssl_certfile,
                settings.ssl_keyfile,
                # Without one OpenSSL would ask for it on the terminal, and wait.
                password.get_secret_value() if password is not None else "",
            )
        except (OSError, ValueError) as error:
            raise StartError(
                "KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE and KAFKA_SSL_KEY_PASSWORD do not fit"
                f" together: {_reason(error)}"
            ) from None
    return context


def _reason(error: Exception) -> str:
    return (isinstance(error, ssl.SSLError) and error.reason) or str(error)


def refusal(fault: BaseException, settings: KafkaSettings) -> str | None:
    """What to look at if a broker and this client do not trust each other; none otherwise.

    It is of no use to try again then.
    """
    protocol, mechanism = settings.security_protocol, settings.sasl_mechanism
    for error in _causes(fault):
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"the broker's certificate is not trusted: {error.verify_message}; see"
                " KAFKA_SSL_CAFILE and the names in KAFKA_BOOTSTRAP_SERVERS"
            )
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return (
                f"TLS is refused: {_reason(error)}; see KAFKA_SSL_CERTFILE, and whether"
                f" KAFKA_SECURITY_PROTOCOL={protocol} is what this port speaks"
            )
        if isinstance(error, UnsupportedSaslMechanismError | IllegalSaslStateError):
            return (
                f"the broker does not authenticate with {mechanism}; see KAFKA_SASL_MECHANISM,"
                f" and whether KAFKA_SECURITY_PROTOCOL={protocol} is what this port speaks"
            )
        if isinstance(error, TokenRefusedError):
            return (
                f"{error}; see KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL, _CLIENT_ID,"
                " _CLIENT_SECRET and _SCOPE"
            )
        if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError | ValueError):
            return f"authentication with {mechanism} failed; see {_credentials(mechanism)}"
    return None


def describe(faults: Iterable[BaseException], settings: KafkaSettings) -> str:
    """Why brokers did not answer, in a line."""
    texts = {_describe(fault, settings) for fault in faults}
    return ", ".join(sorted(texts)) or "there is no reason given"


def _describe(fault: BaseException, settings: KafkaSettings) -> str:
    if advice := refusal(fault, settings):
        return advice
    closed = any(isinstance(cause, EOFError | ConnectionResetError) for cause in _causes(fault))
    if closed or isinstance(fault, ssl.SSLError):
        return (
            "the connection was closed from the other side: perhaps"
            f" KAFKA_SECURITY_PROTOCOL={settings.security_protocol} is not what this port speaks"
        )
    return str(fault) or type(fault).__name__


def _credentials(mechanism: str | None) -> str:
    if mechanism == "OAUTHBEARER":
        return "KAFKA_SASL_OAUTHBEARER_CLIENT_ID and what the token lets it do"
    return "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


class _WithoutCredentials(logging.Filter):
    """Keeps what authenticates out of aiokafka's log of requests, which is at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                f"{kind}(...)" if (kind := type(part).__name__).startswith("SaslAuth") else part
                for part in record.args
            )
        return True


logging.getLogger("aiokafka.conn").addFilter(_WithoutCredentials())
