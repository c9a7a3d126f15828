"""Datasette on the database: tables with a sentence for each column, the cookbook's questions as pages."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

METADATA = Path(__file__).parents[2] / "datasette.yaml"
DATASETTE = shutil.which("datasette", path=str(Path(sys.executable).parent)) or shutil.which("datasette")

pytestmark = pytest.mark.skipif(
    DATASETTE is None, reason='Datasette is not installed (pip install "aggregator[browse]")'
)


@pytest.fixture(scope="module")
def client(used: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    database = Path(shutil.copy(used, tmp_path_factory.mktemp("browse") / "aggregator.db"))
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket is at most 107 bytes long
        socket = f"{folder}/s"
        command = [str(DATASETTE), str(database), "--metadata", str(METADATA), "--uds", socket]
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stderr is not None
            said = next((line for line in server.stderr if "running on" in line), None)
            assert said, "Datasette did not start"
            transport = httpx.HTTPTransport(uds=socket)
            with httpx.Client(transport=transport, base_url="http://datasette", timeout=30) as asking:
                yield asking
            server.terminate()


def test_every_question_is_a_page_that_answers(question: Any, client: httpx.Client) -> None:
    rows = client.get(f"/aggregator/{question.slug}.json", params={"_shape": "array"}).raise_for_status()
    assert rows.json()
    page = client.get(f"/aggregator/{question.slug}").raise_for_status().text
    assert question.title.replace("'", "&#39;") in page


def test_a_form_takes_what_is_typed_into_it(client: httpx.Client) -> None:
    asked = {"_shape": "array", "words": "barça"}
    [row, *_] = client.get("/aggregator/where-does-a-word-stand.json", params=asked).json()
    assert "Barça" in row["title"] + row["passage"]


def test_every_table_and_view_is_shown_with_a_sentence_for_each_column(client: httpx.Client) -> None:
    tables = yaml.safe_load(METADATA.read_text(encoding="utf-8"))["databases"]["aggregator"]["tables"]
    for name, table in tables.items():
        shown = client.get(f"/aggregator/{name}.json", params={"_size": 0}).raise_for_status().json()
        assert set(shown["columns"]) == set(table["columns"]), name
        assert all(table["columns"].values())
        assert client.get(f"/aggregator/{name}").status_code == 200


def test_articles_can_be_searched_and_narrowed_by_facets(client: httpx.Client) -> None:
    asked = {"_search": "starlink", "_size": 0}
    shown = client.get("/aggregator/articles.json", params=asked).raise_for_status().json()
    assert shown["filtered_table_rows_count"] > 5
    languages = shown["facet_results"]["lang"]["results"]
    assert "de" in [facet["value"] for facet in languages]
