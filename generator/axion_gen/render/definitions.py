"""Definitions as the model generator takes them: under Python names, one object in each.

An object within an object gets a definition, and so a name, of its own: that of what holds
it with the property's added, `Order` and `lines` making `OrderLinesItem`. Names do not
depend on what else is in the document.
"""

import unicodedata
from collections.abc import Callable

from ..asyncapi.contract import Definition, Message
from .names import attribute_name, class_name
from .plan import Plan
from .text import prose

PREFIX = "#/$defs/"


class Bundle:
    """All schemas of a contract, as one set of definitions that need nothing else.

    Args:
        plan: what they are called.
        wrapped: message classes that are made around their payload and not of it.
    """

    def __init__(self, plan: Plan, wrapped: frozenset[str]) -> None:
        self.definitions: dict[str, Definition] = {}
        self.payloads: dict[str, str] = {}
        """The name of each payload's schema, by id."""
        self.attributes: dict[str, str] = {}
        """By `Class.property`: what Python would spell otherwise than the document does."""
        taken = set(plan.schemas.values()) | set(plan.classes.values())
        for id_, name in plan.schemas.items():
            self.payloads[id_] = _free(f"{name}Payload", taken) if name in wrapped else name
        self._taken = taken
        messages = {name: message for message, name in plan.classes.items()}
        for id_, schema in plan.contract.schemas.items():
            name = self.payloads[id_]
            self.definitions[name] = {}  # keeps its place before what is within it
            definition = self._inner(schema.definition, name)
            if name in messages and (messages[name].description or "description" not in definition):
                definition["description"] = said_of(messages[name])
            self.definitions[name] = definition

    def _inner(self, definition: Definition, name: str) -> Definition:
        """A definition whose parts are named after it."""
        result = dict(definition)
        if "description" in result:
            result["description"] = prose(str(result["description"]))
        for key in ("discriminator", "x-enum-varnames", "patternProperties", "title"):
            result.pop(key, None)
        if "properties" in result or not isinstance(result.get("additionalProperties"), dict):
            result.pop("additionalProperties", None)
        if not isinstance(result.get("items"), dict):
            result.pop("items", None)
        first = result.pop("prefixItems", None)
        if first is not None:
            result["items"] = {"anyOf": first}
        reference = result.get("$ref")
        if isinstance(reference, str):
            result["$ref"] = PREFIX + self.payloads[reference.removeprefix(PREFIX)]
        self._each(result, "properties", lambda key, part: self._part(part, name + _word(key)))
        properties = result.get("properties")
        for key in properties if isinstance(properties, dict) else ():
            if unicodedata.normalize("NFKC", key) != key:
                self.attributes[f"{name}.{key}"] = attribute_name(key)
        for combiner in ("anyOf", "oneOf"):
            self._each(
                result, combiner, lambda key, part: self._part(part, f"{name}Option{int(key) + 1}")
            )
        # The parts of `allOf` are no values of their own: they all become the one class.
        self._each(result, "allOf", lambda _, part: self._inner(part, name))
        for key, word in (("items", "Item"), ("additionalProperties", "Value")):
            part = result.get(key)
            if isinstance(part, dict):
                result[key] = self._part(part, name + word)
        if result.get("const", ...) is None:
            del result["const"]
            result["type"] = "null"
        if result.get("type") == "object" and not result.keys() & _SHAPES:
            result["additionalProperties"] = {}
        return result

    def _part(self, definition: Definition, name: str) -> Definition:
        all_of = definition.get("allOf")
        if isinstance(all_of, list) and len(all_of) == 1 and definition.keys() <= _ONE_OF_ALL:
            return self._part(all_of[0], name)  # the idiom that puts a description on a `$ref`
        if not definition.keys() & {"properties", "allOf"}:
            return self._inner(definition, name)
        name = _free(name, self._taken)
        self.definitions[name] = {}
        self.definitions[name] = self._inner(definition, name)
        return {"$ref": PREFIX + name}

    def _each(
        self, definition: Definition, key: str, change: Callable[[str, Definition], Definition]
    ) -> None:
        parts = definition.get(key)
        if isinstance(parts, dict):
            definition[key] = {name: change(name, part) for name, part in parts.items()}
        elif isinstance(parts, list):
            definition[key] = [change(str(index), part) for index, part in enumerate(parts)]


def said_of(message: Message) -> str:
    """The docstring of a message's class."""
    return prose(message.description or f"The message `{message.name}`.")


_ONE_OF_ALL = {"allOf", "description"}
_SHAPES = {"properties", "additionalProperties", "allOf", "anyOf", "oneOf", "$ref"}


def _word(key: str) -> str:
    return (class_name(key) or "Property").rstrip("_")


def _free(name: str, taken: set[str]) -> str:
    """The name, or the name with a number where it is taken; it is taken then."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}{number}", number + 1
    taken.add(free)
    return free
