"""Settings come from the environment and are checked all at once."""

import pytest
from pydantic import SecretStr, ValidationError

from axion_gen.runtime import KafkaSettings, StartError


def test_defaults_are_the_standards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    settings = KafkaSettings.load()
    assert settings.bootstrap_servers == "localhost:9092"
    assert settings.max_concurrent_handlers == 10
    assert (settings.retry_attempts, settings.retry_backoff_ms) == (3, 100)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_MAX_CONCURRENT_HANDLERS", "3")
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "staging.")
    settings = KafkaSettings.load()
    assert (settings.max_concurrent_handlers, settings.topic_prefix) == (3, "staging.")


def test_everything_wrong_is_said_at_once_without_the_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_RETRY_ATTEMPTS", "hunter2")
    monkeypatch.setenv("KAFKA_ORDERING", "none")
    with pytest.raises(StartError) as raised:
        KafkaSettings.load()
    text = str(raised.value)
    assert "KAFKA_RETRY_ATTEMPTS" in text
    assert "KAFKA_ORDERING" in text
    assert "hunter2" not in text
    assert "\n" not in text


def test_what_does_not_fit_together_is_said_beside_what_is_wrong_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_ORDERING", "none")
    monkeypatch.setenv("KAFKA_REQUEST_TIMEOUT_S", "long")
    monkeypatch.setenv("KAFKA_REBALANCE_TIMEOUT_S", "60")
    monkeypatch.setenv("KAFKA_DRAIN_TIMEOUT_S", "70")
    with pytest.raises(StartError) as raised:
        KafkaSettings.load()
    text = str(raised.value)
    assert text.count("KAFKA_ORDERING") == 1
    assert "KAFKA_DRAIN_TIMEOUT_S must be shorter than KAFKA_REBALANCE_TIMEOUT_S" in text
    assert "shorter than KAFKA_REQUEST_TIMEOUT_S" not in text


def test_a_setting_that_is_misspelt_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KAFKA_HANDLER_TIMEOUT_MS", "hunter2")
    monkeypatch.setenv("KAFKA_SERVICE_HOST", "10.0.0.1")  # by Kubernetes, for a `kafka`
    monkeypatch.setenv("kafka_retry_attempts", "5")
    assert KafkaSettings.load().retry_attempts == 5
    (line,) = caplog.messages
    assert "KAFKA_HANDLER_TIMEOUT_MS is no setting" in line
    assert "did you mean KAFKA_HANDLER_TIMEOUT_S?" in line
    assert "hunter2" not in line


def test_time_limits_must_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_DRAIN_TIMEOUT_S", "60")
    with pytest.raises(StartError, match="KAFKA_DRAIN_TIMEOUT_S must be shorter than"):
        KafkaSettings.load()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, ["KAFKA_SASL_MECHANISM is missing"]),
        (
            {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "SCRAM-SHA-512"},
            ["KAFKA_SASL_USERNAME is missing", "KAFKA_SASL_PASSWORD is missing"],
        ),
        (
            {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "OAUTHBEARER"},
            [
                "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL is missing",
                "KAFKA_SASL_OAUTHBEARER_CLIENT_ID is missing",
                "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET is missing",
            ],
        ),
        (
            {"SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "ada", "SASL_PASSWORD": "hunter2"},
            ["set KAFKA_SECURITY_PROTOCOL to SASL_SSL, it is PLAINTEXT"],
        ),
        (
            {"SSL_KEYFILE": __file__, "SSL_KEY_PASSWORD": "hunter2"},
            [
                "KAFKA_SSL_KEYFILE is for TLS",
                "KAFKA_SSL_KEYFILE is set: set KAFKA_SSL_CERTFILE too",
                "KAFKA_SSL_KEY_PASSWORD is set: set KAFKA_SSL_CERTFILE too",
            ],
        ),
        (
            {"SECURITY_PROTOCOL": "SSL", "SSL_CAFILE": "missing.pem", "DRAIN_TIMEOUT_S": "60"},
            ["KAFKA_SSL_CAFILE cannot be read: No such file", "KAFKA_DRAIN_TIMEOUT_S must be"],
        ),
        (
            {"BOOTSTRAP_SERVERS": "ada:hunter2@kafka:9092"},
            ["BOOTSTRAP_SERVERS: is host:port"],
        ),
        ({"BOOTSTRAP_SERVERS": "kafka://kafka:9092"}, ["BOOTSTRAP_SERVERS: is host:port"]),
        ({"SECURITY_PROTOCOL": "TLS"}, ["KAFKA_SECURITY_PROTOCOL: Input should be 'PLAINTEXT'"]),
    ],
)
def test_security_settings_must_fit_together(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: list[str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"KAFKA_{name}", value)
    with pytest.raises(StartError) as raised:
        KafkaSettings.load()
    for text in said:
        assert text in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://id.example.org/token", True),
        ("http://127.0.0.1:8080/token", True),
        ("http://id.example.org/token", False),
        ("https://ada:hunter2@id.example.org/token", False),
        ("https:///token", False),
        ("file:///etc/passwd", False),
        ("https://[", False),
    ],
)
def test_a_secret_is_sent_over_tls_alone(url: str, good: bool) -> None:
    def settings() -> KafkaSettings:
        return KafkaSettings(
            security_protocol="SASL_SSL",
            sasl_mechanism="OAUTHBEARER",
            sasl_oauthbearer_token_endpoint_url=url,
            sasl_oauthbearer_client_id="items",
            sasl_oauthbearer_client_secret=SecretStr("hunter2"),
        )

    if good:
        assert "hunter2" not in repr(settings())
    else:
        with pytest.raises(ValidationError, match="must start with https://") as raised:
            settings()
        assert "hunter2" not in str(raised.value)
