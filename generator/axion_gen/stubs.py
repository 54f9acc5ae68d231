"""The user's class of handlers: which methods it lacks, and how they are appended to its file.

The file is read, never run. Lines are added to it, the methods behind the last one of the class
and imports behind those that are there; every byte that was in it stays as it is.
"""

import ast
import os
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .handlers_class import StubsError, defined, handlers_class, type_names
from .methods import BASE, PREFIX, Demand, Method, stub


@dataclass(frozen=True, slots=True)
class Missing:
    """What the class of handlers lacks, and what it has that nothing calls."""

    file: Path
    class_: str | None
    """None where there is no class yet, or none that is known."""
    methods: tuple[str, ...]
    """Their names."""
    stale: tuple[str, ...] = ()
    """The methods named `on_...` that handle no message of the contract."""
    imports: tuple[str, ...] = ()
    """The lines that the methods need and the file lacks."""
    source: str = ""
    """The methods, ready to be pasted."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A file with the methods in it, not written yet."""

    missing: Missing
    content: bytes


def missing_methods(
    file: Path, package: Path, demand: Demand, new: Collection[str]
) -> Missing | None:
    """What the class in a file lacks; None where it lacks nothing, or is not to be told.

    Where there is a file but the class is not to be found, it lacks what is new.
    """
    try:
        missing = edit(file, package, demand).missing
    except StubsError:
        methods = [method for method in demand.methods if method.name in new]
        names = tuple(method.name for method in methods)
        missing = Missing(file, None, names, source=_source(methods, {}, "    "))
    return missing if missing.methods or missing.stale else None


def edit(file: Path, package: Path, demand: Demand) -> Edit:
    """The file with the methods that its class lacks.

    Args:
        file: the user's file; it need not be there.
        package: the folder of the generated package.
        demand: the methods that the class must have.

    Raises:
        StubsError: the class is not to be found, or there are several.
    """
    if not file.exists():
        return _created(file, package, demand)
    content = _read(file)
    try:
        tree = ast.parse(content, str(file))
        found = handlers_class(file, tree, package.name)
    except (SyntaxError, ValueError, RecursionError) as error:
        line, why = (error.lineno, error.msg) if isinstance(error, SyntaxError) else (0, error)
        raise StubsError(f"{file}:{line or 1} is no Python that can be read: {why}") from error
    wanted = {method.name for method in demand.methods}
    lacking = [method for method in demand.methods if method.name not in found.methods]
    own = {name for name in defined(found.node) if name.startswith(PREFIX)}
    if lacking and found.unknown:
        raise StubsError(
            f"{found.node.name} in {file} also derives from {', '.join(found.unknown)}, which may"
            f" have {', '.join(method.name for method in lacking)}: append what is missing yourself"
        )
    names, imports = type_names(file, tree, found.package, demand, lacking)
    lines = content.splitlines(keepends=True)
    indent = _indent(found.node, lines)
    source = _source(lacking, names, indent)
    missing = Missing(
        file,
        found.node.name,
        tuple(method.name for method in lacking),
        tuple(sorted(own - wanted)),
        tuple(imports),
        source,
    )
    if not lacking:
        return Edit(missing, content)
    if found.node.body[0].lineno == found.node.lineno:
        raise StubsError(
            f"{found.node.name} in {file} is written on one line: give its body lines of its own"
        )
    places = {found.node.body[-1].end_lineno or 0: ["", *source.split("\n")]}
    if imports:
        places.setdefault(_last_import(file, tree), []).extend(imports)
    edited = _inserted(lines, places)
    if not wanted <= handlers_class(file, ast.parse(edited), package.name).methods:
        raise StubsError(f"the methods find no place in {file}: append them yourself")
    return Edit(missing, edited)


def append(edit: Edit) -> None:
    """Write the file, as a whole or not at all.

    Raises:
        StubsError: it cannot be written.
    """
    file = edit.missing.file.resolve()
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        place = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as new:
                new.write(edit.content)
                new.flush()
                os.fsync(new.fileno())
            place.chmod(file.stat().st_mode & 0o7777 if file.exists() else 0o666 & ~_umask())
            place.replace(file)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StubsError(f"{file} cannot be written: {error.strerror or error}") from error


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StubsError(f"{file} cannot be read: {error.strerror or error}") from error


def _created(file: Path, package: Path, demand: Demand) -> Edit:
    """A file with a class that has them all."""
    name = "".join(part.capitalize() for part in package.resolve().parent.name.split("_"))
    class_ = f"{name}{BASE}" if f"{name}{BASE}".isidentifier() and name else f"My{BASE}"
    prefix = _package(file, package)
    types = {name for method in demand.methods for name in method.types}
    own = {name for name in types if demand.modules.get(name) == "handlers"}
    models = sorted(name for name in types if demand.modules.get(name) == "messages")
    imports = [f"from {prefix}.handlers import {', '.join(sorted({*own, BASE}))}"]
    if models:
        line = f"from {prefix}.messages import {', '.join(models)}"
        many = [f"from {prefix}.messages import (", *(f"    {name}," for name in models), ")"]
        imports += [line] if len(line) <= 100 else many
    source = _source(demand.methods, {}, "    ")
    lines = [
        '"""What the service does with each message it receives."""',
        "",
        "from typing import final",
        "",
        *imports,
        "",
        "",
        "@final",
        f"class {class_}({BASE}):",
        '    """One method for each message."""',
        *(["", source] if source else []),
    ]
    names = tuple(method.name for method in demand.methods)
    missing = Missing(file, None, names, imports=tuple(imports), source=source)
    return Edit(missing, "".join(f"{line}\n" for line in lines).encode())


def _source(methods: Iterable[Method], names: Mapping[str, str], indent: str) -> str:
    """Methods as they are appended, an empty line between them."""
    return "\n\n".join("\n".join(stub(m, indent=indent, names=names)) for m in methods)


def _package(file: Path, package: Path) -> str:
    """How a file refers to the package: relative, where it lies in a package itself."""
    folder, target = file.resolve().parent, package.resolve()
    if not (folder / "__init__.py").exists():
        return target.name
    common = Path(os.path.commonpath([folder, target]))
    dots = "." * (len(folder.relative_to(common).parts) + 1)
    return dots + ".".join(target.relative_to(common).parts)


def _indent(node: ast.ClassDef, lines: list[bytes]) -> str:
    first = node.body[0]
    decorated = getattr(first, "decorator_list", None)
    line = lines[(decorated[0] if decorated else first).lineno - 1]
    return line[: len(line) - len(line.lstrip(b" \t"))].decode() or "    "


def _last_import(file: Path, tree: ast.Module) -> int:
    """The line behind which imports go: the last of those at the file's top level."""
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if not imports:
        raise StubsError(f"{file} has no import at its top level: append what is missing yourself")
    return imports[-1].end_lineno or 0


def _inserted(lines: list[bytes], places: dict[int, list[str]]) -> bytes:
    """The lines with others behind some of them, with the ends of lines that are there."""
    end = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    result: list[bytes] = []
    for number, line in enumerate(lines, start=1):
        added = [text.encode() for text in places.get(number, ())]
        result.append(line if line.endswith((b"\n", b"\r")) or not added else line + end)
        result += [text + end for text in added]
    return b"".join(result)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
