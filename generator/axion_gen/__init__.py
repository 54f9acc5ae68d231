"""Typed Kafka clients and handlers from AsyncAPI documents, on one runtime."""

__version__ = "0.1.0"
