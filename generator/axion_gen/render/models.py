"""`messages.py`: the schemas by datamodel-code-generator, the message classes by us.

It is handed definitions that are already resolved, reduced and named, so it reads no file,
invents no name, and sees no keyword that it alone gives a meaning. What it returns is read
back: which names became classes, what the properties are called, and that there is nothing
in it but types.
"""

import ast
import re
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from ..asyncapi.contract import Message
from .definitions import Bundle, said_of
from .plan import Plan
from .text import docstring

_BASE: Final = "axion.Model"
_MODULES: Final = frozenset(
    {"__future__", "axion", "datetime", "pydantic", "typing", "typing_extensions", "uuid"}
)
_CALLS: Final = frozenset({"ConfigDict", "Field", "Field_aliased", "TypeAliasType"})


_ALIAS_ARGUMENTS: Final = 2
"""Of `TypeAliasType`: the name, and what it stands for."""


class ModelsError(Exception):
    """No Python type was found for something of the contract; says what and why."""


@dataclass(frozen=True, slots=True)
class Property:
    """A field of a class."""

    attribute: str
    """Its name in Python."""
    model: str | None
    """The class of its value, if that is one of ours."""


@dataclass(slots=True)
class Models:
    """The schemas as source text, and what is in it."""

    imports: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    classes: dict[str, dict[str, Property]] = field(default_factory=dict)
    """Of each class its fields by their names on the wire, inherited ones too."""
    payloads: dict[str, str] = field(default_factory=dict)
    """The class or alias of each schema, by its id."""


def schema_models(plan: Plan) -> Models:
    """The schemas of a contract as classes and type aliases.

    Raises:
        ModelsError: there is a schema that no type was found for.
    """
    # Whether a definition becomes a class is known for sure only afterwards. A message's own
    # class must be one: where it did not become one, it is made around what it did become.
    wrapped: frozenset[str] = frozenset()
    while True:
        bundle = Bundle(plan, wrapped)
        models = _read(_generated(bundle), bundle.definitions) if bundle.definitions else Models()
        models.payloads = bundle.payloads
        own = set(plan.classes.values()) & bundle.definitions.keys()
        if own <= models.classes.keys():
            return models
        wrapped |= own - models.classes.keys()


def messages_source(plan: Plan, models: Models) -> str:
    """The source of `messages.py`, not formatted yet."""
    contract = plan.contract
    parts = [
        docstring(f"The messages of {contract.title} {contract.version}, and their schemas."),
        *models.imports,
        "from typing import Any",
        "from pydantic import BaseModel, ConfigDict, RootModel",
        "class Model(BaseModel):\n"
        '    """The base of all models: a message is a value and does not change."""\n\n'
        "    model_config = ConfigDict(frozen=True, validate_by_name=True)\n",
        *models.body,
        *_message_classes(plan, models),
    ]
    return "\n\n".join(parts) + "\n"


def key_expression(plan: Plan, models: Models, message: Message) -> str | None:
    """The attributes of a message that lead to its key, as `id` or `item.id`.

    Raises:
        ModelsError: a property of the key is none of the class.
    """
    if message.key is None:
        return None
    current: str | None = plan.classes[message]
    if current not in models.classes and message.payload is not None:
        current = models.payloads[message.payload]  # the message's class is made of that one
    attributes: list[str] = []
    for name in message.key.path:
        found = models.classes.get(current or "", {}).get(name)
        if found is None:
            raise ModelsError(f"no attribute was made of the property {name!r} of {current}")
        attributes.append(found.attribute)
        current = found.model
    return ".".join(attributes)


def _message_classes(plan: Plan, models: Models) -> Iterator[str]:
    """The classes of messages whose payload is something with a name of its own."""
    done = set(models.classes)
    for message, name in plan.classes.items():
        if name in done:
            continue
        done.add(name)
        payload = models.payloads[message.payload] if message.payload is not None else "Any"
        text = docstring(said_of(message), indent=4)
        if payload in models.classes:
            yield f"class {name}({payload}):\n    {text}\n"
        else:
            yield (
                f"class {name}(RootModel[{payload}]):\n    {text}\n\n"
                "    model_config = ConfigDict(frozen=True)\n"
            )


