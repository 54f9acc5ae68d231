"""The documentation as a site: `make docs`."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .blocks import PAGES, ROOT

_LOADED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"")
_IN_STYLES = re.compile(r"(?:url\(|@import )\s*['\"]?((?:https?:)?//[^'\")]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it: a link that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    options = re.findall(r"sphinx-build (.*) docs ", (ROOT / "Makefile").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options[0].split(), ROOT / "docs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_it_has_all_pages(site: Path) -> None:
    for page in PAGES:
        if page.is_relative_to(ROOT / "docs"):
            built = site / page.relative_to(ROOT / "docs").with_suffix(".html")
            assert "<h1>" in built.read_text(), page


def test_it_loads_nothing_from_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        foreign = [address for address in _LOADED.findall(page.read_text()) if "//" in address]
        assert not foreign, f"{page.name} loads {foreign}"
    for style in site.rglob("*.css"):
        assert not _IN_STYLES.findall(style.read_text()), style.name


def test_addresses_of_other_hosts_are_well_formed() -> None:
    for page in PAGES:
        for address in re.findall(r"\]\((\w+:[^)]*)\)|<(https?:[^>]*)>", page.read_text()):
            parts = urlsplit("".join(address))
            assert parts.scheme == "https", f"{page.name}: {address}"
            assert re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc), (
                f"{page.name}: {address}"
            )
