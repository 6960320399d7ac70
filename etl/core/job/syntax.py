"""Say why a text is no YAML, and how to mend it, without quoting the text: it may hold the token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

_ESCAPE_HINT = "in double quotes write \\\\ for a backslash, or use single quotes"

_HINTS = (
    ("'\\t'", "indent with spaces, never with a tab"),
    ("cannot start any token", "put a value that begins with this character in quotes"),
    (
        "mapping values are not allowed",
        "put a value that holds ': ' in quotes, and check the indentation",
    ),
    ("could not find expected ':'", "write a colon and a space between a key and its value"),
    ("escape", _ESCAPE_HINT),
    ("tag handle", "remove the tag: a job file needs none"),
)
"""Words of the parser's message, and what mends it."""

_ANY_HINT = "check the quotes, brackets and indentation here and on the line above"

_VARIABLE_IN_BRACKETS = re.compile(r"[{\[].*\$\{")
_VARIABLE_HINT = 'between { and } write "${NAME}" in double quotes'

_QUOTED = re.compile(r"'([^']*)'")
_LONGEST_QUOTED = 2
"""Characters that a parser's message may quote from the file: ``'\\t'`` and ``'{'`` help, a word may be the token."""


class UnreadableError(Exception):
    """Stop reading: nothing after this point can be trusted. Line and column are from 1."""

    def __init__(self, line: int, column: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message
        self.hint = hint


def refuse(event: Event, message: str, hint: str) -> UnreadableError:
    """Make the error for YAML that is right but that no job file may use."""
    mark = event.start_mark
    return UnreadableError(mark.line + 1, mark.column + 1, message, hint)


def translate(error: Exception, text: str) -> UnreadableError:
    """Turn what ruamel.yaml raises into our words."""
    if isinstance(error, ReaderError):
        return _character(text, error.position)
    if isinstance(error, MarkedYAMLError):
        return _syntax(text, error)
    # An escape such as "\UFFFFFFFF" is beyond Unicode: the parser leaves it to chr(), which
    # raises ValueError or OverflowError and knows no place.
    return UnreadableError(
        1, 1, "a text in double quotes has an escape that is no character", _ESCAPE_HINT
    )


def _character(text: str, position: int) -> UnreadableError:
    before = text[:position]
    line, column = before.count("\n") + 1, position - before.rfind("\n")
    message = f"the character U+{ord(text[position]):04X} may not stand in YAML"
    return UnreadableError(
        line, column, message, "remove the character; some editors show it only as a blank"
    )


def _syntax(text: str, error: MarkedYAMLError) -> UnreadableError:
    mark = error.problem_mark or error.context_mark
    problem = _QUOTED.sub(_masked, error.problem or "it can't be read")
    lines = text.split("\n")
    if mark.line < len(lines) and _VARIABLE_IN_BRACKETS.search(lines[mark.line]):
        hint = _VARIABLE_HINT
    else:
        hint = next((hint for clue, hint in _HINTS if clue in problem), _ANY_HINT)
    return UnreadableError(mark.line + 1, mark.column + 1, f"not YAML: {problem}", hint)


def _masked(quoted: re.Match[str]) -> str:
    # Names such as '<block end>' are the parser's own.
    return quoted[0] if len(quoted[1]) <= _LONGEST_QUOTED or quoted[1].startswith("<") else "'…'"
