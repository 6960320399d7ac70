"""What the command ``usage-report`` does."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import msgspec

from etl.cli.account import with_account
from etl.hubspot.usage_report import NEAR_LIMIT_PERCENT, order_usage_report

if TYPE_CHECKING:
    from etl.cli.account import AccountCommand
    from etl.hubspot.client import Client
    from etl.hubspot.usage_report import UsageReport
    from etl.stop import Stop


@with_account
def usage_report(user_id: int, *, as_json: bool, account: AccountCommand) -> None:
    """Order the report, and tell to whom it goes."""

    async def work(client: Client, _: Stop) -> UsageReport:
        return await order_usage_report(client, account.api_version, user_id)

    report = account.ask(work, "the report may come all the same")
    if as_json:
        click.echo(msgspec.json.encode(asdict(report)))
        return
    whom = f"{report.email} (user {user_id})" if report.email else f"user {user_id}"
    click.echo(
        f"HubSpot mails {whom} a file of the records that have used up {NEAR_LIMIT_PERCENT} % or more "
        "of an association limit"
    )
