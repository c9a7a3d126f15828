"""Has mkdocs show every page of docs/, README as the first one, and what README links to outside of docs/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).parent.parent
ADDED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "feeds.yaml": "feeds.yaml",
}


FIRST = ("index.md", "walk.md", "digest.md", "cookbook.md", "schema.md", "screens.md", "operating.md")
LAST = ("decisions.md", "CONTRIBUTING.md", "CHANGELOG.md")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put every page into the menu: a new one needs no line of its own."""
    others = sorted({page.name for page in (ROOT / "docs").glob("*.md")} - {*FIRST, *LAST})
    titled = [{Path(name).stem.capitalize(): name} for name in (*FIRST[1:], *others, *LAST)]
    config.nav = [{"Start": FIRST[0]}, *titled]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, their links made for docs/ instead of the repository's root."""
    for source, target in ADDED.items():
        text = (ROOT / source).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, target, content=text))
    return files
