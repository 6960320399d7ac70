"""Jobs over emails and domains from the command line: run, plan, retry, and settings that are wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from commands import etl, follow, run_folders

from etl.key_cache import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

JOB: Final = """\
source: {path: rows.csv}
from: {object: contacts, column: mail, match_by: email}
to: {object: companies, column: site, match_by: domain}
output: {directory: runs}
"""
ROWS: Final = """\
mail,site
person1@example.com,company1.example.com
Person2@Example.com,company1.example.com
nobody@example.com,company1.example.com
"""


def write(folder: Path, job: str = JOB, rows: str = ROWS) -> None:
    """Put a job and its source into a folder."""
    (folder / "keys.yaml").write_text(job, encoding="utf-8")
    (folder / "rows.csv").write_text(rows, encoding="utf-8")


def test_a_run_tells_how_its_keys_were_found(tmp_path: Path) -> None:
    """One line says what the look-up cost, and the next run pays for the new keys alone."""
    write(tmp_path)
    first = etl("run", "keys.yaml", "--sandbox", cwd=tmp_path)
    assert first.code == 1
    assert (
        "keys from: 3 looked up, 0 from the cache, 1 not found, 0 found twice · "
        "to: 1 looked up, 0 from the cache, 0 not found, 0 found twice\n"
    ) in first.stderr
    assert "mail 'nobody@example.com' is the email" in first.stderr
    second = etl("run", "keys.yaml", "--sandbox", "--json", cwd=tmp_path)
    assert json.loads(second.stdout)["keys"] == {
        "from": {"looked_up": 1, "from_cache": 2, "not_found": 1, "found_twice": 0},
        "to": {"looked_up": 0, "from_cache": 1, "not_found": 0, "found_twice": 0},
    }


def test_a_retry_looks_up_what_was_missing(tmp_path: Path) -> None:
    """A key that was corrected in failures.csv is found, and its row is associated."""
    write(tmp_path)
    ended = etl("run", "keys.yaml", "--sandbox", cwd=tmp_path)
    [run] = run_folders(tmp_path)
    failures = run / "failures.csv"
    text = failures.read_text(encoding="utf-8")
    failures.write_text(text.replace("nobody@", "person3@", 1), encoding="utf-8")
    retried = follow(ended, tmp_path)
    assert (retried.code, "associated │    1 │" in retried.stderr) == (0, True), retried.stderr
    assert "keys from: 1 looked up, 0 from the cache, 0 not found" in retried.stderr


def test_a_plan_counts_keys_and_writes_nothing(tmp_path: Path) -> None:
    """A plan shows what the look-up finds and what it costs, and leaves the folder as it was."""
    write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    shown = etl("plan", "keys.yaml", "--sandbox", cwd=tmp_path)
    assert (shown.code, sorted(tmp_path.rglob("*"))) == (0, before)
    assert "3 looked up, 0 from the cache, 1 not found, 0 found twice" in shown.stdout
    assert "2 looking up, about 1 reading, 1 writing" in shown.stdout
    assert "KEY_NOT_FOUND" in shown.stdout
    planned = json.loads(etl("plan", "keys.yaml", "--sandbox", "--json", cwd=tmp_path).stdout)
    assert (planned["unresolved"], planned["look_up_requests"]) == (1, 2)
    assert planned["keys"]["from"]["looked_up"] == 3
    etl("run", "keys.yaml", "--sandbox", cwd=tmp_path)
    planned = json.loads(etl("plan", "keys.yaml", "--sandbox", "--json", cwd=tmp_path).stdout)
    assert planned["keys"]["from"]["from_cache"] == 2
    assert planned["look_up_requests"] == 1


def test_a_property_that_is_not_unique_ends_before_anything_is_sent(tmp_path: Path) -> None:
    """Exit code 2, the property by name and what to write instead; nothing is left behind."""
    write(tmp_path, JOB.replace("match_by: email", "match_by: firstname"))
    for command in ("run", "plan"):
        ended = etl(command, "keys.yaml", "--sandbox", cwd=tmp_path)
        assert ended.code == 2
        assert "HubSpot can't look records up by firstname of contacts" in ended.stderr
        assert "Try: set match_by to the internal name of a property of contacts" in ended.stderr
    assert run_folders(tmp_path) == []
    assert not (tmp_path / "runs" / FOLDER).exists()
