"""The generator: whole processes, from their start to the last file they write.

The peer makes nothing but the models, of the same schemas, which it is given as JSON: it reads no
document, resolves nothing, and checks nothing. It is given both of the formatters that are quick,
and the quicker one counts.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from .report import Result, limited, within
from .rounds import Contender, Stage

COUNTS = (10, 200, 1_000)
PEER = "datamodel-codegen"
PYTHON = "bare python"
FORMATTERS = ("builtin", "ruff-format")
SMALL_S = 0.8
RATIO = 1.5
CHECK_S = 0.4
HELP_S = 0.15
LINEAR = 5
"""So many times the channels, and the time at most."""

_PEER = """
import sys
from pathlib import Path
from datamodel_code_generator import InputFileType, generate
from datamodel_code_generator.enums import DataModelType
from datamodel_code_generator.format import Formatter, PythonVersion

generate(
    Path(sys.argv[1]),
    input_file_type=InputFileType.JsonSchema,
    output=Path(sys.argv[2]),
    output_model_type=DataModelType.PydanticV2BaseModel,
    target_python_version=PythonVersion.PY_311,
    formatters=[Formatter(sys.argv[3])],
)
"""


def measure(stage: Stage) -> list[Result]:
    """Documents of 10, 200 and 1,000 channels; `--check` and `--help`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taken = {count: _generated(stage, folder, count) for count in COUNTS}
        small, medium, large = (taken[count] for count in COUNTS)
        growth = {
            name: [many / few for few, many in zip(medium[name], large[name], strict=True)]
            for name in small
        }
        return [
            limited("generate, 10 channels", "s", small, "axion", PEER, at_most=SMALL_S),
            within("generate, 200 channels", "s", medium, "axion", PEER, at_most=RATIO),
            within("generate, 1,000 channels", "s", large, "axion", PEER, at_most=RATIO),
            limited("generate, 1,000 to 200", "×", growth, "axion", PEER, at_most=LINEAR),
            _unchanged(stage, folder),
            _help(stage),
        ]


def _generated(stage: Stage, folder: Path, count: int) -> dict[str, list[float]]:
    """What each took, the peer with the quicker of its formatters."""
    document, schemas = folder / f"{count}.yaml", folder / f"{count}.json"
    document.write_text(yaml.dump(asyncapi(count), Dumper=yaml.CSafeDumper, sort_keys=False))
    schemas.write_text(json.dumps(definitions(count)))
    peers = [
        Contender(
            formatter,
            seconds,
            {"command": ["-c", _PEER, str(schemas), str(folder / "models.py"), formatter]},
        )
        for formatter in FORMATTERS
    ]
    output = str(folder / "bus")
    command = ["-m", "axion_gen", str(document), "--output", output]
    ours = Contender("axion", seconds, {"command": command, "remove": output})
    taken = stage.run(ours, *peers)
    both = zip(*(taken[formatter] for formatter in FORMATTERS), strict=True)
    return {
        "axion": [one for (one,) in taken["axion"]],
        PEER: [min(one + other) for one, other in both],
    }


def _unchanged(stage: Stage, folder: Path) -> Result:
    command = ["-m", "axion_gen", str(folder / "200.yaml"), "--output", str(folder / "bus-200")]
    asyncio.run(seconds(command))
    return _alone(stage, "generate --check, 200 channels", [*command, "--check"], CHECK_S)


def _help(stage: Stage) -> Result:
    return _alone(stage, "generate --help", ["-m", "axion_gen", "--help"], HELP_S)


def _alone(stage: Stage, name: str, command: list[str], at_most: float) -> Result:
    taken = stage.run(
        Contender("axion", seconds, {"command": command}),
        Contender(PYTHON, seconds, {"command": ["-c", "pass"]}),
    )
    values = {name: [one for (one,) in rounds] for name, rounds in taken.items()}
    return limited(name, "s", values, "axion", PYTHON, at_most=at_most)


async def seconds(command: Sequence[str], remove: str | None = None) -> list[float]:
    """How long Python takes for a command, from its start to its end.

    Args:
        command: the arguments of Python.
        remove: a folder that must not be there before.

    Raises:
        RuntimeError: it failed; the text has its errors.
    """
    if remove is not None:
        shutil.rmtree(remove, ignore_errors=True)
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    taken = time.perf_counter() - begun
    if process.returncode:
        raise RuntimeError(errors.decode()[-4000:])
    return [taken]


def asyncapi(count: int) -> dict[str, Any]:
    """A document with so many channels of one message, half of them received."""
    channels, operations = {}, {}
    for number in range(count):
        channels[f"channel{number}"] = {
            "address": f"things.number{number}",
            "messages": {"message": {"name": f"thing.made{number}", "payload": payload(number)}},
        }
        operations[f"operation{number}"] = {
            "action": "receive" if number % 2 else "send",
            "channel": {"$ref": f"#/channels/channel{number}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Things", "version": "1.0.0"},
        "channels": channels,
        "operations": operations,
    }


def definitions(count: int) -> dict[str, Any]:
    """The same payloads as JSON Schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$defs": {f"ThingMade{number}": payload(number) for number in range(count)},
    }


def payload(number: int) -> dict[str, Any]:
    """Six properties, one of them an object of its own."""
    return {
        "type": "object",
        "required": ["id", "name", "at"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "name": {"type": "string", "minLength": 1, "maxLength": 50},
            "count": {"type": "integer", "minimum": 0},
            "kind": {"type": "string", "enum": ["small", "large"]},
            "at": {"type": "string", "format": "date-time"},
            "price": {
                "type": "object",
                "title": f"Price{number}",
                "required": ["amount"],
                "properties": {"amount": {"type": "integer"}, "currency": {"type": "string"}},
            },
        },
    }
