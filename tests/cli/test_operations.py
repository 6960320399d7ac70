"""Every operation of HubSpot's guide by its command, in every version, read off the wire."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Final, get_args

from aiohttp import web
from commands import REPOSITORY, SECONDS, environment
from msgspec.structs import replace

from etl.model import ApiVersion
from etl.sandbox import CustomLabel, Sandbox, demo_portal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiohttp.typedefs import Handler

PLAIN: Final = """\
name: {name}
source: {{path: rows.csv}}
from: {{object: contacts, column: contact}}
to: {{object: companies, column: company}}
output: {{directory: runs}}
"""
JOBS: Final = {
    "plain": "",
    "labelled": "label: {value: Boss}\n",
    "unlabel": "label: {value: Boss}\naction: remove_labels\n",
    "remove": "action: remove\n",
    "keys": "match_cache_hours: 0\n",
}

COMMANDS: Final = (
    "limits list",
    "limits list contacts companies",
    "limits set contacts companies Boss 5",
    "limits set contacts companies Boss 6",
    "limits clear contacts companies Boss",
    "labels list contacts companies",
    "labels create contacts companies Guest --inverse Host",
    "labels update contacts companies Guest --label Visitor",
    "labels delete contacts companies Visitor --yes",
    "associate contacts 1 companies 11",
    "associate contacts 1 companies 12 --label Boss",
    "export contacts companies --id 1",
    "export contacts companies --ids rows.csv --column contact",
    "disassociate contacts 1 companies 12 --label Boss --yes",
    "disassociate contacts 1 companies 12 --yes",
    "run plain.yaml labelled.yaml",
    "check labelled.yaml",
    "run unlabel.yaml remove.yaml keys.yaml",
    "usage-report 7",
)
"""In this order, against one account."""

ABOUT_AN_ACCOUNT: Final = frozenset(
    ["limits", "labels", "associate", "export", "disassociate", "usage-report"]
)


def operation(method: str, path: str) -> str | None:
    """Name a request as the README's table does; None for what is no operation of the guide."""
    path = re.sub(r"^/crm(?:/v[34])?", "", path)
    path = re.sub(r"^/(?:associations|objects)/(?:v4|20\d\d-\d\d)(?=/)", _root, path)
    path = re.sub(r"/(contacts|companies)(?=/|$)", _by_place(), path)
    path = re.sub(r"/\d+(?=/|$)", "/ID", path)
    if not path.startswith(("/associations/", "/objects/")):
        return None
    is_keyed = path.startswith("/objects/") and path.endswith("/batch/read")
    return f"{method} {path[1:] if is_keyed else path.split('/', 2)[2]}"


def _root(found: re.Match[str]) -> str:
    return f"/{found[0].split('/')[1]}"


def _by_place() -> Callable[[re.Match[str]], str]:
    names = iter(("/FROM", "/TO"))
    return lambda _: next(names)


def table() -> dict[str, str]:
    """Read the README's table: the command of each request."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    part = text.partition("### Every operation")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return {row[1].strip("`"): row[2] for row in rows[1:] if "offline" not in row[1]}


def write_jobs(folder: Path) -> None:
    """Write the jobs and the table that they share."""
    folder.mkdir()
    for name, more in JOBS.items():
        text = PLAIN.format(name=name) + more
        if name == "keys":
            text = text.replace("column: contact}", "column: email, match_by: email}")
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    rows = "contact,company,email\n1,11,person1@example.com\n2,12,person2@example.com\n"
    (folder / "rows.csv").write_text(rows, encoding="utf-8")


async def command(line: str, version: str, folder: Path, base_url: str) -> tuple[int, str]:
    """Run a command in a version to its end; give its code and what it said."""
    words = line.split()
    if words[0] in ABOUT_AN_ACCOUNT:
        words += ["--api-version", version]
    if words[0] in {"run", "check"}:
        words += ["--set", f"hubspot.api_version={version}"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "etl",
        *words,
        cwd=folder,
        env=environment(HUBSPOT_BASE_URL=base_url, HUBSPOT_ACCESS_TOKEN="made-up"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode is not None
    return process.returncode, (stdout + stderr).decode()


async def operations(version: ApiVersion, folder: Path) -> set[str]:
    """Run every command in a version; list the operations that went over the wire."""
    write_jobs(folder)
    seen: set[str] = set()

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        named = operation(request.method, request.path)
        if named is not None:
            seen.add(named)
        return await handler(request)

    label = CustomLabel(from_object="contacts", to_object="companies", label="Boss")
    portal = replace(demo_portal(), labels=(label,))
    async with Sandbox(portal, middlewares=[watch]) as sandbox:
        for line in COMMANDS:
            code, said = await command(line, version, folder, sandbox.base_url)
            assert code == 0, f"{line}: {said}"
        # All of it is gone again, but for what the last job has made.
        pairs = sandbox.portal.associations("contacts", "companies")
        assert {each[:2] for each in pairs} == {(1, 11), (2, 12)}
    return seen


async def test_every_operation_has_its_command(tmp_path: Path) -> None:
    """What the README's table promises is what goes over the wire, in every version."""
    versions = get_args(ApiVersion)
    found = await asyncio.gather(*(operations(each, tmp_path / each) for each in versions))
    promised = set(table())
    assert dict(zip(versions, found, strict=True)) == {
        "v4": promised,
        "2025-09": promised,
        "2026-03": promised,
        "2026-09": promised - {"GET FROM/ID/associations/TO"},
    }


def test_the_commands_of_the_table_are_those_that_are_run() -> None:
    """A row of the table whose command nobody tries would prove nothing."""
    tried = {line.split()[0] for line in COMMANDS}
    told = {cell.removeprefix("`").split()[0].rstrip("`") for cell in table().values()}
    assert told == tried - {"check"}
