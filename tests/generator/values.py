"""Values of a JSON Schema, made by Hypothesis: simple ones, then held to the schema."""

from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft7Validator

Schema = dict[str, Any]
TEXTS: dict[str, st.SearchStrategy[Any]] = {
    "date": st.dates().map(str),
    "date-time": st.datetimes().map(lambda value: f"{value.isoformat()}Z"),
    "time": st.times().map(lambda value: f"{value.isoformat()}Z"),
    "duration": st.integers(0, 10**6).map(lambda value: f"PT{value}S"),
    "uuid": st.uuids().map(str),
}
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
SPACELESS = st.characters(codec="utf-8", exclude_characters="\x1c\x1d\x1e\x1f")
"""Without what is white space for Python alone."""
ANYTHING = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=2) | st.dictionaries(st.text(max_size=3), part)
)
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def values_of(schema: Any) -> st.SearchStrategy[Any]:
    """Values that fulfil a schema without references."""
    return _values(schema).filter(Draft7Validator(schema).is_valid)


def _values(schema: Any) -> st.SearchStrategy[Any]:
    if not isinstance(schema, dict) or not schema:
        return ANYTHING
    for part in schema.get("allOf", ()):
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        others = [other for other in schema["allOf"] if other is not part]
        return _values(_both(part, rest | ({"allOf": others} if others else {})))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            rest = {name: value for name, value in schema.items() if name != key}
            return st.one_of([_values(_both(rest, option)) for option in schema[key]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    types = schema.get("type", TYPES)
    return st.one_of([_typed(schema, t) for t in ([types] if isinstance(types, str) else types)])


def _typed(schema: Schema, type_: str) -> st.SearchStrategy[Any]:
    match type_:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer" | "number":
            return _numbers(schema, whole=type_ == "integer")
        case "string":
            return _texts(schema)
        case "array":
            return _lists(schema)
    return _objects(schema)


def _numbers(schema: Schema, *, whole: bool) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = schema.get("multipleOf")
    if step is not None:
        return st.integers(
            None if low is None else int(low / step), None if high is None else int(high / step)
        ).map(lambda count: count * step)
    if whole:
        return st.integers(None if low is None else int(low), None if high is None else int(high))
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def _texts(schema: Schema) -> st.SearchStrategy[Any]:
    if schema.get("format") in TEXTS:
        return TEXTS[schema["format"]]
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], alphabet=SPACELESS)
    return st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 20))


def _lists(schema: Schema) -> st.SearchStrategy[Any]:
    items = schema.get("items", {})
    low, high = schema.get("minItems", 0), schema.get("maxItems", 3)
    if isinstance(items, list):
        return st.tuples(*map(_values, items)).map(list)
    unique = repr if schema.get("uniqueItems") else None
    high = max(low, min(high, low + 3))
    return st.lists(_values(items), min_size=low, max_size=high, unique_by=unique)


def _objects(schema: Schema) -> st.SearchStrategy[Any]:
    properties = schema.get("properties", {})
    required = {name: _values(properties.get(name, {})) for name in schema.get("required", ())}
    optional = {n: _values(p) for n, p in properties.items() if n not in required}
    known = st.fixed_dictionaries(required, optional=optional)
    additional = schema.get("additionalProperties", True)
    if additional is False or (properties and additional is True):
        return known
    names = st.text(min_size=1, max_size=5)
    patterns = schema.get("patternProperties", {})
    more = [st.dictionaries(names, _values(additional), max_size=2)]
    more += [
        st.dictionaries(st.from_regex(p, alphabet=SPACELESS), _values(part), max_size=2)
        for p, part in patterns.items()
    ]
    return st.builds(lambda other, some: other | some, st.one_of(more), known)


def _both(one: Any, other: Any) -> Any:
    """What fulfils one schema and mostly the other one, too."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one if other is True or other == {} else other
    both = one | other
    for key in ("properties", "patternProperties"):
        if key in one and key in other:
            both[key] = one[key] | {
                n: _both(one[key].get(n, {}), part) for n, part in other[key].items()
            }
    if "required" in one and "required" in other:
        both["required"] = [*one["required"], *other["required"]]
    if "allOf" in one and "allOf" in other:
        both["allOf"] = [*one["allOf"], *other["allOf"]]
    for key in ("anyOf", "oneOf"):
        if key in one and key in other and one[key] != other[key]:
            both["allOf"] = [*both.get("allOf", ()), {key: one[key]}]
    return both
