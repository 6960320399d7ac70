"""Write rows over the contacts of the account, in no order.

Usage: python tests/benchmarks/source.py FILE [--rows 1000000] [--per-company 1] [--emails] [--short]

Columns: contact_id, or email in its place, and company_id. With --short, ids have seven digits and are
of no account: many rows a record, and no pair twice.
"""

from __future__ import annotations

import argparse
from typing import Final

import polars as pl
from account import COMPANY_STEP, CONTACT_STEP, EMAIL, FIRST_COMPANY, FIRST_CONTACT

STRIDE: Final = 7_919
"""A prime: steps of it, round and round, visit every contact once where it divides not the rows."""


SHORT: Final = 1_000_000
SHORT_CONTACTS, SHORT_COMPANIES = 9_000_000, 8_999_999
"""Numbers that share no factor: counted round both at once, no two meet twice for a long time."""


def write_source(path: str, rows: int, *, per_company: int, emails: bool, short: bool) -> None:
    """Write one row a contact, streaming."""
    assert rows % STRIDE, f"rows can't be a multiple of {STRIDE}"
    number = pl.int_range(rows) * STRIDE % rows
    contact = FIRST_CONTACT + CONTACT_STEP * number
    company = FIRST_COMPANY + COMPANY_STEP * (number // per_company)
    if short:
        contact, company = SHORT + number % SHORT_CONTACTS, SHORT + number % SHORT_COMPANIES
    pl.LazyFrame().select(
        pl.format(EMAIL, contact).alias("email") if emails else contact.alias("contact_id"),
        company.alias("company_id"),
    ).sink_csv(path)


def main() -> None:
    """Read the options and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--per-company", type=int, default=1)
    parser.add_argument("--emails", action="store_true")
    parser.add_argument("--short", action="store_true")
    options = vars(parser.parse_args())
    write_source(**options)


if __name__ == "__main__":
    main()
