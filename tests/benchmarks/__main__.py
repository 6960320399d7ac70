"""Run every benchmark, one after the other, and print the tables of the README.

Usage: python tests/benchmarks [--quick]

Some forty minutes on two quiet cores; five with --quick.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple


class Section(NamedTuple):
    """One benchmark, which prints its tables; less of them with --quick."""

    title: str
    script: str


SECTIONS: Final = (
    Section("Against the official client", "against_official.py"),
    Section("At the limit", "at_the_limit.py"),
    Section("Size", "size.py"),
    Section("Nightly", "nightly.py"),
    Section("Reads and keys", "reads.py"),
)


def main() -> None:
    """Run them all, whole or quick."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    is_quick = parser.parse_args().quick
    for section in SECTIONS:
        print(f"\n## {section.title}", flush=True)
        script = Path(__file__).with_name(section.script)
        options = ["--quick"] if is_quick else []
        # Each in a process of its own: none runs in the memory that another has left.
        subprocess.run([sys.executable, script, *options], check=True)


if __name__ == "__main__":
    main()
