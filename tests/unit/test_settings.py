"""How a job file is read from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etl.errors import JobError, UsageError
from etl.settings import MAX_JOB_BYTES, load_job

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
source: {path: rows.csv}
from: {object: contacts, column: a}
to: {object: companies, column: b}
label: {value: Käufer}
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_job_is_read_with_its_environment_and_overrides(tmp_path: Path, encoding: str) -> None:
    """File, environment and command line come together, with or without a byte order mark."""
    path = tmp_path / "roles.yaml"
    path.write_text(TEXT, encoding=encoding)
    job = load_job(path, ["limits.batch_size=7"], {"HUBSPOT_ACCESS_TOKEN": "pat-1"})
    assert (job.name, job.file, job.limits.batch_size) == ("roles", path, 7)
    assert job.hubspot.access_token is not None
    assert job.hubspot.access_token.value == "pat-1"


def test_a_missing_file_names_the_jobs_beside_it(tmp_path: Path) -> None:
    """A slip in the file's name is mended by reading the hint."""
    (tmp_path / "roles.yaml").write_text(TEXT, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_job(tmp_path / "rolls.yaml", [], {})
    assert caught.value.message == f"{tmp_path / 'rolls.yaml'}: there is no such job file"
    assert caught.value.hint == f"give the path of a job file, such as {tmp_path / 'roles.yaml'}"


def test_a_missing_file_in_an_empty_folder_points_to_init(tmp_path: Path) -> None:
    """A newcomer learns how a first job file is made."""
    with pytest.raises(UsageError) as caught:
        load_job(tmp_path / "no" / "a.yaml", [], {})
    assert "jobs/quickstart.yaml" in caught.value.hint


def test_a_folder_is_no_job_file(tmp_path: Path) -> None:
    """A folder given by mistake is told by name, with the jobs in it."""
    (tmp_path / "roles.yml").write_text(TEXT, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_job(tmp_path, [], {})
    assert caught.value.message == f"{tmp_path} is a folder, not a job file"
    assert str(tmp_path / "roles.yml") in caught.value.hint


def test_a_path_through_a_file_can_not_be_read(tmp_path: Path) -> None:
    """What the operating system says is passed on."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"can't be read: .*Not a directory"):
        load_job(tmp_path / "file" / "a.yaml", [], {})


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_a_problem_with_a_place(tmp_path: Path, encoding: str) -> None:
    """A file that an editor saved as something else says where UTF-8 ends."""
    path = tmp_path / "roles.yaml"
    path.write_bytes(TEXT.encode(encoding))
    with pytest.raises(JobError) as caught:
        load_job(path, [], {})
    [problem] = caught.value.problems
    assert problem.place == f"{path}:{'1:1' if encoding == 'utf-16' else '4:17'}"
    assert problem.message == f"the byte 0x{'ff' if encoding == 'utf-16' else 'e4'} is not UTF-8"
    assert problem.hint == "save the job file as UTF-8"


def test_a_source_given_by_mistake_is_not_read_whole(tmp_path: Path) -> None:
    """The source in place of the job is refused at once, however large it is."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"x" * (MAX_JOB_BYTES + 1))
    with pytest.raises(UsageError, match="larger than 1048576 bytes"):
        load_job(path, [], {})


def test_problems_name_the_file_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place in a message can be pasted into the editor's command line."""
    (tmp_path / "roles.yaml").write_text(TEXT + "action: x\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JobError) as caught:
        load_job(type(tmp_path)("roles.yaml"), [], {})
    assert caught.value.problems[0].place == "roles.yaml:5:9"
