"""What clients ask of the embedded broker, counted: that nothing was asked is a result too."""

import ctypes
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.broker import ApiKey
from axion_gen.runtime.testing.librdkafka import load


class Requests:
    """The requests that an embedded broker has been sent since `count_requests`."""

    def __init__(self, cluster: int) -> None:
        self._cluster = ctypes.c_void_p(cluster)

    def __getitem__(self, api_key: ApiKey) -> int:
        """How many there are of one kind."""
        library = load()
        get = library.rd_kafka_mock_get_requests
        get.restype = ctypes.POINTER(ctypes.c_void_p)
        key_of = library.rd_kafka_mock_request_api_key
        key_of.restype = ctypes.c_int16
        size = ctypes.c_size_t()
        found = get(self._cluster, ctypes.byref(size))
        try:
            return Counter(key_of(ctypes.c_void_p(found[n])) for n in range(size.value))[api_key]
        finally:
            library.rd_kafka_mock_request_destroy_array(found, size)


@contextmanager
def count_requests(broker: EmbeddedBroker) -> Iterator[Requests]:
    """Keep count of what is asked of a broker."""
    cluster = broker._cluster
    load().rd_kafka_mock_start_request_tracking(ctypes.c_void_p(cluster))
    try:
        yield Requests(cluster)
    finally:
        load().rd_kafka_mock_stop_request_tracking(ctypes.c_void_p(cluster))
