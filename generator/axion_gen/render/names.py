"""Names of a document made into names of Python.

The rules:

1. Text is normalised as Python normalises identifiers (NFKC).
2. It is split into words at every character that no identifier has, at `_`, and where a
   capital follows a small letter: `item.created`, `item-created`, `itemCreated` and
   `item_created` are the words item, created.
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
        "ABC", "Annotated", "Awaitable", "AwareDatetime", "BaseModel", "Bus", "CONTRACT",
        "ClassVar", "Client", "ConfigDict", "Context", "Contract", "Field", "Final",
        "ForeignContext", "Handlers", "KafkaSettings", "Key", "Literal", "MemoryBus", "Message",
        "Metadata", "Model", "NaiveDatetime", "Parameter", "Reply", "RootModel", "Topic",
        "TopicAddress", "TypeAlias", "TypeAliasType", "UUID", "Union",
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


def attribute_name(text: str) -> str:
    """The text as an attribute, for properties whose own spelling Python would change."""
    words = "_".join(_words(text))
    return _finished(words) or "field"


def _words(text: str) -> list[str]:
    normal = unicodedata.normalize("NFKC", text)
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
