"""Has mkdocs take along what README links to outside of docs/, and README itself as the first page."""

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


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, their links made for docs/ instead of the repository's root."""
    for source, target in ADDED.items():
        text = (ROOT / source).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, target, content=text))
    return files
