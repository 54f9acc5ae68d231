"""The rules a document is held to, by id. An id is never given a second meaning."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """What a finding means for the generator."""

    ERROR = "error"
    """Nothing is generated."""
    WARNING = "warning"
    """Legal, and likely to hurt."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that may be wrong with a document."""

    summary: str
    severity: Severity = Severity.ERROR
    not_yet: bool = False
    """The document is right; this version of the generator does not read it yet."""


RULES: Final = {
    # files
    "file-missing": Rule("A file that is named does not exist or is no regular file."),
    "file-unreadable": Rule("A file cannot be read, is not UTF-8, or is too large."),
    "syntax": Rule("A file is neither YAML 1.2 nor JSON."),
    "duplicate-key": Rule("A mapping has the same key twice."),
    "too-complex": Rule(
        "A file is nested too deeply, has too many values, or references lead through too many."
    ),
    "more-findings": Rule("There are more findings than are said.", Severity.WARNING),
    # references
    "reference-malformed": Rule("A `$ref` is not text that names a place."),
    "reference-dangling": Rule("A `$ref` names a place that does not exist."),
    "reference-cycle": Rule("A `$ref` leads back to itself."),
    "reference-outside": Rule("A `$ref` leaves the folder of the document."),
    "reference-remote": Rule(
        "A `$ref` names a document on the network that may not be read, or cannot."
    ),
    # the document
    "not-asyncapi": Rule("The document is not an AsyncAPI document."),
    "unsupported-version": Rule("The document's version is not read."),
    "wrong-type": Rule("A value has another type than the specification says."),
    "missing-field": Rule("A field that the specification demands is missing."),
    "unknown-field": Rule("A field is not in the specification and does not start with `x-`."),
    "binding-field": Rule(
        "A binding without `bindingVersion` has a field that no version of it has.",
        Severity.WARNING,
    ),
    "security-undescribed": Rule(
        "A security scheme that a server demands and nothing describes.", Severity.WARNING
    ),
    "component-key": Rule(
        "A key under `components` that the specification does not allow.", Severity.WARNING
    ),
    "invalid-value": Rule("A value is not among those the specification allows."),
    "foreign-message": Rule("An operation names a message that its channel does not carry."),
    "trait-conflict": Rule("Two traits say different things where merging makes nonsense."),
    # what is not generated yet
    "unsupported-schema-format": Rule(
        "A payload that is neither JSON Schema nor Avro.", not_yet=True
    ),
    "avro-reference": Rule("An Avro type that is defined in another schema.", not_yet=True),
    "unsupported-schema": Rule("A schema no Python type was found for.", not_yet=True),
    # Kafka and the messaging standard
    "unsupported-schema-id": Rule(
        "An id of a schema before the payload that has not four bytes.", not_yet=True
    ),
    "content-type": Rule(
        "A content type that is neither JSON nor Avro: on the wire it is JSON.", Severity.WARNING
    ),
    "schema-id": Rule(
        "A schema registry, and ids of schemas that are neither written nor read.",
        Severity.WARNING,
    ),
    "schema-subject": Rule(
        "A strategy for the subjects of a schema registry that is not known.", Severity.WARNING
    ),
    "topic-address": Rule("A name that Kafka takes for no topic."),
    "topic-renamed": Rule(
        "An address that Kafka takes for no topic: the topic is called otherwise.",
        Severity.WARNING,
    ),
    "topic-unnamed": Rule(
        "A channel without an address: its topic is called by its id.", Severity.WARNING
    ),
    "topic-duplicate": Rule(
        "Two channels with the same address: they are one topic.", Severity.WARNING
    ),
    "binding-differs": Rule(
        "Operations whose bindings say different things where a service has one.",
        Severity.WARNING,
    ),
    "channel-unused": Rule("A channel that no operation uses.", Severity.WARNING),
    "key-expression": Rule("`x-axion-key` names no property of the payload."),
    "key-optional": Rule("`x-axion-key` names a property that may be absent.", Severity.WARNING),
    "key-missing": Rule(
        "Several messages are sent to several partitions, and not all have a key.",
        Severity.WARNING,
    ),
    "extension-value": Rule("An `x-axion-...` field with a value that means nothing."),
    "message-duplicate": Rule("Two messages on one topic have the same name on the wire."),
    "messages-ambiguous": Rule(
        "Nothing tells two messages apart where records need not say what they are."
    ),
    "message-unnamed": Rule(
        "A message without a name, called by its place among several.", Severity.WARNING
    ),
    "parameter-undescribed": Rule(
        "A parameter in an address that the channel's `parameters` do not describe.",
        Severity.WARNING,
    ),
    "parameter-unused": Rule(
        "A parameter that the channel describes and its address does not have.", Severity.WARNING
    ),
    "parameter-value": Rule(
        "A value of a parameter that cannot stand in a topic's name.", Severity.WARNING
    ),
    "parameters-ambiguous": Rule(
        "Two parameters side by side: a topic's name does not tell one from the other.",
        Severity.WARNING,
    ),
    "topic-overlap": Rule("Two addresses with parameters that may be one topic.", Severity.WARNING),
    "reply-parameters": Rule(
        "A reply to an address with a parameter whose value is not known.", Severity.WARNING
    ),
    # names
    "name-none": Rule("A name no Python name can be made of."),
    "name-collision": Rule(
        "Two names that become the same Python name: one is changed.", Severity.WARNING
    ),
    "schema-renamed": Rule("Two schemas of one name: one has a number added.", Severity.WARNING),
    # schemas
    "schema-keyword": Rule("A keyword of JSON Schema with a value it cannot have."),
    "schema-keyword-unknown": Rule(
        "A keyword that no schema has, and that is nearly one.", Severity.WARNING
    ),
    "schema-contradiction": Rule("A schema that nothing can satisfy."),
    "schema-value": Rule(
        "A default, or a value of `enum`, that the schema does not allow is left out.",
        Severity.WARNING,
    ),
    "avro-schema": Rule("A schema that is not Avro, though its format says so."),
    "example-invalid": Rule(
        "An example that is no such message: nothing is made of it.", Severity.WARNING
    ),
    "schema-pattern": Rule("A pattern that is not checked when read.", Severity.WARNING),
}
