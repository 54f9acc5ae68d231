"""The keywords of JSON Schema: one that is nearly one was most probably meant to be it."""

from typing import Final

from .diagnostics import Diagnostics, shown
from .nodes import Node

KEYWORDS: Final = frozenset(
    {
        # of all drafts since 4
        "$anchor", "$comment", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor",
        "$recursiveRef", "$ref", "$schema", "$vocabulary", "additionalItems",
        "additionalProperties", "allOf", "anyOf", "const", "contains", "contentEncoding",
        "contentMediaType", "contentSchema", "default", "definitions", "dependencies",
        "dependentRequired", "dependentSchemas", "deprecated", "description", "else", "enum",
        "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "id", "if", "items",
        "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains",
        "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf",
        "pattern", "patternProperties", "prefixItems", "properties", "propertyNames", "readOnly",
        "required", "then", "title", "type", "unevaluatedItems", "unevaluatedProperties",
        "uniqueItems", "writeOnly",
        # of AsyncAPI and OpenAPI
        "discriminator", "example", "externalDocs", "nullable", "xml",
    }
)  # fmt: skip
_SHORT: Final = 3
"""What has so few letters is near to too much."""
_MEANT: Final = sorted(word for word in KEYWORDS if len(word) > _SHORT and word[0] != "$")


def check_keywords(node: Node, diagnostics: Diagnostics) -> None:
    """Warn of keywords that are one slip from one that has a meaning."""
    for key in node.mapping:
        if key in KEYWORDS or key.startswith("x-"):
            continue
        meant = next((word for word in _MEANT if _is_slip(key, word)), None)
        if meant is not None and meant not in node.mapping:
            diagnostics.add(
                "schema-keyword-unknown",
                f"a schema has no {shown(key)}: it says nothing",
                node.key_location(key),
                f"did you mean `{meant}`?",
            )


def _is_slip(text: str, word: str) -> bool:
    """Whether a text is a word with letters exchanged, or with one more, less or other."""
    if abs(len(text) - len(word)) > 1:
        return False
    if text.lower() == word.lower():
        return True
    start = next((i for i, (a, b) in enumerate(zip(text, word, strict=False)) if a != b), None)
    if start is None:
        return True  # one letter more or less, at the end
    one, other = text[start:], word[start:]
    exchanged = one[:2] == other[:2][::-1] and one[2:] == other[2:]
    return exchanged or one[1:] == other[1:] or one[1:] == other or one == other[1:]
