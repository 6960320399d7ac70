"""Tell, once a command, that HubSpot's support of an API version ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from etl.core.versions import support_notice

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from etl.model import ApiVersion


def tell_support(versions: Iterable[ApiVersion], today: date | None = None) -> None:
    """Say on stderr what to know of these versions, each of them once.

    Said before the work begins, so that the last line stays the command's own.
    """
    today = today or datetime.now(UTC).date()
    for version in dict.fromkeys(versions):
        if (notice := support_notice(version, today)) is not None:
            click.echo(f"Note: {notice}", err=True)