def _generated(bundle: Bundle) -> str:
    # Imported here: it takes longer than everything else, and not every command needs it.
    from datamodel_code_generator import Error, InputFileType, generate
    from datamodel_code_generator.enums import DataModelType
    from datamodel_code_generator.format import PythonVersion
    from datamodel_code_generator.parser import LiteralType

    if not bundle.definitions:
        return ""
    with warnings.catch_warnings():
        # What it leaves out of a type was left out by `schemas` already, or says nothing.
        warnings.simplefilter("ignore")
        try:
            source = generate(
                {"$schema": "http://json-schema.org/draft-07/schema#", "$defs": bundle.definitions},
                input_file_type=InputFileType.JsonSchema,
                output_model_type=DataModelType.PydanticV2BaseModel,
                target_python_version=PythonVersion.PY_311,
                # None of its formatters: they read the pyproject.toml of wherever this runs.
                formatters=[],
                base_class=_BASE,
                aliases=bundle.attributes,
                custom_class_name_generator=lambda name: name,
                custom_file_header="#",
                allow_remote_refs=False,
                strict_refs=True,
                use_annotated=True,
                field_constraints=True,
                use_standard_collections=True,
                use_union_operator=True,
                use_type_alias=True,
                enum_field_as_literal=LiteralType.All,
                use_schema_description=True,
                use_field_description=True,
                use_attribute_docstrings=True,
                use_single_line_docstring=True,
                disable_timestamp=True,
            )
        except (Error, ValueError, TypeError, LookupError, RecursionError) as error:
            raise ModelsError(" ".join(str(error).split()) or type(error).__name__) from error
    if not isinstance(source, str):
        raise ModelsError("the schemas make more than one module")
    return source


def _read(source: str, definitions: Collection[str]) -> Models:
    """What was generated, without what is ours to say, and known to be nothing but types."""
    models = Models()
    lines = source.splitlines()
    bases: dict[str, list[str]] = {}
    own: dict[str, dict[str, Property]] = {}
    tree = ast.parse(source)
    names = {statement.name for statement in tree.body if isinstance(statement, ast.ClassDef)}
    needed = set(definitions) | set(_mentioned(tree))
    for statement in tree.body:
        _check(statement)
        text = "\n".join(lines[statement.lineno - 1 : statement.end_lineno])
        match statement:
            case ast.ImportFrom(module="axion"):
                continue
            case ast.ImportFrom() | ast.Import():
                models.imports.append(text)
                continue
            case ast.Assign(targets=[ast.Name(id=name)]) if name not in needed:
                continue  # the root of the definitions, which is nothing by itself
            case ast.Expr(value=ast.Constant()):
                models.body[-1] += f"\n{text}"  # what the alias before it means
                continue
            case ast.ClassDef():
                bases[statement.name] = [b.id for b in statement.bases if isinstance(b, ast.Name)]
                own[statement.name] = dict(_fields(statement, names))
                text = _without_config(statement, lines)
        models.body.append(text)
    for name in own:
        models.classes[name] = _inherited(name, bases, own)
    return models


def _mentioned(tree: ast.Module) -> Iterator[str]:
    """The names that are used, in annotations that are text too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Call) and len(node.args) == _ALIAS_ARGUMENTS:
            texts = (n.value for n in ast.walk(node.args[1]) if isinstance(n, ast.Constant))
            yield from (word for text in texts for word in re.findall(r"\w+", str(text)))


def _inherited(
    name: str, bases: dict[str, list[str]], own: dict[str, dict[str, Property]]
) -> dict[str, Property]:
    properties: dict[str, Property] = {}
    for base in reversed(bases.get(name, [])):
        properties |= _inherited(base, bases, own)
    return properties | own.get(name, {})


def _fields(statement: ast.ClassDef, names: set[str]) -> Iterator[tuple[str, Property]]:
    for node in statement.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            attribute, alias = node.target.id, node.target.id
            for part in ast.walk(node.annotation):
                if isinstance(part, ast.keyword) and part.arg == "alias":
                    alias = ast.literal_eval(part.value)
            models = (n.id for n in ast.walk(node.annotation) if isinstance(n, ast.Name))
            yield alias, Property(attribute, next((name for name in models if name in names), None))


def _without_config(statement: ast.ClassDef, lines: list[str]) -> str:
    """A class without the configuration that `Model` has for all of them."""
    kept = list(lines[statement.lineno - 1 : statement.end_lineno])
    for node in statement.body:
        if isinstance(node, ast.Assign):
            start, end = node.lineno - statement.lineno, (node.end_lineno or 0) - statement.lineno
            kept[start : end + 1] = ["    pass"]
    return "\n".join(kept)


def _check(statement: ast.stmt) -> None:
    """Types are all that is generated: whatever a document says, nothing in it runs.

    Raises:
        ModelsError: there is something else, which is not written anywhere.
    """
    for node in ast.walk(statement):
        if not _is_harmless(node):
            raise ModelsError("the schemas make source that is more than types")


def _is_harmless(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(module=module):
            return module in _MODULES
        case ast.Call(func=ast.Name(id=name)):
            return name in _CALLS
        case ast.Call(func=ast.Attribute(attr="model_rebuild"), args=[], keywords=[]):
            return True
        case ast.Attribute(attr=name):
            return name == "model_rebuild"
        case ast.Name(id=name):
            return not name.startswith("__")
    return not isinstance(node, _ACTIVE)


_ACTIVE: Final = (
    ast.Import,
    ast.Call,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.comprehension,
    ast.JoinedStr,
    ast.NamedExpr,
    ast.Await,
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
    ast.Raise,
    ast.Delete,
    ast.Global,
)
