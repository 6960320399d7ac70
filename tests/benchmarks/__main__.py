"""Run every benchmark, one after the other: the tables of the README.

Usage: python tests/benchmarks [--quick]

Some forty minutes on two quiet cores; five with --quick.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

SECTIONS = {
    "Against the official client": "against_official.py",
    "Nightly": "nightly.py",
    "Reads and keys": "reads.py",
    "At the limit": "at_the_limit.py",
}


def main() -> None:
    """Run them all, whole or quick."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.parse_args()
    for title, script in SECTIONS.items():
        print(f"\n## {title}", flush=True)
        # Each in a process of its own: none runs in the memory that another has left.
        subprocess.run(
            [sys.executable, Path(__file__).with_name(script), *sys.argv[1:]], check=True
        )


if __name__ == "__main__":
    main()
