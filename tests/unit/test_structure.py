"""Rules about the code itself."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("pandas", "pyarrow", "awswrangler", "duckdb", "boto3", "numpy")
SOURCES = [*ROOT.glob("functions/**/*.py"), *ROOT.glob("layers/core/python/**/*.py")]


@pytest.mark.parametrize("function", ["ingestion", "query", "reports", "web", "alerter"])
def test_a_cold_start_of_a_synchronous_function_imports_nothing_heavy(function: str) -> None:
    code = f"import sys, functions.{function}.handler; print(*[m for m in {HEAVY} if m in sys.modules])"
    path = f"{ROOT}:{ROOT / 'layers/core/python'}"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []


def test_no_code_scans_a_table() -> None:
    assert SOURCES
    scans = [path for path in SOURCES if re.search(r"\bscan\(|get_paginator\(.scan", path.read_text())]
    assert scans == []


def test_a_function_folder_holds_its_handler_and_nothing_else() -> None:
    for folder in (path for path in (ROOT / "functions").iterdir() if path.is_dir() and path.name != "__pycache__"):
        assert {path.name for path in folder.iterdir()} - {"__pycache__"} == {"__init__.py", "handler.py"}


def test_committed_files_hold_no_registry_and_no_download_address() -> None:
    locks = [
        *ROOT.glob("infra/requirements*.txt"),
        *ROOT.glob("layers/*/requirements.txt"),
        ROOT / "infra/package-lock.json",
        ROOT / "tests/localstack/requirements.txt",
    ]
    assert len(locks) == 6
    for lock in locks:
        text = lock.read_text()
        assert not re.search(r"https?://|--index-url|\"resolved\"", text), lock
        assert re.search(r"--hash=sha256:|\"integrity\": \"sha512-", text), lock
