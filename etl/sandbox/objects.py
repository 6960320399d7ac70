"""The objects of a portal and the names that HubSpot takes for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.sandbox.definition import PortalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl.sandbox.definition import CustomObject


class UnknownObjectError(LookupError):
    """Name an object that the portal doesn't have."""


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One kind of record."""

    name: str
    """Singular, as the table of association types writes it; a custom object's own name."""
    plural: str
    type_id: str
    """HubSpot's id of the kind: ``0-1``, or ``2-123`` for a custom object."""

    @property
    def is_custom(self) -> bool:
        """Tell a portal's own object from HubSpot's."""
        return self.type_id.startswith("2-")


BUILT_IN_OBJECTS = (  # HubSpot's guide "Understanding the CRM", object type ids
    ObjectType("appointment", "appointments", "0-421"),
    ObjectType("call", "calls", "0-48"),
    ObjectType("cart", "carts", "0-142"),
    ObjectType("communication", "communications", "0-18"),
    ObjectType("company", "companies", "0-2"),
    ObjectType("contact", "contacts", "0-1"),
    ObjectType("course", "courses", "0-410"),
    ObjectType("deal", "deals", "0-3"),
    ObjectType("discount", "discounts", "0-84"),
    ObjectType("email", "emails", "0-49"),
    ObjectType("fee", "fees", "0-85"),
    ObjectType("feedback_submission", "feedback_submissions", "0-19"),
    ObjectType("goal", "goal_targets", "0-74"),
    ObjectType("invoice", "invoices", "0-53"),
    ObjectType("lead", "leads", "0-136"),
    ObjectType("line_item", "line_items", "0-8"),
    ObjectType("listing", "listings", "0-420"),
    ObjectType("marketing_event", "marketing_events", "0-54"),
    ObjectType("meeting", "meetings", "0-47"),
    ObjectType("note", "notes", "0-46"),
    ObjectType("order", "orders", "0-123"),
    ObjectType("payment", "commerce_payments", "0-101"),
    ObjectType("postal_mail", "postal_mail", "0-116"),
    ObjectType("product", "products", "0-7"),
    ObjectType("project", "projects", "0-970"),
    ObjectType("quote", "quotes", "0-14"),
    ObjectType("service", "services", "0-162"),
    ObjectType("subscription", "subscriptions", "0-69"),
    ObjectType("task", "tasks", "0-27"),
    ObjectType("tax", "taxes", "0-86"),
    ObjectType("ticket", "tickets", "0-5"),
)
"""The objects whose type id HubSpot publishes; it has others, and this portal hasn't."""


class Objects:
    """Every object of one portal, found by any of its names."""

    def __init__(self, custom: Iterable[CustomObject], portal_id: int) -> None:
        self._by_name: dict[str, ObjectType] = {}
        for built_in in BUILT_IN_OBJECTS:
            for name in (built_in.name, built_in.plural, built_in.type_id):
                self._by_name[name] = built_in
        self._named = {each.name: each for each in BUILT_IN_OBJECTS}
        for each in custom:
            if each.name in self._named or each.type_id in self._by_name:
                raise PortalError(
                    f"object {each.name!r} ({each.type_id}) takes the name or the type id of"
                    " another object: give it its own"
                )
            # A custom object no longer goes by its bare name (HubSpot's changelog, 2025-06-24).
            made = self._named[each.name] = ObjectType(each.name, each.name, each.type_id)
            for name in (each.type_id, f"p_{each.name}", f"p{portal_id}_{each.name}"):
                self._by_name[name] = made

    def named(self, name: str) -> ObjectType:
        """Find an object by the name that the sandbox itself calls it."""
        return self._named[name]

    def defined(self, name: str, where: str) -> ObjectType:
        """Find the object that a portal file names, or say where it names one that isn't there."""
        try:
            return self.infer(name)
        except UnknownObjectError as unknown:
            raise PortalError(
                f"{where} names the object {name!r}, which this portal doesn't have: write a name"
                " such as contacts, a type id such as 0-1, or p_<name> of one in `objects`"
            ) from unknown

    def infer(self, name: str) -> ObjectType:
        """Find the object that a path names, in HubSpot's words when it fails."""
        found = self._by_name.get(name.lower())
        if found is None:
            raise UnknownObjectError(f"Unable to infer object type from: {name}")
        return found
