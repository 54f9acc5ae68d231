"""Definitions to classes, aliases and types, each under a name of its own.

An object within an object becomes a class, named after what holds it with the property's
name added: `Order` and `lines` make `OrderLinesItem`. Names do not depend on what else is
in the document.
"""

import re
from typing import Final

from ..asyncapi.contract import Definition, Schema
from . import leaves
from .classes import ClassMaker
from .composing import PREFIX, Composed, Composer, Union, part, parts, types_of
from .names import member_name
from .plan import Plan
from .shapes import Alias, Class, EnumClass, Shape, Type, any_type
from .tags import tag
from .text import said
from .unions import COMMON, UnionMaker, is_null

_OF_TYPE: Final = {
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "object": ("properties", "additionalProperties", "patternProperties", "required"),
}


class Shaper:
    """Makes shapes of all schemas of a contract.

    Args:
        plan: what they are called.
    """

    def __init__(self, plan: Plan) -> None:
        self.shapes: dict[str, Shape] = {}
        """By name, in the order of the document."""
        self.payloads: dict[str, str] = {}
        """The name of each payload's schema, by id."""
        self.wrapped: set[str] = set()
        """Of payloads that are in a class of their message's name."""
        self.unions: list[tuple[Type, list[str | None]]] = []
        """All unions, and of each option the schema it refers to."""
        self.renamed: dict[tuple[str, str], str] = {}
        """Of a class and a property another name, for its own is that of another property."""
        self.numbered: dict[str, tuple[str, str]] = {}
        """Of a class with a number the name that is another's, and the id of what it is within."""
        self.schemas: dict[str, Schema] = dict(plan.contract.schemas)
        self.bases: dict[str, str] = {}
        """Of a schema that its own options inherit from: the class that is their base, no more."""
        self.composer = Composer(self.schemas)
        self._classes = ClassMaker(self)
        self._unions = UnionMaker(self)
        self._nullable: dict[str, bool] = {}
        self._begun: set[str] = set()
        self._within: list[str] = []
        self._taken = set(plan.schemas.values()) | set(plan.classes.values())
        messages = set(plan.classes.values())
        # What may be null is in the message's class, not that class itself.
        tombstones = {name for message, name in plan.classes.items() if message.tombstone}
        for id_, name in plan.schemas.items():
            own = name in messages and (name in tombstones or not self._becomes_class(id_))
            self._within = [id_]
            self.payloads[id_] = self.free(f"{name}Payload") if own else name
            if own:
                self.wrapped.add(self.payloads[id_])
        self._within = []
        for id_ in plan.schemas:
            self._define(id_)
        tag(self)

    # names

    def free(self, name: str) -> str:
        """The name, or the name with a number where it is taken; it is taken then."""
        name = re.sub("_(?=.)", "", name)  # that of what it is within may end in one
        free, number = name, 2
        while free in self._taken:
            free, number = f"{name}{number}", number + 1
        if free != name:
            self.numbered[free] = name, self._within[-1]
        self._taken.add(free)
        return free

    def base(self, id_: str) -> Class:
        """The class of a schema that others inherit from."""
        self._define(id_)
        shape = self.shapes[self.bases.get(id_, self.payloads[id_])]
        assert isinstance(shape, Class)  # noqa: S101 - the composer says so
        return shape

    def pseudo(self, name: str, definition: Definition) -> str:
        """The id of a schema that the document has no name for."""
        like = next(iter(self.schemas.values()))
        name = self.free(name)
        id_ = f"+{name}"
        self.schemas[id_] = Schema(id_, name, definition, like.location)
        self.payloads[id_] = name
        return id_

    # schemas

    def _becomes_class(self, id_: str) -> bool:
        if self.composer.options(id_) is not None:
            return False
        return self.composer.is_class(id_) or self._is_nullable_class(id_)

    def _is_nullable_class(self, id_: str) -> bool:
        """Whether a schema is a class or null: the name is the class's, null is said elsewhere."""
        if id_ not in self._nullable:
            composed = some = self.composer.schema(id_)
            null = "null" in types_of(composed.own)
            if len(composed.unions) == 1 and not composed.bases:
                options = composed.unions[0].options
                rest = [option for option in options if not is_null(option)]
                null = len(rest) < len(options)
                trivial = composed.own.keys() <= COMMON
                if len(rest) == 1 and "$ref" not in rest[0] and trivial:
                    some = self.composer.compose(rest[0])
            self._nullable[id_] = null and some.is_class
        return self._nullable[id_]

    def _define(self, id_: str) -> None:
        if id_ in self._begun:
            return
        self._begun.add(id_)
        self._within.append(id_)
        name = self.payloads[id_]
        definition = self.schemas[id_].definition
        composed = self.composer.schema(id_)
        options = self.composer.options(id_)
        if options is not None and composed.is_class:
            self.bases[id_] = self.free(f"{name}Base")
            self._classes.make(self.bases[id_], composed)
            others = [option for option in options.options if option.get("$ref") != PREFIX + id_]
            composed = Composed({}, [], [Union(others, options.discriminator)])
        elif options is not None:
            composed = self.composer.compose(definition, frozenset({id_}))
        type_ = self._made(composed, name, top=True)
        if name not in self.shapes:
            self.shapes[name] = Alias(name, type_, said(definition))
        self._within.pop()

    # types

    def type(self, definition: Definition, name: str, *, top: bool = False) -> Type:
        """The type of a value.

        Args:
            definition: what the document says of it.
            name: what a class that is made of it is called.
            top: whether that name is its own already.
        """
        reference = _reference(definition)
        if reference is not None:
            id_ = reference.removeprefix(PREFIX)
            if id_ not in self.payloads:
                return any_type()
            if "default" in definition:
                self._define(id_)  # it is looked up there
            return Type("named", self.payloads[id_], null=self._is_nullable_class(id_))
        return self._made(self.composer.compose(definition), name, top=top)

    def _made(self, composed: Composed, name: str, *, top: bool) -> Type:
        if composed.unions:
            return self._unions.make(composed, name, top=top)
        if composed.bases or "properties" in composed.own:
            return self._object(composed, name, top=top)
        return self._leaf(composed.own, name, top=top)

    def _object(self, composed: Composed, name: str, *, top: bool) -> Type:
        types = types_of(composed.own)
        null = "null" in types
        own = composed.own.keys() - COMMON
        if not top and len(composed.bases) == 1 and not own:
            # The idiom that puts a description beside a reference.
            self._define(composed.bases[0])
            return Type("named", self.payloads[composed.bases[0]], null=null)
        others = [type_ for type_ in types if type_ not in ("object", "null")]
        name = name if top and not others else self.free(name)
        self._classes.make(name, composed)
        made = Type("named", name, null=null)
        rest = [self._typed(composed.own, type_, name) for type_ in others]
        return leaves.any_of([made, *rest], null=null) if rest else made

    def _leaf(self, own: Definition, name: str, *, top: bool) -> Type:
        chosen = leaves.values(own)
        if chosen is not None:
            names = own.get("x-enum-varnames")
            if isinstance(names, list) and chosen.kind == "literal":
                return self._enumeration(own, chosen, names, name if top else self.free(name))
            return chosen
        types = types_of(own) or _meant(own)
        null = "null" in types
        some = [type_ for type_ in types if type_ != "null"]
        if not types:
            return any_type()
        return leaves.any_of([self._typed(own, type_, name) for type_ in some], null=null)

    def _enumeration(self, own: Definition, chosen: Type, names: list[str], name: str) -> Type:
        values = own["enum"]
        assert isinstance(values, list)  # noqa: S101 - names are kept for lists alone
        kinds = {type(value) for value in chosen.values}
        if kinds not in ({str}, {int}):
            return chosen
        members: dict[str, object] = {}
        for text, value in zip(names, values, strict=True):
            if value is not None:
                member = _member(text, members)
                members[member] = value
        self.shapes[name] = EnumClass(name, members, said(own))
        return Type("named", name, null=chosen.null)

    def _typed(self, own: Definition, type_: str, name: str) -> Type:
        if type_ == "array":
            return self._array(own, name)
        if type_ == "object":
            return self._map(own, name)
        return leaves.scalar(own, type_)

    def _array(self, own: Definition, name: str) -> Type:
        first, items = parts(own, "prefixItems"), part(own, "items")
        limits = leaves.array_limits(own)
        count = len(first)
        closed = own.get("items") is False or limits.get("max_length") == count
        if first:
            types = [self.type(f, f"{name}Item{n}") for n, f in enumerate(first, 1)]
            if closed and limits.get("min_length") == count:
                return Type("tuple", parts=types)
            if not closed:
                types.append(self.type(items or {}, f"{name}Item"))
            limits |= {"max_length": count} if closed else {}
            item = leaves.any_of(types, null=False)
        else:
            item = self.type(items or {}, f"{name}Item")
        return Type("list", parts=[item], limits=limits, distinct="uniqueItems" in own)

    def _map(self, own: Definition, name: str) -> Type:
        """An object whose properties the document does not name."""
        patterns = part(own, "patternProperties") or {}
        additional = part(own, "additionalProperties")
        closed = own.get("additionalProperties") is False
        key = self._key(own)
        types = [
            self.type(value, f"{name}Value")
            for value in patterns.values()
            if isinstance(value, dict)
        ]
        if additional is not None or not (types and closed):
            types.append(self.type(additional or {}, f"{name}Value"))
        elif len(patterns) == 1:
            key = Type("plain", "str", limits={"pattern": next(iter(patterns))})
        value = leaves.any_of(types, null=False)
        return Type("map", parts=[key, value], limits=leaves.map_limits(own))

    def _key(self, own: Definition) -> Type:
        """What the properties of a map are called: texts, of which `propertyNames` may say more."""
        names = part(own, "propertyNames") or {}
        composed = self.composer.compose(names)
        text = {"type": "string"} | composed.own
        key = leaves.values(text) or leaves.scalar(text, "string")
        if composed.bases or composed.unions or text["type"] != "string" or not _is_text(key):
            return Type("plain", "str")
        reference = names.get("$ref")
        return self.type(names, "") if isinstance(reference, str) else key


def _reference(definition: Definition) -> str | None:
    """To what a definition refers: itself, or by the idiom that has more to say of it."""
    all_of = parts(definition, "allOf")
    if len(all_of) == 1 and definition.keys() <= {"allOf", "default", "description", "title"}:
        definition = all_of[0]
    reference = definition.get("$ref")
    return reference if isinstance(reference, str) else None


def _is_text(type_: Type) -> bool:
    return not type_.null and all(isinstance(value, str) for value in type_.values)


def _meant(own: Definition) -> list[str]:
    """The type that a schema without `type` has in mind."""
    for type_, keywords in _OF_TYPE.items():
        if any(isinstance(own.get(keyword), dict | list) for keyword in keywords[:3]):
            return [type_]
    return []


def _member(text: str, members: dict[str, object]) -> str:
    name = member_name(text)
    while name in members:
        name += "_"
    return name
