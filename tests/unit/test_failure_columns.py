"""A failures file is known by its header when it comes back as a source."""

from __future__ import annotations

import pytest

from etl.core.failure_columns import FAILURE_COLUMNS, is_failures_file

OURS = list(FAILURE_COLUMNS)


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param(["contact", "company", *OURS], id="as it was written"),
        pytest.param([*reversed(OURS), "contact"], id="moved about in a spreadsheet"),
        pytest.param([f" {column} " for column in OURS], id="with blanks around"),
        pytest.param([*OURS, "note of a colleague"], id="with a column more"),
    ],
)
def test_our_own_file_is_known(columns: list[str]) -> None:
    """Cells come back as they were in the source, also after people have worked on the file."""
    assert is_failures_file(columns)


@pytest.mark.parametrize("missing", OURS)
def test_a_file_with_some_of_our_columns_is_not_ours(missing: str) -> None:
    """A quote in any other file is its own, even where a column is called as one of ours."""
    assert not is_failures_file(["contact", *(each for each in OURS if each != missing)])


@pytest.mark.parametrize("columns", [[], ["contact", "company"], [each.upper() for each in OURS]])
def test_an_ordinary_file_is_not_ours(columns: list[str]) -> None:
    """No source is taken for a failures file by chance."""
    assert not is_failures_file(columns)
