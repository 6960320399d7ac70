"""The portal that the sandbox has when nobody gives it another."""

from __future__ import annotations

from etl.sandbox.definition import CustomLabel, CustomObject, PortalDefinition, RecordRule


def demo_portal() -> PortalDefinition:
    """Describe a small account with single labels, paired labels a custom object, and keys."""
    return PortalDefinition(
        objects=(CustomObject(name="vendor", type_id="2-123"),),
        labels=(
            _label("contacts", "companies", "Decision maker"),
            _label("contacts", "companies", "Billing contact"),
            _label("contacts", "companies", "決裁者"),
            _label("contacts", "companies", "Partner"),
            # "Employee" is the text from companies to contacts, and in no other direction.
            _label("contacts", "companies", "Employer", "Employee"),
            _label("contacts", "deals", "Decision maker"),
            _label("contacts", "deals", "決裁者"),
            _label("contacts", "contacts", "Manager", "Direct report"),
            _label("contacts", "contacts", "Partner"),
            _label("contacts", "tickets", "Reporter"),
            _label("companies", "deals", "Reseller", "Resold deal"),
            _label("companies", "companies", "Partner"),
            _label("p_vendor", "companies", "Supplier", "Customer"),
        ),
        records={
            "contacts": RecordRule(keys={"email": "person{id}@example.com"}),
            "companies": RecordRule(keys={"domain": "company{id}.example.com"}),
        },
    )


def _label(
    from_object: str, to_object: str, label: str, inverse_label: str | None = None
) -> CustomLabel:
    return CustomLabel(
        from_object=from_object, to_object=to_object, label=label, inverse_label=inverse_label
    )
