"""The user's class of handlers, found in its file: the file is read, never run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .methods import BASE, Demand, Method


class StubsError(Exception):
    """Methods cannot be appended to a file; says why and what to do."""


@dataclass(frozen=True, slots=True)
class HandlersClass:
    """A class of handlers in a file."""

    node: ast.ClassDef
    methods: frozenset[str]
    """Of the class and those it derives from, as far as the file has them."""
    package: str
    """How the file refers to the generated package: `.bus`, `items.bus`."""
    unknown: tuple[str, ...]
    """Its bases that are not in the file: what they have is not known."""


def handlers_class(file: Path, tree: ast.Module, package: str) -> HandlersClass:
    """The one class of the file that derives from the generated `Handlers`.

    Raises:
        StubsError: there is none, or more than one.
    """
    bases = dict(_bases(tree, package))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    derived: dict[str, str] = {}
    for name, node in classes.items():  # a class comes after those it derives from
        for base in node.bases:
            text = ast.unparse(base).partition("[")[0]
            if text in bases or text in derived:
                derived[name] = bases.get(text) or derived[text]
    parents = {ast.unparse(base) for name in derived for base in classes[name].bases}
    leaves = [name for name in derived if name not in parents]
    if len(leaves) != 1:
        what = f"several: {', '.join(leaves)}" if leaves else "none"
        raise StubsError(
            f"{file} must have one class that derives from the generated {BASE}, and has {what};"
            " write it, or name its file (`handlers` under [tool.axion-gen])"
        )
    chain, unknown = [leaves[0]], list[str]()
    for name in chain:
        for text in map(ast.unparse, classes[name].bases):
            if text in classes and text not in chain:
                chain.append(text)
            elif text not in bases and text not in classes:
                unknown.append(text)
    return HandlersClass(
        classes[leaves[0]],
        frozenset(name for link in chain for name in defined(classes[link])),
        derived[leaves[0]],
        tuple(unknown),
    )


def _bases(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    """What the file calls the generated `Handlers`, and the package where it is from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            above, _, last = module.rpartition(".")
            for alias in node.names:
                own = alias.asname or alias.name
                if last == "handlers" and above.rpartition(".")[2] == package:
                    if alias.name == BASE:
                        yield own, above
                elif last == package and alias.name == "handlers":
                    yield f"{own}.{BASE}", module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                above, _, last = alias.name.rpartition(".")
                if last == "handlers" and above.rpartition(".")[2] == package:
                    yield f"{alias.asname or alias.name}.{BASE}", above


def defined(node: ast.ClassDef) -> Iterator[str]:
    """The names that a class defines."""
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (t.id for t in statement.targets if isinstance(t, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id


def type_names(
    file: Path, tree: ast.Module, package: str, demand: Demand, methods: list[Method]
) -> tuple[dict[str, str], list[str]]:
    """What the file calls the types of methods, and the lines that import the others.

    Raises:
        StubsError: the file uses the name of a type for something else.
    """
    names, bound = dict[tuple[str, str], str](), set[str]()
    for node in _outer(tree):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names |= {(module, alias.name): alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    renamed: dict[str, str] = {}
    imports: dict[str, list[str]] = {}
    for name in sorted({name for method in methods for name in method.types}):
        if name not in demand.modules:
            continue  # a builtin
        module = f"{package}.{demand.modules[name]}"
        if (module, name) in names:
            renamed[name] = names[module, name]
        elif name in bound:
            raise StubsError(
                f"{name} is something else in {file}: import {module}.{name} by another name there"
            )
        else:
            imports.setdefault(module, []).append(name)
    return renamed, [f"from {module} import {', '.join(own)}" for module, own in imports.items()]


def _outer(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes outside of functions and classes, and the functions and classes themselves."""
    waiting: list[ast.AST] = [tree]
    for node in waiting:
        yield node
        inner = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if not inner:
            waiting.extend(ast.iter_child_nodes(node))
