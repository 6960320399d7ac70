"""The commands ``labels list``, ``create``, ``update`` and ``delete``."""

from __future__ import annotations

import click

from etl.cli.commands.options import account_options, from_argument, json_option, to_argument
from etl.cli.commands.work import Work

which_argument = click.Argument(["which"], metavar="LABEL_OR_TYPE")
as_json = json_option("Print the labels as JSON.")

list_labels = click.Command(
    "list",
    callback=Work("etl.cli.labels:list_labels"),
    params=[from_argument, to_argument, as_json, *account_options],
    help="List the labels between two objects, both directions, and how many more there may be.",
    epilog="""\b
Examples:
  hubspot-assoc labels list contacts companies
  hubspot-assoc labels list contacts 2-123 --json
""",
)

create = click.Command(
    "create",
    callback=Work("etl.cli.labels:create"),
    params=[
        from_argument,
        to_argument,
        click.Argument(["label"]),
        click.Option(
            ["--inverse"], metavar="TEXT", help="The label of the other direction, for a pair."
        ),
        click.Option(["--name"], help="HubSpot's internal name. Left out: made of the label."),
        as_json,
        *account_options,
    ],
    help="""Make a label, single or paired (--inverse), and give its typeIds.

    Nothing is asked of HubSpot before the label is known to be right, new and within the limit.
    """,
    epilog="""\b
Examples:
  hubspot-assoc labels create contacts companies "Decision maker"
  hubspot-assoc labels create contacts contacts Manager --inverse "Direct report"
  hubspot-assoc labels create contacts companies 決裁者 --name decision_maker
""",
)

update = click.Command(
    "update",
    callback=Work("etl.cli.labels:update"),
    params=[
        from_argument,
        to_argument,
        which_argument,
        click.Option(["--label", "text"], required=True, metavar="TEXT", help="Its new text."),
        click.Option(["--inverse"], metavar="TEXT", help="The new text of its other direction."),
        as_json,
        *account_options,
    ],
    help="""Rename a label that people of the portal made; its typeIds stay.

    LABEL_OR_TYPE is the label's text, its typeId or CATEGORY:ID.
    """,
    epilog="""\b
Examples:
  hubspot-assoc labels update contacts companies "Decision maker" --label Decider
  hubspot-assoc labels update contacts contacts 37 --label Boss --inverse Report
""",
)

delete = click.Command(
    "delete",
    callback=Work("etl.cli.labels:delete"),
    params=[
        from_argument,
        to_argument,
        which_argument,
        click.Option(["--yes"], is_flag=True, help="Do not ask."),
        as_json,
        *account_options,
    ],
    help="""Delete a label that people of the portal made, in both directions.

    LABEL_OR_TYPE is the label's text, its typeId or CATEGORY:ID.

    It can't be undone: the label goes from every association that has it, and one that is made
    again has another typeId. The associations stay, without it.
    """,
    epilog="""\b
Examples:
  hubspot-assoc labels delete contacts companies "Decision maker"
  hubspot-assoc labels delete contacts companies 37 --yes
""",
)

labels = click.Group(
    "labels",
    short_help="List, make, rename and delete association labels.",
    commands=[list_labels, create, update, delete],
    help="""List, make, rename and delete the labels of associations between two objects.

    A label has a typeId in each direction. Objects are names (contacts) or type ids (0-1, 2-123).
    """,
    epilog="""\b
Examples:
  hubspot-assoc labels list contacts companies
  hubspot-assoc labels create contacts contacts Manager --inverse "Direct report"
  hubspot-assoc labels update contacts contacts Manager --label Boss
  hubspot-assoc labels delete contacts contacts Boss
""",
)
