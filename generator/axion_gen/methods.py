"""The methods that a contract demands, as the generated `handlers.py` declares them."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .render.text import LINE_LENGTH, docstring

PREFIX: Final = "on_"
BASE: Final = "Handlers"
"""The generated class that the user's class derives from."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method for one received message."""

    name: str
    arguments: tuple[tuple[str, str], ...]
    """The names of the arguments and their types, without `self`."""
    returns: str
    documentation: str
    types: frozenset[str]
    """The names that the types mention."""


@dataclass(frozen=True, slots=True)
class Demand:
    """All methods, and where the names in their types come from."""

    methods: tuple[Method, ...]
    modules: Mapping[str, str]
    """The generated module of each name: `messages` for `ItemCreate`."""


def demanded(source: str) -> Demand:
    """Read the generated `handlers.py`."""
    modules: dict[str, str] = {}
    methods: list[Method] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            modules |= {alias.asname or alias.name: node.module for alias in node.names}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            modules[node.target.id] = "handlers"
        elif isinstance(node, ast.ClassDef) and node.name == BASE:
            methods += _methods(node)
    return Demand(tuple(methods), modules)


def stub(method: Method, *, indent: str, names: Mapping[str, str]) -> list[str]:
    """The lines of a method that is still to be written; it fails when it is called.

    Args:
        method: which.
        indent: of the class's body.
        names: what the user's file calls the types, where it has names of its own for them.
    """
    arguments = [f"{name}: {_renamed(type_, names)}" for name, type_ in method.arguments]
    start, end = f"async def {method.name}(", f") -> {_renamed(method.returns, names)}:"
    line = f"{start}{', '.join(['self', *arguments])}{end}"
    within = f"    {', '.join(['self', *arguments])}"
    if len(indent + line) <= LINE_LENGTH:
        head = [line]
    elif len(indent + within) <= LINE_LENGTH:
        head = [start, within, end]
    else:
        head = [start, "    self,", *(f"    {argument}," for argument in arguments), end]
    first = method.documentation.strip().partition("\n")[0]
    text = docstring(first, indent=len(indent) + 4).split("\n")
    body = [f"    {line.strip()}" for line in text]  # how it is indented is said here
    return [indent + line for line in (*head, *body, "    raise NotImplementedError")]


def _methods(class_: ast.ClassDef) -> Iterator[Method]:
    for node in class_.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith(PREFIX):
            arguments = [(a.arg, a.annotation) for a in node.args.args[1:] if a.annotation]
            returns = _awaited(node.returns)
            parts = [*(annotation for _, annotation in arguments), returns]
            yield Method(
                node.name,
                tuple((name, ast.unparse(annotation)) for name, annotation in arguments),
                ast.unparse(returns),
                ast.get_docstring(node) or "",
                frozenset(
                    n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)
                ),
            )


def _awaited(returns: ast.expr | None) -> ast.expr:
    """`X` of `Awaitable[X] | X`, which is what an `async def` returns."""
    if isinstance(returns, ast.BinOp):
        for node in ast.walk(returns):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Awaitable":
                return node.slice
    return returns or ast.Constant(None)


def _renamed(type_: str, names: Mapping[str, str]) -> str:
    tree = ast.parse(type_, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)
