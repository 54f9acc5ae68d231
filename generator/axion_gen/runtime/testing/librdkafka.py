"""The mock cluster's functions of the librdkafka that is inside confluent-kafka's wheel.

What each does is described in librdkafka's `rdkafka_mock.h` and `rdkafka.h`.
"""

import ctypes.util
import importlib
from ctypes import POINTER, c_char_p, c_int, c_int16, c_int32, c_int64, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, Final

from ..errors import BusError

PRODUCER: Final = 0
"""`RD_KAFKA_PRODUCER`, the kind of client that carries a mock cluster."""
TOPIC_ALREADY_EXISTS: Final = 36

# Where wheels keep the libraries they bring along, seen from the package's folder:
# auditwheel (Linux), delocate (macOS), delvewheel (Windows).
_PLACES: Final = (
    "../confluent_kafka.libs/librdkafka*.so*",
    ".dylibs/librdkafka*.dylib",
    "../confluent_kafka.libs/librdkafka*.dll",
)

# name: (result, arguments...); an error code is a C enum, an int.
_FUNCTIONS: Final[dict[str, tuple[Any, ...]]] = {
    "rd_kafka_conf_new": (c_void_p,),
    "rd_kafka_conf_destroy": (None, c_void_p),
    "rd_kafka_conf_set_log_cb": (None, c_void_p, c_void_p),
    "rd_kafka_new": (c_void_p, c_int, c_void_p, c_char_p, c_size_t),
    "rd_kafka_destroy": (None, c_void_p),
    "rd_kafka_err2str": (c_char_p, c_int),
    "rd_kafka_mock_cluster_new": (c_void_p, c_void_p, c_int),
    "rd_kafka_mock_cluster_destroy": (None, c_void_p),
    "rd_kafka_mock_cluster_bootstraps": (c_char_p, c_void_p),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, c_void_p, c_int32),
    "rd_kafka_mock_topic_create": (c_int, c_void_p, c_char_p, c_int, c_int),
    "rd_kafka_mock_partition_delete_records": (c_int, c_void_p, c_char_p, c_int32, c_int64),
    "rd_kafka_mock_broker_set_down": (c_int, c_void_p, c_int32),
    "rd_kafka_mock_broker_set_up": (c_int, c_void_p, c_int32),
    "rd_kafka_mock_broker_set_rtt": (c_int, c_void_p, c_int32, c_int),
    "rd_kafka_mock_push_request_errors_array": (None, c_void_p, c_int16, c_size_t, POINTER(c_int)),
    # Followed by pairs of ints: an error and a delay in milliseconds.
    "rd_kafka_mock_broker_push_request_error_rtts": (c_int, c_void_p, c_int32, c_int16, c_size_t),
}


class EmbeddedBrokerError(BusError):
    """The embedded broker cannot run here, or cannot do what it is asked for."""


@cache
def load() -> ctypes.CDLL:
    """Load the library, with the types of every function above.

    Raises:
        EmbeddedBrokerError: confluent-kafka is missing, or was built without the mock cluster.
    """
    try:
        package = importlib.import_module("confluent_kafka")
    except ImportError as error:
        raise EmbeddedBrokerError(
            f"the embedded broker is inside confluent-kafka, which cannot be imported ({error}): "
            "pip install confluent-kafka"
        ) from error
    path = _find(Path(str(package.__file__)).parent)
    try:
        library = ctypes.CDLL(path)
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise EmbeddedBrokerError(
            f"the librdkafka of confluent-kafka {package.__version__} has no mock cluster "
            f"({error}): install a current wheel of confluent-kafka, or use Apache Kafka"
        ) from error
    return library


def _find(package: Path) -> str:
    found = [path for place in _PLACES for path in sorted(package.glob(place))]
    # A confluent-kafka that was built on this machine uses the system's library.
    path = str(found[0]) if found else ctypes.util.find_library("rdkafka")
    if path is None:
        raise EmbeddedBrokerError(
            f"there is no librdkafka beside {package}: install confluent-kafka from a wheel, "
            "or use Apache Kafka"
        )
    return path
