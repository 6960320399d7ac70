"""Turn the text of a job file into a Job, or into every problem it has.

    YAML ─► --set ─► ${NAME} ─► defaults from outside ─► shape and rules ─► Job

Every step works on one tree that knows where each value stands. A value that one step has
refused is not judged again by the next.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.core.job.overrides import apply_overrides
from etl.core.job.rules import NAME, check_rules, is_url
from etl.core.job.shape import check_shape, default
from etl.core.job.tree import BASE_URL, TOKEN, Node, Place, Trouble, dotted, drop, find, plain, put
from etl.core.job.variables import fill_variables, variables_in
from etl.core.job.yaml import read_yaml
from etl.errors import JobError, Problem
from etl.model import (
    Action,
    ActionColumn,
    Bound,
    CsvFormat,
    DefinedLabel,
    ExplicitType,
    HubspotSettings,
    Job,
    LabelColumn,
    Labelling,
    LabelSettings,
    LabelValue,
    Limits,
    Mirror,
    Output,
    Secret,
    Side,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


TOKEN_VARIABLE = "HUBSPOT_ACCESS_TOKEN"  # noqa: S105  (a name)
BASE_URL_VARIABLE = "HUBSPOT_BASE_URL"

_ONE_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
"""A token that is a variable and nothing else."""

_DIRECTORY = ("output", "directory")
_EXISTING_LABELS = ("existing_labels",)
_ACTION = ("action",)
_MAX_REMOVALS = ("mirror", "max_removals")
_MATCH_CACHE_HOURS = ("match_cache_hours",)


def parse_job(
    text: str,
    *,
    file: Path,
    environment: Mapping[str, str],
    overrides: Sequence[str] = (),
) -> Job:
    """Return the job that a file's text, the command line and the environment describe together.

    Raises JobError with every problem at once. No problem tells a variable's value or the token.
    """
    root, troubles = read_yaml(
        text, lambda line, column: Place(line, column, f"{file}:{line}:{column}")
    )
    if root is None or not isinstance(root.value, Mapping):
        raise _job_error(troubles or [_no_keys(root, file)])
    root, found = apply_overrides(root, overrides)
    troubles += found + _token_in_the_open(root)
    root = _with_token(root)
    token_variable = _variable_of(root)
    root, found = fill_variables(root, environment)
    troubles += found
    root = _with_base_url(_with_bare_token(_with_name(root, file)), environment)
    for check in (check_shape, check_rules):
        refused = {trouble.place for trouble in troubles}
        troubles += [trouble for trouble in check(root) if trouble.place not in refused]
    if troubles:
        raise _job_error(troubles)
    return _build(plain(root), file.absolute(), token_variable)


def _job_error(troubles: Sequence[Trouble]) -> JobError:
    ordered = sorted(dict.fromkeys(troubles), key=lambda trouble: trouble.place)
    return JobError(tuple(Problem(each.place.text, each.message, each.hint) for each in ordered))


def _no_keys(root: Node | None, file: Path) -> Trouble:
    hint = "write source, from and to; jobs/quickstart.yaml is a job file to start from"
    if root is None or root.value is None:
        return Trouble(Place(1, 1, f"{file}:1:1"), "the job file is empty", hint)
    kind = "a list" if isinstance(root.value, tuple) else "a text"
    return Trouble(root.place, f"the job file holds {kind}, not keys and values", hint)


def _token_in_the_open(root: Node) -> list[Trouble]:
    """Refuse a token on the command line: every user of the machine sees it in the process list."""
    token = find(root, TOKEN)
    if token is None or not token.place.text.startswith("--set"):
        return []
    if _ONE_VARIABLE.fullmatch(token.written.strip()):
        return []
    message = f"{dotted(TOKEN)} (not shown) is on the command line, where others can read it"
    hint = (
        f"put it into an environment variable; {TOKEN_VARIABLE} needs no --set, another name takes "
        f"--set '{dotted(TOKEN)}=${{NAME}}'"
    )
    return [Trouble(token.place, message, hint)]


def _with_token(root: Node) -> Node:
    if find(root, TOKEN) or not _is_block(root, "hubspot"):
        return root
    place = Place(0, 0, TOKEN_VARIABLE)
    text = default(TOKEN)
    return put(root, TOKEN, Node(text, place, place, text))


def _variable_of(root: Node) -> str:
    """Name the variable to set where there is no token."""
    token = find(root, TOKEN)
    names = variables_in(token.written) if token is not None else set()
    return min(names, default=TOKEN_VARIABLE)


def _with_name(root: Node, file: Path) -> Node:
    if find(root, NAME):
        return root
    # A stem that is not UTF-8 gets backslashes, which the schema refuses in a name.
    stem = file.stem.encode("utf-8", "backslashreplace").decode()
    place = Place(1, 1, f"{file}:1:1")
    return put(root, NAME, Node(stem, place, place, stem))


def _with_base_url(root: Node, environment: Mapping[str, str]) -> Node:
    text = environment.get(BASE_URL_VARIABLE, "").strip()
    if not text or find(root, BASE_URL) or not _is_block(root, "hubspot"):
        return root
    place = Place(0, 0, BASE_URL_VARIABLE)
    return put(root, BASE_URL, Node(text, place, place))


def _with_bare_token(root: Node) -> Node:
    """Take the blanks off the token, as a secret's file ends in a newline; a blank one is none."""
    token = find(root, TOKEN)
    if token is None or not isinstance(token.value, str):
        return root
    bare = token.value.strip()
    return put(root, TOKEN, replace(token, value=bare)) if bare else drop(root, TOKEN)


