"""The command ``usage-report``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import msgspec

from etl.cli.account import account_options
from etl.cli.options import IdCommand, IdRange
from etl.hubspot.usage_report import MAX_USER_ID, NEAR_LIMIT_PERCENT, order_usage_report

if TYPE_CHECKING:
    from etl.cli.account import AccountCommand
    from etl.hubspot.client import Client
    from etl.hubspot.usage_report import UsageReport
    from etl.stop import Stop


@click.command(
    "usage-report",
    cls=IdCommand,
    epilog="""\b
Examples:
  hubspot-assoc usage-report 7654321
  hubspot-assoc usage-report 7654321 --api-version 2026-09 --json
""",
)
@click.argument("user_id", metavar="USER_ID", type=IdRange(1, MAX_USER_ID))
@click.option("--json", "as_json", is_flag=True, help="Print what was ordered as JSON.")
@account_options
def usage_report(user_id: int, *, as_json: bool, account: AccountCommand) -> None:
    """Have HubSpot mail a user which records are near their association limits.

    The report is made by HubSpot and mailed to that user; nothing of it comes here.
    """

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
