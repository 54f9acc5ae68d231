"""Commands in the documentation are there, with the options that they are given."""

import re
import shlex
import subprocess
import sys
from functools import cache

import pytest
import typer
from typer.core import TyperGroup

from axion_gen.cli import _parser
from axion_gen.runtime import KafkaSettings
from axion_gen.tools.cli import app

from .blocks import ROOT, Block, blocks, commands

LINES = [
    pytest.param(command, id=f"{block}: {command}")
    for block in blocks("sh", "console")
    for command in commands(block)
]
OTHERS = {"cd", "curl", "export", "git", "kubectl", "mkdir", "pip", "pre-commit", "python", "xargs"}
"""What is no program of ours, and is taken as it stands."""


@pytest.mark.parametrize("line", LINES)
def test_it_is_a_command(line: str) -> None:
    program, *arguments = shlex.split(line)
    match program.rpartition("/")[2]:
        case "axion":
            parse_axion(arguments)
        case "axion-gen":
            _parser().parse_args(arguments)
        case "copier":
            options = {word.split("=")[0] for word in arguments if word.startswith("-")}
            assert options <= options_of_copier(arguments[0])
        case "make":
            assert {word for word in arguments if "=" not in word} <= targets()
        case name:
            assert name in OTHERS or re.match(r"KAFKA_\w+=", line), f"what is {name}?"


def parse_axion(arguments: list[str]) -> None:
    """Parse as the command does, and run nothing."""
    command = typer.main.get_command(app)
    context = None
    while isinstance(command, TyperGroup):
        context = command.make_context(command.name, arguments, parent=context)
        _, found, arguments = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        assert found is not None
        command = found
    command.make_context(command.name, arguments, parent=context)


@cache
def options_of_copier(command: str) -> set[str]:
    """The options of one of Copier's commands."""
    done = subprocess.run(
        [sys.executable, "-m", "copier", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", done.stdout))


@cache
def targets() -> set[str]:
    """What can be made here, and in a service."""
    makefiles = (ROOT / "Makefile", ROOT / "template" / "Makefile.jinja")
    return {
        target
        for file in makefiles
        for target in re.findall(r"^([a-z][a-z-]*):(?!=)", file.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_variables_are_settings(block: Block) -> None:
    names = set(re.findall(r"\bKAFKA_(\w+)=", block.text))
    assert names <= {name.upper() for name in KafkaSettings.model_fields}
