"""An association type given outright, by its category and id: ``USER_DEFINED:36``."""

from __future__ import annotations

import re
from typing import Final, get_args

from etl.core.normal_form import normal_form
from etl.model import Category

_OUTRIGHT: Final = re.compile(rf"({'|'.join(get_args(Category))}) ?: ?([0-9]+)")


def read_type(word: str) -> tuple[str, str] | None:
    """Take a type given outright apart into category and id; None where a word is no such thing."""
    outright = _OUTRIGHT.fullmatch(normal_form(word).upper())
    return (outright[1], outright[2]) if outright else None
