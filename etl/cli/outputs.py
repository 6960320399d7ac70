"""Files that commands write where their user says."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from etl.errors import UsageError
from etl.readers import find_files

if TYPE_CHECKING:
    from etl.model import Source


def refuse_to_overwrite(output: Path, source: Source, *others: Path) -> None:
    """Raise UsageError where a file to be written is one that the command reads.

    Raises SourceError for a source that is not there.
    """
    files = [file.path for file in find_files(source)]
    for path in (*(path for path in files if isinstance(path, Path)), *others):
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(
                f"--output {output} is the file {path}, which is read", "name another file"
            )


def refuse_unwritable(output: Path) -> None:
    """Raise UsageError where no file can be made beside a file to be written; try it."""
    try:
        with TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise UsageError(
            f"--output {output} can't be written: {output.parent}: {error.strerror}",
            "name a file in a folder that you may write to",
        ) from error
