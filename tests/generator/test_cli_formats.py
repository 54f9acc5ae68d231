"""Answers for programs, and what of them goes to whom."""

import json
import os
import pty
import select
import sys
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import pytest

from axion_gen.asyncapi.rules import RULES

from .generating import axion_gen as run
from .generating import small
from .projects import generated

FAULTY = small(channel="adress: x", payload="{type: objekt}")


def sarif(*arguments: str, cwd: Path) -> tuple[int, dict[str, Any]]:
    answer = run(*arguments, "--format", "sarif", cwd=cwd)
    assert not answer.err
    log = json.loads(answer.out)
    assert log["version"] == "2.1.0"
    (one,) = log["runs"]
    rules = one["tool"]["driver"]["rules"]
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning"}
    return answer.code, one


def test_sarif_has_rules_places_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "my api").mkdir()
    (tmp_path / "my api" / "asyncapi.yaml").write_text(FAULTY)
    code, log = sarif("my api/asyncapi.yaml", "--output", "bus", cwd=tmp_path)
    assert code == 2
    assert log["columnKind"] == "unicodeCodePoints"
    assert log["invocations"][0]["executionSuccessful"] is True
    (first, second) = log["results"]
    assert (first["ruleId"], second["ruleId"]) == ("unknown-field", "schema-keyword")
    assert first["message"]["text"] == "a channel has no field `adress`\ndid you mean `address`?"
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "my%20api/asyncapi.yaml"},
                "region": {"startLine": 6, "startColumn": 5},
            }
        }
    ]
    described = {rule["id"]: rule for rule in log["tool"]["driver"]["rules"]}
    assert described["unknown-field"]["shortDescription"]["text"] == RULES["unknown-field"].summary
    assert "docs/generator/rules.md" in described["unknown-field"]["help"]["text"]


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://git.example.org/platform/axion.git", "https://git.example.org/platform/axion"),
        ("https://me:token@git.example.org:8443/axion", "https://git.example.org:8443/axion"),
        ("ssh://git@git.example.org/axion.git", None),
        ("file:///srv/axion", None),
    ],
)
def test_sarif_leads_to_the_rules_where_they_are_on_the_web(
    tmp_path: Path, origin: str, address: str | None
) -> None:
    installed = tmp_path / "site" / "axion_gen-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: axion-gen\nVersion: 0\n")
    source = {"url": origin, "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}
    (installed / "direct_url.json").write_text(json.dumps(source))
    (tmp_path / "asyncapi.yaml").write_text(FAULTY)
    answer = run(
        *("asyncapi.yaml", "--output", "bus", "--format", "sarif"),
        cwd=tmp_path,
        environment={"PYTHONPATH": str(tmp_path / "site")},
    )
    rules = json.loads(answer.out)["runs"][0]["tool"]["driver"]["rules"]
    expected = f"{address}/blob/c0ffee/docs/generator/rules.md" if address else None
    assert [rule.get("helpUri") for rule in rules] == [expected, expected]


def test_sarif_of_a_file_as_a_whole_has_no_region(tmp_path: Path) -> None:
    code, log = sarif("none.yaml", "--output", "bus", cwd=tmp_path)
    assert code == 2
    (place,) = log["results"][0]["locations"]
    assert place == {"physicalLocation": {"artifactLocation": {"uri": "none.yaml"}}}


def test_sarif_of_what_is_no_finding(tmp_path: Path) -> None:
    code, log = sarif(cwd=tmp_path)
    assert (code, log["results"]) == (2, [])
    (invocation,) = log["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "which document?" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_sarif_names_the_files_of_a_package(tmp_path: Path) -> None:
    generated(tmp_path)
    (tmp_path / "src" / "items" / "bus" / "client.py").unlink()
    code, log = sarif("api/asyncapi.yaml", "--check", cwd=tmp_path)
    assert code == 1
    (result,) = log["results"]
    assert result["ruleId"] == "package-missing"
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "src/items/bus/client.py"}


def test_github_annotates_lines(tmp_path: Path) -> None:
    (tmp_path / "a,b:c%.yaml").write_text(FAULTY)
    answer = run("a,b:c%.yaml", "--output", "bus", "--format", "github", cwd=tmp_path)
    assert answer.code == 2
    assert answer.out.splitlines() == [
        "::error file=a%2Cb%3Ac%25.yaml,line=6,col=5,title=axion-gen unknown-field"
        "::a channel has no field `adress`%0Adid you mean `address`?",
        "::error file=a%2Cb%3Ac%25.yaml,line=10,col=25,title=axion-gen schema-keyword"
        "::`type` is the text `objekt`%0Awrite one of null, boolean, integer, number, string,"
        " array, object",
    ]


def test_github_cannot_be_given_a_command_by_a_document(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_text(small(channel='"x\\n::error::y": 1'))
    answer = run("asyncapi.yaml", "--output", "bus", "--format", "github", cwd=tmp_path)
    assert len(answer.out.splitlines()) == 1


def test_github_names_files_from_the_root_of_the_checkout(tmp_path: Path) -> None:
    generated(tmp_path)
    (tmp_path / "src" / "items" / "bus" / "client.py").unlink()
    answer = run(
        *("../api/asyncapi.yaml", "--check", "--format", "github"),
        cwd=tmp_path / "src",
        environment={"GITHUB_WORKSPACE": str(tmp_path)},
    )
    assert answer.code == 1
    assert answer.out.startswith("::error file=src/items/bus/client.py,title=axion-gen ")


def test_a_diff_is_what_would_change(tmp_path: Path) -> None:
    generated(tmp_path)
    client = tmp_path / "src" / "items" / "bus" / "client.py"
    lines = client.read_text().splitlines(keepends=True)
    client.write_text("".join(["# mine\n", *lines[1:]]))
    answer = run("api/asyncapi.yaml", "--diff", cwd=tmp_path)
    assert answer.code == 1
    assert answer.out.splitlines()[:4] == [
        "--- a/client.py",
        "+++ b/client.py",
        "@@ -1,4 +1,4 @@",
        "-# mine",
    ]
    assert answer.out.splitlines()[-2:] == ["edited     client.py", "different  src/items/bus"]
    assert client.read_text().startswith("# mine\n")
    as_json = json.loads(run("api/asyncapi.yaml", "--diff", "--format", "json", cwd=tmp_path).out)
    assert as_json["files"][0]["diff"].startswith("--- a/client.py\n+++ b/client.py\n")


def test_a_dry_run_says_it_and_writes_nothing(tmp_path: Path) -> None:
    generated(tmp_path)
    client = tmp_path / "src" / "items" / "bus" / "client.py"
    client.unlink()
    answer = run("api/asyncapi.yaml", "--dry-run", cwd=tmp_path)
    assert answer.code == 0
    assert answer.out.splitlines()[:2] == ["missing    client.py", "different  src/items/bus"]
    assert not client.exists()


def test_colour_and_progress_are_for_terminals(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_text(FAULTY)
    assert "\x1b" not in run("asyncapi.yaml", "--output", "bus", cwd=tmp_path).err
    seen = on_terminal("asyncapi.yaml", "--output", "bus", cwd=tmp_path)
    assert "reading asyncapi.yaml ..." in seen
    assert "\x1b[1;31merror[unknown-field]\x1b[0m" in seen
    plain = on_terminal("asyncapi.yaml", "--output", "bus", cwd=tmp_path, NO_COLOR="1")
    assert "\x1b[1;31m" not in plain


def test_a_reader_who_goes_away_sees_no_traceback(tmp_path: Path) -> None:
    generated(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "axion_gen", "api/asyncapi.yaml", "--check"]
    with (tmp_path / "err").open("w") as errors:
        process = Popen(command, cwd=tmp_path, stdout=writer, stderr=errors)
        os.close(writer)
        assert process.wait(60) == 2
    assert (tmp_path / "err").read_text() == ""


def on_terminal(*arguments: str, cwd: Path, **environment: str) -> str:
    """What a person sees on stderr."""
    main, side = pty.openpty()
    process = Popen(
        [sys.executable, "-m", "axion_gen", *arguments],
        cwd=cwd,
        stdout=DEVNULL,
        stderr=side,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(side)
    seen = b""
    while select.select([main], [], [], 60)[0]:
        try:
            part = os.read(main, 4096)
        except OSError:  # the other end is closed
            break
        seen += part
    os.close(main)
    assert process.wait(60) == 2
    return seen.decode()
