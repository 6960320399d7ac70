"""What the account of the benchmarks has: rules in the place of records, for both ends to know.

Contact k belongs to company ⌊k / contacts a company⌋ as "Decision maker", since yesterday; but of
every hundredth contact the label is new. Ids have gaps, as an account's do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_CONTACT: Final = 100_000_000
CONTACT_STEP: Final = 797
FIRST_COMPANY: Final = 200_000_000
COMPANY_STEP: Final = 31
NEW_EVERY: Final = 100
"""One contact of so many has no label in HubSpot yet."""

LABEL: Final = "Decision maker"
CUSTOM: Final = "USER_DEFINED"
BUILT_IN: Final = "HUBSPOT_DEFINED"
DEFINITIONS: Final = {
    "contacts": ((BUILT_IN, 279, None), (CUSTOM, 36, LABEL)),
    "companies": ((BUILT_IN, 280, None), (CUSTOM, 37, LABEL)),
}
"""Category, number and text of each type, by the object that it starts from."""

EMAIL: Final = "person{}@example.com"
"""A contact's unique property, made of its id."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """Which contacts and companies belong together."""

    contacts: int
    """Contacts of the account."""
    per_company: int = 1

    def company_of(self, contact: int) -> int:
        """Give the company of a contact."""
        return FIRST_COMPANY + COMPANY_STEP * (_number(contact) // self.per_company)

    def contacts_of(self, company: int) -> list[int]:
        """List the contacts of a company."""
        first = (company - FIRST_COMPANY) // COMPANY_STEP * self.per_company
        last = min(first + self.per_company, self.contacts)
        return [FIRST_CONTACT + CONTACT_STEP * number for number in range(first, last)]


def is_new(contact: int) -> bool:
    """Tell whether the label of a contact is not in HubSpot yet."""
    return _number(contact) % NEW_EVERY == 0


def _number(contact: int) -> int:
    return (contact - FIRST_CONTACT) // CONTACT_STEP
