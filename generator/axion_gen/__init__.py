"""Typed Kafka clients and handlers from AsyncAPI documents, on one runtime."""
