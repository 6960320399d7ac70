"""Say what to do about a row that did not succeed, by the category of its error."""

from __future__ import annotations

from typing import Final

HINTS: Final = {
    "RAGGED_LINE": "mend the line in the source file; or mend the cells here and clear _error_category",
    "BLANK_ID": "fill in the record id and run the row again",
    "INVALID_ID": "put HubSpot's record id, a whole number, and run the row again",
    "BLANK_KEY": "fill in the key and run the row again",
    "KEY_NOT_FOUND": "correct the key, or make the record in HubSpot, and run the row again",
    "KEY_FOUND_TWICE": "merge the records in HubSpot or correct their keys, and run the row again",
    "UNKNOWN_ACTION": "write associate, remove or remove_labels, or leave the cell blank to associate",
    "LABEL_WITH_REMOVE": "clear the label to remove the whole association, or write remove_labels to "
    "take the label alone",
    "UNLABELED_REMOVES_ALL": "name the labels to take away, or write remove to take all of it",
    "CONTRADICTING_ROWS": "keep the rows of one mind, and run them again",
    "OBJECT_NOT_FOUND": "the record does not exist (deleted, merged or another portal): correct the id",
    "VALIDATION_ERROR": "check that both ids exist and belong to the objects of the job",
    "NOT_NAMED": "look the pair up in HubSpot, then run the row again",
    "STILL_THERE": "look the pair up in HubSpot, then run the row again",
    "NO_ANSWER": "run the row again; sending an association twice does no harm",
}
"""Our own categories, and those of HubSpot that have been seen for associations."""

DEFAULT_HINT: Final = "read the message, correct the row or HubSpot, and run the row again"
NOT_SENT: Final = "NOT_SENT"
NOT_SENT_HINT: Final = "nothing is wrong with the row: resume the run"
