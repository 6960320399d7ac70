"""The built-in HubSpot emulator: the associations API of one account, on loopback.

It imports nothing of the rest of the package. What HubSpot says is written here a second time, from
the same sources, so that one misreading can't pass every test.
"""

from __future__ import annotations

from etl.sandbox.definition import (
    AssociationLimit,
    CustomLabel,
    CustomObject,
    PortalDefinition,
    PortalError,
    RecordRule,
    SandboxSettings,
    Stretch,
)
from etl.sandbox.demo import demo_portal
from etl.sandbox.fault_file import load_faults
from etl.sandbox.faults import FaultScript, FaultsError
from etl.sandbox.portal import Portal
from etl.sandbox.portal_file import load_portal
from etl.sandbox.server import Sandbox, serve

__all__ = [
    "AssociationLimit",
    "CustomLabel",
    "CustomObject",
    "FaultScript",
    "FaultsError",
    "Portal",
    "PortalDefinition",
    "PortalError",
    "RecordRule",
    "Sandbox",
    "SandboxSettings",
    "Stretch",
    "demo_portal",
    "load_faults",
    "load_portal",
    "serve",
]
