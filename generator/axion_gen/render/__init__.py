"""A contract to a package: name everything -> models -> modules -> ruff -> runtime -> lock."""

from pathlib import Path

from ..asyncapi.contract import Contract
from ..asyncapi.diagnostics import Diagnostics, Location, shown
from ..lock import LOCK, lock_text
from ..surface import surface
from .examples import examples_source
from .formatting import formatted
from .models import Models, ModelsError, messages_source, schema_models
from .package import modules
from .plan import Plan, plan
from .shapes import Class


def render(
    contract: Contract, output: Path, diagnostics: Diagnostics, *, settings: str = ""
) -> dict[str, str] | None:
    """The whole package in memory: texts by their paths in it.

    Args:
        contract: what to render.
        output: the folder it is meant for; only the lock's relative paths depend on it.
        diagnostics: takes what cannot be rendered.
        settings: whatever else decides what is generated; the lock's seal is over it, too.

    Returns:
        None if anything found is an error.
    """
    names = plan(contract, diagnostics)
    if names is None:
        return None
    try:
        models = schema_models(names)
        sources = {"messages.py": messages_source(names, models), **modules(names, models)}
        sources |= examples_source(names, models, diagnostics)
        _warn_of_renamed(names, models, diagnostics)
    except RecursionError:
        diagnostics.add(
            "too-complex",
            "the schemas are too deep, or too many of them are put together of others",
            Location(contract.sources[0]),
            "write them with fewer levels of `allOf` and references",
        )
        return None
    except ModelsError as error:
        diagnostics.add(
            "unsupported-schema",
            str(error),
            error.location,
            "simplify the schema it names",
        )
        return None
    files = formatted(sources) | _runtime()
    files[LOCK] = lock_text(
        contract.sources,
        output,
        files,
        surface(names),
        settings=settings,
        silent=not list(diagnostics),
    )
    return dict(sorted(files.items()))


def _warn_of_renamed(names: Plan, models: Models, diagnostics: Diagnostics) -> None:
    """Say what has another name in Python, for others have theirs: properties, inner classes."""
    for (class_, wire), attribute in models.renamed.items():
        shape = models.shapes[class_]
        if isinstance(shape, Class) and shape.fields[wire].attribute == attribute:
            diagnostics.add(
                "name-collision",
                f"{shown(wire)} is `{attribute}` in the class `{class_}`:"
                f" `{attribute.rstrip('_')}` is another property",
                _place(names, class_),
                "give one of them another name, before the names are used",
            )

    for name, (wanted, id_) in models.numbered.items():
        schema = names.contract.schemas.get(id_)
        diagnostics.add(
            "name-collision",
            f"what is within the schema {shown(schema.name if schema else wanted)} is `{name}` in"
            f" Python: `{wanted}` is taken",
            schema.location if schema else Location(names.contract.sources[0]),
            f"rename what else is `{wanted}`, or name the inner schema: put it under"
            " `components` and refer to it",
        )


def _place(names: Plan, class_: str) -> Location:
    """Where the schema of a class stands, or the one that it is within."""
    within = [id_ for id_, name in names.schemas.items() if class_.startswith(name)]
    nearest = max(within, key=lambda id_: len(names.schemas[id_]), default=None)
    if nearest is None:
        return Location(names.contract.sources[0])
    return names.contract.schemas[nearest].location


def _runtime() -> dict[str, str]:
    """The runtime, verbatim."""
    folder = Path(__file__).parent.parent / "runtime"
    paths = (path for path in folder.rglob("*") if path.suffix == ".py" or path.name == "py.typed")
    return {
        f"runtime/{path.relative_to(folder).as_posix()}": path.read_text(encoding="utf-8")
        for path in sorted(paths)
    }
