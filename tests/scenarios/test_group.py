"""What the group's coordinator refuses: commits for a while, heartbeats for good."""

import pytest

from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.broker import ApiKey

from ..runtime.kafka import committed, until
from .requests import count_requests
from .service import COMMANDS, GROUP, Recorder, bus_on, command

ILLEGAL_GENERATION = 22
UNKNOWN_MEMBER_ID = 25
REBALANCE_IN_PROGRESS = 27
GROUP_AUTHORIZATION_FAILED = 30
FENCED_INSTANCE_ID = 82


@pytest.mark.parametrize("code", [ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS])
async def test_commits_that_are_refused_are_made_up_for_without_a_storm(
    broker: EmbeddedBroker, code: int
) -> None:
    handlers = Recorder()
    bus = bus_on(broker)
    async with bus.run(handlers):
        await command(broker, "before")
        await until(lambda: bus.statistics.commits >= 1, "offsets are committed")
        with count_requests(broker) as requests:
            broker.push_errors(ApiKey.OFFSET_COMMIT, code, code)
            await command(broker, "refused")
            await until(lambda: bus.statistics.failed_commits >= 1, "a commit is refused")
            await command(broker, "after")
            await until(lambda: bus.statistics.rebalances >= 2, "the group is joined again")
            await command(broker, "last")
            commits = bus.statistics.commits
            await until(lambda: handlers.ended[-1] == "last", "it goes on")
            await until(lambda: bus.statistics.commits > commits, "offsets are committed again")
            assert requests[ApiKey.JOIN_GROUP] <= 2 * 2
            assert requests[ApiKey.OFFSET_COMMIT] <= 2 + 10
    assert sorted(set(handlers.ended)) == ["after", "before", "last", "refused"]
    assert len(handlers.ended) == 4
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 4


@pytest.mark.parametrize("code", [FENCED_INSTANCE_ID, GROUP_AUTHORIZATION_FAILED])
async def test_a_consumer_that_the_coordinator_throws_out_for_good_is_rebuilt(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    handlers = Recorder("at work")
    bus = bus_on(broker)
    async with bus.run(handlers):
        await command(broker, "at work")
        await until(lambda: handlers.begun == ["at work"], "it is being handled")
        broker.push_errors(ApiKey.HEARTBEAT, code)
        await until(lambda: not bus.ready, "it has noticed")
        assert bus.health.alive
        handlers.free.set()
        await until(lambda: bus.ready, "it is a member again")
        await command(broker, "after")
        await until(lambda: "after" in handlers.ended, "it goes on")
        assert bus.statistics.rebuilds == 1
    assert handlers.ended == ["at work", "after"], "what was marked is not handled again"
    assert "the consumer will not recover and is replaced" in caplog.text
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 2
