"""Cells that a spreadsheet would run as a formula: made harmless, with an exact way back.

Rule 1: what begins like a formula is dangerous, also behind blanks, and behind quotes of ours.
Rule 2: a plain number is not: a spreadsheet merely shows -5, and people sort by it.
Rule 3: a quote before a dangerous cell gives a dangerous cell, so that a quote is never ambiguous.
"""

from __future__ import annotations

from typing import Final

import polars as pl

QUOTE: Final = "'"
"""What a spreadsheet takes for "this is text" (OWASP, "CSV Injection")."""

# Formula signs, tab and line ends are OWASP's list, with the full-width forms that Japanese
# spreadsheets take. `\s` is Unicode's white space; Cc and Cf are characters that nobody sees.
_FORMULA: Final = r"\A'*[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠\t\r\n]"  # noqa: RUF001  (these very forms)
# \z and not $, in ASCII digits and not \d: nothing else may pass for a number.
_NUMBER: Final = r"\A[+-]?[0-9]+(?:[.,][0-9]+)?\z"


def neutralise(text: pl.Expr) -> pl.Expr:
    """Put a quote before each dangerous cell.

    No two cells become the same: a cell that is let be can't look like one that got a quote, as it
    would be dangerous itself (rule 3). So `restore` gives back any cell, whatever was in it.
    """
    return pl.when(~_is_dangerous(text)).then(text).otherwise(pl.lit(QUOTE) + text)


def restore(text: pl.Expr) -> pl.Expr:
    """Take away the quote that `neutralise` put before a cell, and no other."""
    rest = text.str.strip_prefix(QUOTE)
    return pl.when(text.str.starts_with(QUOTE) & _is_dangerous(rest)).then(rest).otherwise(text)


def _is_dangerous(text: pl.Expr) -> pl.Expr:
    return text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
