"""The commands ``limits list``, ``limits set`` and ``limits clear``."""

from __future__ import annotations

import click

from etl.cli.commands.options import account_options, from_argument, json_option, to_argument
from etl.cli.commands.work import Work

as_json = json_option("Print the limits as JSON.")

list_command = click.Command(
    "list",
    callback=Work("etl.cli.limits:list_command"),
    params=[
        click.Argument(["from_object"], metavar="[FROM", required=False),
        click.Argument(["to_object"], metavar="TO]", required=False),
        as_json,
        *account_options,
    ],
    help="List the limits that are set: all, or those from one object to another.",
    epilog="""\b
Examples:
  hubspot-assoc limits list                        every limit of the account
  hubspot-assoc limits list deals contacts --json  those from deals to contacts
""",
)

set_command = click.Command(
    "set",
    callback=Work("etl.cli.limits:set_command"),
    params=[
        from_argument,
        to_argument,
        click.Argument(["words"], metavar="LABEL_OR_TYPE MAX", nargs=-1, required=True),
        as_json,
        *account_options,
    ],
    help="""Set how many TO records one FROM record may have by a label.

    LABEL_OR_TYPE is a label's text, 'unlabeled' (whatever the label), or CATEGORY:ID. Several at
    once as LABEL_OR_TYPE=MAX.
    """,
    epilog="""\b
Examples:
  hubspot-assoc limits set deals contacts unlabeled 5             five contacts a deal
  hubspot-assoc limits set deals contacts "Point of contact" 1    one of them so labeled
  hubspot-assoc limits set deals contacts unlabeled=5 USER_DEFINED:35=1
""",
)

clear_command = click.Command(
    "clear",
    callback=Work("etl.cli.limits:clear_command"),
    params=[
        from_argument,
        to_argument,
        click.Argument(["words"], metavar="[LABEL_OR_TYPE]...", nargs=-1),
        click.Option(
            ["--all", "clears_all"], is_flag=True, help="Clear every limit from FROM to TO."
        ),
        as_json,
        *account_options,
    ],
    help="Take limits away: HubSpot's own hold again.",
    epilog="""\b
Examples:
  hubspot-assoc limits clear deals contacts "Point of contact"
  hubspot-assoc limits clear deals contacts unlabeled USER_DEFINED:35
  hubspot-assoc limits clear deals contacts --all
""",
)

limits = click.Group(
    "limits",
    short_help="List, set and clear association limits.",
    commands=[list_command, set_command, clear_command],
    help="List, set and clear how many TO records a FROM record may have, by label.",
    epilog="""\b
Examples:
  hubspot-assoc limits list
  hubspot-assoc limits list deals contacts --json
  hubspot-assoc limits set deals contacts unlabeled 5
  hubspot-assoc limits clear deals contacts "Point of contact"
""",
)
