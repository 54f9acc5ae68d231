"""The blocks of code in the documentation and the READMEs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

_FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, what it claims to be, what it holds."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """All blocks of these languages, page by page."""
    return [block for page in PAGES for block in of_page(page) if block.language in languages]


def of_page(page: Path) -> Iterator[Block]:
    """The blocks of a page."""
    text = page.read_text()
    for fence in _FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 2  # that of its first line of code
        yield Block(page, line, fence["language"], fence["text"])


def commands(block: Block) -> list[str]:
    """The commands of a block of shell, without what continues, comments or answers."""
    text = re.sub(r"\\\n\s*|(?<=\|)\n\s*", " ", block.text)
    if block.language == "console":
        lines = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    else:
        lines = text.splitlines()
    stripped = (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines)
    return [part.strip() for line in stripped if line for part in re.split(r"&&|\|", line)]
