"""hubspot-assoc: put record associations into HubSpot in bulk, with an outcome for every row."""

from __future__ import annotations

__version__ = "0.1.0"
