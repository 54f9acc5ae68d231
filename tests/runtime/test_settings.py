"""Settings come from the environment and are checked all at once."""

import pytest

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


def test_time_limits_must_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_DRAIN_TIMEOUT_S", "60")
    with pytest.raises(StartError, match="KAFKA_DRAIN_TIMEOUT_S must be shorter than"):
        KafkaSettings.load()
