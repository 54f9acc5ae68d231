"""Names of a document made into names of Python.

The rules:

1. Text is normalised as Python normalises identifiers (NFKC).
2. It is split into words at every character that no identifier has, at `_`, and where a
   capital follows a small letter: `item.created`, `item-created`, `itemCreated` and
   `item_created` are the words item, created.
   Of the full name of a Java class, `org.example.orders.OrderPlaced`, only its last part counts.
3. A class joins the words, each with its first letter made a capital: `ItemCreated`. A method
   joins them in small letters, behind `on_`: `on_item_created`. A constant joins them in
   capitals: `ITEM_CREATED`.
4. What would start with a digit has `N` put before it.
5. What is a keyword, or a name the generated modules use themselves, has `_` put behind it.

So a name depends on its own text alone: a document that grows renames nothing.
"""

import builtins
import keyword
import re
import unicodedata
from typing import Final

USED: Final = frozenset(
    {
        # imported by the generated modules, or defined there
        "ABC", "Annotated", "Any", "Awaitable", "AwareDatetime", "BaseModel", "Bus", "CONTRACT",
        "ClassVar", "Client", "ConfigDict", "Context", "Contract", "Decimal", "Distinct", "Field",
        "Final",
        "ForeignContext", "Handlers", "IntEnum", "KafkaSettings", "Key", "Literal", "MemoryBus",
        "Message", "Metadata", "Model", "NaiveDatetime", "Parameter", "Reply", "RootModel",
        "StrEnum", "Topic", "TopicAddress", "TypeAlias", "TypeAliasType", "UUID", "Union",
    }
)  # fmt: skip
_JAVA: Final = re.compile(r"(?:[a-z][a-z0-9_]*\.){2,}([A-Z][A-Za-z0-9_$]*)")
_NO_ATTRIBUTES: Final = frozenset(
    {
        # of pydantic's models
        "construct", "copy", "dict", "from_orm", "json", "model_computed_fields", "model_config",
        "model_construct", "model_copy", "model_dump", "model_dump_json", "model_extra",
        "model_fields", "model_fields_set", "model_json_schema", "model_parametrized_name",
        "model_post_init", "model_rebuild", "model_validate", "model_validate_json",
        "model_validate_strings", "parse_file", "parse_obj", "parse_raw", "schema", "schema_json",
        "update_forward_refs", "validate",
        # what annotations in the class mention
        "Annotated", "Any", "AwareDatetime", "Decimal", "Distinct", "Field", "Literal",
        "NaiveDatetime", "UUID", "bool", "bytes", "datetime", "float", "int", "list", "str",
        "tuple",
    }
)  # fmt: skip
_RESERVED: Final = USED | set(dir(builtins)) | set(keyword.kwlist)


def class_name(text: str) -> str | None:
    """`item.created` -> `ItemCreated`; None if the text has no letter and no digit."""
    return _finished("".join(word[0].upper() + word[1:] for word in _words(text)))


def constant_name(text: str) -> str | None:
    """`item.commands` -> `ITEM_COMMANDS`; None if the text has no letter and no digit."""
    return _finished("_".join(_words(text)).upper())


def handler_name(text: str) -> str | None:
    """`item.create` -> `on_item_create`; None if the text has no letter and no digit."""
    words = "_".join(_words(text)).lower()
    return unicodedata.normalize("NFKC", f"on_{words}") if words else None


def name_part(text: str) -> str:
    """A property's name as part of a class's."""
    return (class_name(text) or "Property").rstrip("_")


def attribute_name(text: str) -> str:
    """A property as an attribute: its own name, where Python and pydantic leave that free."""
    name = unicodedata.normalize("NFKC", text)
    if not name.isidentifier():
        name = "_".join("".join(c if f"a{c}".isidentifier() else " " for c in name).split())
    name = name.lstrip("_")
    if not name.isidentifier():
        name = f"field_{name}" if name else "field"
    name = unicodedata.normalize("NFKC", name)
    return f"{name}_" if name in _NO_ATTRIBUTES or keyword.iskeyword(name) else name


def member_name(text: str) -> str:
    """The name of a value in an enumeration, as the document has it where Python allows it."""
    name = attribute_name(text)
    return f"{name}_" if name in ("mro", "name", "value") else name


def _words(text: str) -> list[str]:
    normal = unicodedata.normalize("NFKC", text)
    java = _JAVA.fullmatch(normal)
    if java is not None:
        normal = java.group(1)
    spaced = "".join(c if f"a{c}".isidentifier() and c != "_" else " " for c in normal)
    if spaced.isupper():
        spaced = spaced.lower()
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", spaced).split()


def _finished(name: str) -> str | None:
    if not name:
        return None
    name = name if name.isidentifier() else f"N{name}"
    # Capitals, and a letter put before, can undo the normal form.
    name = unicodedata.normalize("NFKC", name)
    if not name.isidentifier():
        return None
    return f"{name}_" if name in _RESERVED else name
