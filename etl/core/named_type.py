"""Find the one association type that a word of a command stands for, in the pair's own direction.

Rule 1: a word is a label's text, ``unlabeled``, or a type outright: ``USER_DEFINED:36``, however it is
        spaced and cased. What reads like a type is one, also where a label has that text.
Rule 2: a limit counts from one side, so a label of the other direction is refused, not turned round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.core.outright_type import read_type
from etl.core.resolve import AMBIGUOUS_LABEL
from etl.errors import UsageError

if TYPE_CHECKING:
    from etl.core.resolve import Resolver
    from etl.model import AssociationType

AS_TYPE: Final = "give it as CATEGORY:ID"
"""The way out wherever a text is not clear."""


def named_type(word: str, resolver: Resolver) -> AssociationType:
    """Resolve a word to its type. Raises UsageError with the fix."""
    if not word.strip():
        raise UsageError(
            "there is a blank where a label should stand",
            "give a label's text, CATEGORY:ID, or 'unlabeled' for the type without a label",
        )
    outright = read_type(word)
    found = resolver.resolve_type(*outright) if outright else resolver.resolve_labels(word)
    if found.trouble is not None:
        is_ambiguous = found.trouble.category == AMBIGUOUS_LABEL
        raise UsageError(
            found.trouble.message,
            AS_TYPE if is_ambiguous else found.trouble.hint,
        )
    if found.forward:
        return found.forward[0]
    if found.reverse:
        raise UsageError(
            f"'{word.strip()}' ({found.reverse[0]}) exists only in the other direction",
            "swap FROM and TO: a limit counts the TO records of one FROM record",
        )
    if resolver.unlabeled is None:
        raise UsageError(
            f"HubSpot lists no unlabeled type to give '{word.strip()}' a meaning",
            AS_TYPE,
        )
    return resolver.unlabeled
