"""The embedded broker in the foreground, on a port that is known beforehand."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping

from .broker import EmbeddedBroker
from .librdkafka import EmbeddedBrokerError

_HOST = "127.0.0.1"


def serve(
    topics: Mapping[str, int], port: int, announce: Callable[[str], None], *, brokers: int = 1
) -> None:
    """Run an embedded broker until Ctrl-C or SIGTERM; to be called in the main thread.

    Args:
        topics: the topics to create and their numbers of partitions.
        port: where clients find the broker first, on the loopback interface; 0 takes a free port.
        announce: called once with the address to bootstrap from, when it answers.
        brokers: how many brokers to run.

    Raises:
        EmbeddedBrokerError: the port or the broker cannot be had, or a topic cannot be.
    """
    asyncio.run(_serve(EmbeddedBroker(topics, brokers=brokers), port, announce))


async def _serve(broker: EmbeddedBroker, port: int, announce: Callable[[str], None]) -> None:
    with _stop_signals() as stopped, _listen(port) as listener, broker:
        # The brokers listen on ports of their own choice. A client needs a known one only to ask
        # for those, so a relay answers there and no record passes through it.
        host, _, target = broker.bootstrap_servers.split(",")[0].rpartition(":")
        async with asyncio.TaskGroup() as tasks:
            relay = tasks.create_task(_relay(listener, host, int(target)))
            announce("{}:{}".format(*listener.getsockname()))
            await stopped.wait()
            relay.cancel()


def _listen(port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise EmbeddedBrokerError(f"a port is a number from 0 to 65535, not {port}")
    try:
        listener = socket.create_server((_HOST, port))
    except OSError as error:
        raise EmbeddedBrokerError(
            f"cannot listen on {_HOST}:{port} ({os.strerror(error.errno or 0)}): "
            "stop what listens there, or choose another port"
        ) from error
    listener.setblocking(False)
    return listener


# asyncio's own server complains on stderr, in some versions of Python, about connections that are
# open when the loop ends.
async def _relay(listener: socket.socket, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as connections:
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:  # gone again, or too many files are open for the moment
                await asyncio.sleep(0.1)
            else:
                connections.create_task(_connect(client, host, port))


async def _connect(client: socket.socket, host: str, port: int) -> None:
    with contextlib.suppress(OSError):
        asked, answer = await asyncio.open_connection(sock=client)
        with contextlib.closing(answer):
            answered, ask = await asyncio.open_connection(host, port)
            await asyncio.gather(_copy(asked, ask), _copy(answered, answer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@contextlib.contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """Set an event instead of ending the process when it is asked to end."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    # The loop's own add_signal_handler does not exist on Windows.
    previous = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
