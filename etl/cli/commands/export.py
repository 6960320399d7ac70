"""The command ``export``."""

from __future__ import annotations

from typing import Final

import click

from etl.cli.commands.options import account_options, from_argument, json_option, to_argument
from etl.cli.commands.work import Work
from etl.model import MAX_ID, CsvFormat

STDOUT: Final = "-"
"""How --output says it."""

export = click.Command(
    "export",
    short_help="Write what records are associated with to a file.",
    callback=Work("etl.cli.export:export"),
    params=[
        from_argument,
        to_argument,
        click.Option(
            ["--ids"], metavar="FILE", help="A file of record ids, in any format that jobs read."
        ),
        click.Option(
            ["--column"], metavar="NAME", help="The column of ids; without it, the first one."
        ),
        click.Option(
            ["--delimiter"], help="What parts the columns of --ids; a comma, or a tab for tsv."
        ),
        click.Option(
            ["--encoding"], default=CsvFormat().encoding, show_default=True, help="Of --ids."
        ),
        click.Option(
            ["--id", "single"],
            type=click.IntRange(1, MAX_ID),
            multiple=True,
            metavar="ID",
            help="One record, asked for by itself; may be given several times. API 2026-09 has no such"
            " operation: there it is read in bulk.",
        ),
        click.Option(
            ["--output"],
            default=STDOUT,
            metavar="FILE",
            help="A file that ends in .csv or .parquet; without it, csv on stdout.",
        ),
        json_option("Print the counts as JSON; needs --output."),
        *account_options,
    ],
    help="""Write what records of FROM are associated with in TO: from_id, to_id, category, type_id, label.

    One line a type of a pair, in the order of these columns; label is empty for the unlabeled type.
    """,
    epilog="""\b
Examples:
  hubspot-assoc export contacts companies --ids contacts.csv --output links.parquet
  hubspot-assoc export contacts companies --ids crm.ndjson.gz --column contact_id > links.csv
  hubspot-assoc export contacts companies --id 101 --id 102

\b
What comes out is a source for a job that puts it back:
  from: {object: contacts, column: from_id}
  to: {object: companies, column: to_id}
  type: {id_column: type_id, category_column: category}
""",
)
