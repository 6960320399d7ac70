"""The form in which texts of labels are compared."""

from __future__ import annotations

import unicodedata


def normal_form(text: str) -> str:
    """Fold what people do not see as a difference: space around, width, case."""
    # Case-folding can undo NFKC ("ﬃ" and friends), so it is applied on both sides of it.
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())