def _is_block(root: Node, key: str) -> bool:
    block = find(root, (key,))
    return block is None or isinstance(block.value, Mapping)


def _build(job: Mapping[str, Any], file: Path, token_variable: str) -> Job:
    """Put a checked job together: every value has the shape that the schema gives it."""
    output = job.get("output", {})
    hubspot = job.get("hubspot", {})
    return Job(
        name=job["name"],
        file=file,
        source=Source(
            _path(file, job["source"]["path"]), CsvFormat(**job["source"].get("csv", {}))
        ),
        from_side=Side(**job["from"]),
        to_side=Side(**job["to"]),
        labelling=_labelling(job),
        existing_labels=job.get("existing_labels", default(_EXISTING_LABELS)),
        hubspot=HubspotSettings(**hubspot | _token_and_url(hubspot), token_variable=token_variable),
        limits=_limits(job.get("limits", {})),
        output=Output(
            **output
            | {"directory": Path(_path(file, output.get("directory", default(_DIRECTORY))))}
        ),
        labels=_labels(job.get("labels", {})),
        action=_action(job.get("action", default(_ACTION))),
        mirror=_mirror(job.get("mirror")),
        match_cache_hours=int(job.get("match_cache_hours", default(_MATCH_CACHE_HOURS))),
    )


def _path(file: Path, written: str) -> str:
    return written if is_url(written) else os.path.normpath(file.parent / written)


def _labelling(job: Mapping[str, Any]) -> Labelling:
    if "type" in job:
        numbers = {key: int(value) for key, value in job["type"].items() if key == "id"}
        return ExplicitType(**job["type"] | numbers)
    if "label" in job:
        return (
            LabelValue(**job["label"]) if "value" in job["label"] else LabelColumn(**job["label"])
        )
    return None


def _labels(labels: Mapping[str, Any]) -> LabelSettings:
    define = tuple(DefinedLabel(**each) for each in labels.get("define", ()))
    return LabelSettings(labels.get("create_missing", False), define)


def _token_and_url(hubspot: Mapping[str, Any]) -> dict[str, Any]:
    token = hubspot.get("access_token")
    settings: dict[str, Any] = {"access_token": None if token is None else Secret(token)}
    if "base_url" in hubspot:
        settings["base_url"] = hubspot["base_url"].rstrip("/")
    return settings


def _limits(limits: Mapping[str, Any]) -> Limits:
    # `auto` and `none` are the model's None. The schema takes 2e3, a float, for a whole number.
    given = {key: value for key, value in limits.items() if value not in {"auto", "none"}}
    failures = given.pop("max_failures", None)
    whole = {key: int(value) for key, value in given.items()}
    return Limits(**whole, max_failures=None if failures is None else _bound(failures))


def _bound(value: str | float) -> Bound:
    if isinstance(value, str):
        return Bound(percent=float(value.removesuffix("%")))
    return Bound(count=int(value))


def _action(value: str | Mapping[str, str]) -> Action | ActionColumn:
    return Action(value) if isinstance(value, str) else ActionColumn(**value)


def _mirror(mirror: Mapping[str, Any] | None) -> Mirror | None:
    if mirror is None:
        return None
    return Mirror(
        scope=mirror["scope"],
        max_removals=_bound(mirror.get("max_removals", default(_MAX_REMOVALS))),
    )
