"""`python -m <package>.bus topics`: what whoever creates the topics needs."""

import os
import subprocess
import sys
from pathlib import Path

from .generating import package

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Things, version: 1.0.0}
channels:
  made:
    address: things.made
    messages: {made: {payload: {type: object}}}
    bindings:
      kafka:
        partitions: 12
        replicas: 3
        topicConfiguration:
          cleanup.policy: [compact, delete]
          retention.ms: 604800000
          max.message.bytes: 3000000
  asked:
    address: things.{region}
    parameters: {region: {enum: [eu, us]}}
    messages: {asked: {payload: {type: object}}}
  known-later:
    address: later.{id}
    parameters: {id: {}}
    messages: {later: {payload: {type: object}}}
operations:
  take: {action: receive, channel: {$ref: '#/channels/made'}}
  ask: {action: send, channel: {$ref: '#/channels/asked'}}
  tell: {action: send, channel: {$ref: '#/channels/known-later'}}
"""
MADE = (
    "--topic things.made --partitions 12 --replication-factor 3"
    " --config cleanup.policy=compact,delete --config retention.ms=604800000"
    " --config max.message.bytes=3000000"
)


def topics_of(folder: Path, *arguments: str, prefix: str = "") -> list[str]:
    document = folder / "asyncapi.yaml"
    document.write_text(DOCUMENT)
    package(folder, document, "things")
    done = subprocess.run(
        [sys.executable, "-m", "things.bus", "topics", *arguments],
        cwd=folder,
        env={**os.environ, "KAFKA_TOPIC_PREFIX": prefix},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def test_each_topic_with_what_the_document_says_of_it(tmp_path: Path) -> None:
    assert topics_of(tmp_path) == [
        MADE,
        "--topic things.eu --partitions 1",
        "--topic things.us --partitions 1",
    ]


def test_the_topics_of_the_service_itself(tmp_path: Path) -> None:
    *_, letters, replays = topics_of(tmp_path, "--service", "items", prefix="test.")
    assert letters == (
        "--topic test.items-dlq --partitions 1 --replication-factor 3"
        " --config retention.ms=-1 --config max.message.bytes=3065536"
    )
    assert replays == (
        "--topic test.items-replay --partitions 1 --replication-factor 3"
        " --config max.message.bytes=3065536"
    )
