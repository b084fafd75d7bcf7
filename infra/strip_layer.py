"""Take out of a dependency layer what no function uses: tests, headers, type stubs, bytecode."""

import shutil
import sys
from pathlib import Path

FOLDERS = ("tests", "include", "__pycache__", "src")
SUFFIXES = (".pyi", ".pyx", ".pxd", ".h", ".hpp", ".cc", ".a")


def strip(layer: Path) -> None:
    """Remove them in place."""
    for folder in [path for path in layer.rglob("*") if path.is_dir() and path.name in FOLDERS]:
        shutil.rmtree(folder, ignore_errors=True)
    for path in [path for path in layer.rglob("*") if path.is_file() and path.suffix in SUFFIXES]:
        path.unlink()


if __name__ == "__main__":
    strip(Path(sys.argv[1]))
