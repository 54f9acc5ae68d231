"""The command `axion-gen`.

Exit codes: 0 the package is written, or is as it should be; 1 `--check` found differences;
2 the document, the settings or the folder are not such that it could be written.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from . import __version__
from .asyncapi import Diagnostics, read_contract
from .output import OutputError, differences, edited, refuse_foreign, write
from .render import render
from .report import Format, Result, report
from .settings import SettingsError, configured_output

DIFFERENT: Final = 1
FAILED: Final = 2

app: Final = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"axion-gen {__version__}")
        raise typer.Exit


@app.command()
def generate(
    spec: Annotated[Path, typer.Argument(help="The AsyncAPI document.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            help="The package's folder; else `output` under \\[tool.axion-gen] in the nearest"
            " pyproject.toml.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if something would change.")
    ] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to answer.")] = Format.TEXT,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which."),
    ] = False,
) -> None:
    """Generate a typed Python package for Kafka from an AsyncAPI document.

    Exit codes: 0 written, or nothing to write; 1 --check found differences; 2 nothing could be
    written, and what was there is as it was.
    """
    found = Diagnostics()
    folder = output
    try:
        contract = read_contract(spec, found)
        if contract is None:
            report(format_, Result.FAILED, output, found=found)
            raise typer.Exit(FAILED)
        folder = output or configured_output(spec)
        if not check:
            refuse_foreign(folder)
        files = render(contract, folder.resolve(), found)
        if files is None:
            report(format_, Result.FAILED, folder, found=found)
            raise typer.Exit(FAILED)
        differing = differences(folder, files)
        if not differing:
            report(format_, Result.UNCHANGED, folder, found=found)
        elif check:
            report(format_, Result.DIFFERENT, folder, found=found, files=differing)
            raise typer.Exit(DIFFERENT)
        else:
            lost = edited(folder)
            write(folder, files)
            report(format_, Result.WRITTEN, folder, found=found, lost=lost)
    except (OutputError, SettingsError) as error:
        report(format_, Result.FAILED, folder, found=found, error=str(error))
        raise typer.Exit(FAILED) from None


def main() -> None:
    """Run the command."""
    app(prog_name="axion-gen")
