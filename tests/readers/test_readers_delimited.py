"""csv and tsv: cells come out as they stand in the file, and wrong lines are named."""

from __future__ import annotations

import codecs
import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from etl.errors import SourceError
from etl.model import CsvFormat, Source
from etl.readers import FLAW, ROW_NUMBER, Chunk, find_files, read_chunks


def write(path: Path, content: bytes | str) -> Path:
    """Put a file there, and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(
    path: Path,
    *used: str,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    chunk_rows: int = 1000,
    block_bytes: int = 16,
) -> list[Chunk]:
    """Read a source whole, in blocks so small that records stand across them."""
    source = Source(str(path), CsvFormat(delimiter, encoding))
    return list(read_chunks(find_files(source), source, used, chunk_rows, block_bytes=block_bytes))


def cells_of(chunks: list[Chunk]) -> list[tuple[str | None, ...]]:
    """Show the source's cells alone: row numbers and flaws have tests of their own."""
    return [row for chunk in chunks for row in chunk.frame.drop(ROW_NUMBER, FLAW).rows()]


def flaws_of(chunks: list[Chunk]) -> list[tuple[int, str | None]]:
    """Show which rows have which flaw."""
    return [row for chunk in chunks for row in chunk.frame.select(ROW_NUMBER, FLAW).rows()]


def test_cells_come_out_as_they_stand(tmp_path: Path) -> None:
    """A big id, a float, blanks, leading zeros and words like NULL are never touched."""
    path = write(tmp_path / "a.csv", "id,x\n9007199254740993, 1.23E+11\n007,NULL \n,#\n")
    chunks = read(path, "id")
    assert cells_of(chunks) == [("9007199254740993", " 1.23E+11"), ("007", "NULL "), ("", "#")]
    assert chunks[0].columns == ("id", "x")
    assert chunks[0].source_file == str(path)
    assert chunks[0].cell_of("x") == "c1"


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
def test_line_ends(tmp_path: Path, ends: str, last: str) -> None:
    """LF and CRLF are line ends, with one after the last line or without."""
    text = ends.join(["a,b", "1,2", "3,4"]) + (ends if last else "")
    assert cells_of(read(write(tmp_path / "a.csv", text))) == [("1", "2"), ("3", "4")]


def test_mixed_line_ends(tmp_path: Path) -> None:
    """Files glued together from LF and CRLF parts read right, and a CR inside a cell stays."""
    path = write(tmp_path / "a.csv", 'a,b\r\n1,2\n3,4\r\n5\r6,"7\r\n8"\n')
    expected = [("1", "2"), ("3", "4"), ("5\r6", "7\r\n8")]
    assert cells_of(read(path, block_bytes=1000)) == expected
    assert cells_of(read(path, block_bytes=1)) == expected


@pytest.mark.parametrize("block_bytes", [1, 16, 1000])
@pytest.mark.parametrize("delimiter", [None, *"\t,;|\\^$.*~ "])
def test_mixed_line_ends_with_any_delimiter(
    tmp_path: Path, delimiter: str | None, block_bytes: int
) -> None:
    """Every line of a tsv with mixed line ends was called ragged, for its mark was misread."""
    by = delimiter or "\t"
    inside = f'a{by}b\r\n1{by}"x\ny"\r\n2{by}z\r\n'
    chunks = read(
        write(tmp_path / "inside.tsv", inside), delimiter=delimiter, block_bytes=block_bytes
    )
    assert cells_of(chunks) == [("1", "x\ny"), ("2", "z")]
    assert flaws_of(chunks) == [(1, None), (2, None)]
    header = f"a{by}b\r\n1{by}x\n2{by}\n"
    chunks = read(
        write(tmp_path / "header.tsv", header), delimiter=delimiter, block_bytes=block_bytes
    )
    assert cells_of(chunks) == [("1", "x"), ("2", "")]
    assert flaws_of(chunks) == [(1, None), (2, None)]


def test_cr_alone_is_refused(tmp_path: Path) -> None:
    """A file with CR line ends is not taken for one endless header."""
    with pytest.raises(SourceError, match="line 1: lines end in CR alone") as caught:
        read(write(tmp_path / "a.csv", "a,b\r1,2\r"))
    assert "LF" in caught.value.hint


def test_tsv_and_delimiter(tmp_path: Path) -> None:
    """A tsv is parted by tabs, any other delimiter by the job file's word."""
    assert cells_of(read(write(tmp_path / "a.tsv", "a\tb\n1,5\t2\n"))) == [("1,5", "2")]
    assert cells_of(read(write(tmp_path / "a.csv", "a|b\n1,5|2\n"), delimiter="|")) == [
        ("1,5", "2")
    ]


@pytest.mark.parametrize("delimiter", ["", ";;", "§", '"', "\n"])
def test_impossible_delimiters(tmp_path: Path, delimiter: str) -> None:
    """A delimiter that can't part columns is refused with its value."""
    path = write(tmp_path / "a.csv", "a,b\n")
    if not delimiter:
        (chunk,) = read(path, delimiter=delimiter)  # nothing set: the format's own
        assert chunk.columns == ("a", "b")
        return
    with pytest.raises(SourceError, match="can't part columns"):
        read(path, delimiter=delimiter)


def test_lines_of_the_wrong_length(tmp_path: Path) -> None:
    """Short and long lines stay rows, say their line, and take no good row with them."""
    text = 'a,b,c\n1,2,3\n"x\ny",2\n\n1,2,3,4,5\n1,2,,x\n7\n1,2,3,,\n1,2,3\n'
    for block_bytes in (5, 1000):
        chunks = read(write(tmp_path / "a.csv", text), block_bytes=block_bytes)
        assert flaws_of(chunks) == [
            (1, None),
            (
                2,
                "line 3 has 2 fields, the header has 3; the line may be cut short, or a delimiter is missing",
            ),
            (
                3,
                "line 6 has 5 fields, the header has 3 (beyond it: '4,5'); quote a field that contains the delimiter",
            ),
            (
                4,
                "line 7 has 4 fields, the header has 3 (beyond it: 'x'); quote a field that contains the delimiter",
            ),
            (
                5,
                "line 8 has 1 field, the header has 3; the line may be cut short, or a delimiter is missing",
            ),
            (6, None),
            (7, None),
        ]
        assert cells_of(chunks)[1:5] == [
            ("x\ny", "2", ""),
            ("1", "2", "3"),
            ("1", "2", ""),
            ("7", "", ""),
        ]


def test_a_short_and_a_long_line_do_not_cancel_out(tmp_path: Path) -> None:
    """A missing field is found even when another line has one too many."""
    chunks = read(
        write(tmp_path / "a.csv", "a,b,c\n1,2\n1,2,3,\n1,2,3,,x\n1,2\n"), block_bytes=1000
    )
    assert [flaw is None for _, flaw in flaws_of(chunks)] == [False, True, False, False]


def test_trailing_delimiters_are_let_pass(tmp_path: Path) -> None:
    """Lines that end in a delimiter more than the header are common and read right."""
    chunks = read(write(tmp_path / "a.csv", "a,b\n1,2,\n3,4,\n5,6,,\n"), block_bytes=1000)
    assert cells_of(chunks) == [("1", "2"), ("3", "4"), ("5", "6")]
    assert [flaw for _, flaw in flaws_of(chunks)] == [None] * 3


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    """Blank lines are neither rows nor counted, before the header, between rows and at the end."""
    chunks = read(write(tmp_path / "a.csv", "\n \na,b\n\n1,2\n  \n\r\n3,4,5\n\n\n"))
    numbers_and_flaws = flaws_of(chunks)
    assert [number for number, _ in numbers_and_flaws] == [1, 2]
    assert "line 8 has 3 fields" in (numbers_and_flaws[1][1] or "")


def test_one_column(tmp_path: Path) -> None:
    """In a file of one column a quoted nothing is an empty cell, a blank line is none."""
    assert cells_of(read(write(tmp_path / "a.csv", 'id\n1\n""\n\n2\n'))) == [("1",), ("",), ("2",)]


def test_quotes_inside_unquoted_fields(tmp_path: Path) -> None:
    """Inches and nicknames in unquoted cells are text, as Excel reads them, even an odd number."""
    path = write(tmp_path / "a.csv", 'id,x\n1,24" monitor\n2,"a, b"\n3,Bob "The" Man\n4,"5\n"\n')
    for block_bytes in (1, 7, 1000):
        assert cells_of(read(path, block_bytes=block_bytes)) == [
            ("1", '24" monitor'), ("2", "a, b"), ("3", 'Bob "The" Man'), ("4", "5\n"),
        ]  # fmt: skip


@pytest.mark.parametrize("block_bytes", [3, 1000])
def test_a_quote_never_closed(tmp_path: Path, block_bytes: int) -> None:
    """A quote that swallows the rest of the file is named by its line."""
    path = write(tmp_path / "a.csv", 'id,x\n1,"a\nb"\n2,"c\n3,d\n')
    with pytest.raises(
        SourceError, match=r"a\.csv, line 4: a quote opened at line 4 is never closed"
    ):
        read(path, block_bytes=block_bytes)


@pytest.mark.parametrize("block_bytes", [3, 1000])
def test_text_after_a_closing_quote(tmp_path: Path, block_bytes: int) -> None:
    """A quoted cell that goes on after its quote is refused, not glued together."""
    path = write(tmp_path / "a.csv", 'id,x\n1,"a\nb"\n2,"c" d\n3,e\n')
    with pytest.raises(SourceError, match=r"line 4: the quoted field .* goes on") as caught:
        read(path, block_bytes=block_bytes)
    assert '""' in caught.value.hint


def test_quoted_header_with_another_delimiter(tmp_path: Path) -> None:
    """A quoted semicolon file says that the delimiter is to be set."""
    with pytest.raises(SourceError) as caught:
        read(write(tmp_path / "a.csv", '"id";"x"\n"1";"2"\n'), "id")
    assert "set source.csv.delimiter: ';'" in caught.value.hint


def test_endless_quote_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What outgrows the bound is refused before it fills the memory."""
    monkeypatch.setattr("etl.readers.records.MAX_RECORD_BYTES", 100)
    with pytest.raises(SourceError, match="line 3: a quote opened at line 3 is never closed"):
        read(write(tmp_path / "a.csv", 'a,b\n1,2\n3,"x' + "y\n" * 100))
    with pytest.raises(SourceError, match="line 2: the line is longer than"):
        read(write(tmp_path / "a.csv", "a,b\n" + "1" * 200))
    with pytest.raises(SourceError, match="line 1: lines end in CR alone"):
        read(write(tmp_path / "a.csv", "a,b\r" * 50))


@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8, b"\n\r\n  \n"])
def test_no_header(tmp_path: Path, content: bytes) -> None:
    """An empty file is refused: it is rarely what the job expects."""
    with pytest.raises(SourceError, match="has no header"):
        read(write(tmp_path / "a.csv", content))


@pytest.mark.parametrize("content", ["id,x", "id,x\n", "id,x\r\n\r\n"])
def test_header_alone(tmp_path: Path, content: str) -> None:
    """A header without rows gives its columns, which are checked all the same."""
    path = write(tmp_path / "a.csv", content)
    (chunk,) = read(path, "id")
    assert chunk.frame.is_empty()
    assert chunk.columns == ("id", "x")
    with pytest.raises(SourceError, match="missing"):
        read(path, "nope")


ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "cp932",
    "shift_jis",
    "euc-jp",
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("block_bytes", [1, 7, 1000])
def test_encodings(tmp_path: Path, encoding: str, block_bytes: int) -> None:
    """Japanese text reads right in every encoding, also where a block ends inside a character."""
    path = write(tmp_path / "a.csv", "名前,役割\n山田,決裁者\nソ表,\n".encode(encoding))
    chunks = read(path, "名前", encoding=encoding, block_bytes=block_bytes)
    assert chunks[0].columns == ("名前", "役割")
    assert cells_of(chunks) == [("山田", "決裁者"), ("ソ表", "")]


def test_bom_is_dropped(tmp_path: Path) -> None:
    """A byte order mark is no part of the first column's name, whether the job expects it or not."""
    assert read(write(tmp_path / "a.csv", codecs.BOM_UTF8 + b"id\n1\n"), "id")[0].columns == ("id",)
    path = write(tmp_path / "a.csv", codecs.BOM_UTF16_LE + "id\n1\n".encode("utf-16-le"))
    assert read(path, "id", encoding="utf-16-le")[0].columns == ("id",)


def test_latin_1(tmp_path: Path) -> None:
    """Western single-byte files read right."""
    assert cells_of(read(write(tmp_path / "a.csv", b"a,b\n\xe9,\xfc\n"), encoding="latin-1")) == [
        ("é", "ü")
    ]


@pytest.mark.parametrize("block_bytes", [1, 4, 1000])
def test_bytes_of_another_encoding(tmp_path: Path, block_bytes: int) -> None:
    """Bytes that the encoding has not are named by line and value, with the setting to change."""
    path = write(tmp_path / "a.csv", "id,x\n1,é\n2,".encode() + "山".encode("cp932") + b"\n")
    with pytest.raises(SourceError, match=r"a\.csv, line 3: byte 0x8E is not utf-8 text") as caught:
        read(path, block_bytes=block_bytes)
    assert "source.csv.encoding" in caught.value.hint
    assert "cp932" in caught.value.hint


def test_a_character_cut_off_at_the_end(tmp_path: Path) -> None:
    """A file that ends inside a character was cut short and is not read as if whole."""
    with pytest.raises(SourceError, match="line 2: byte 0xE5") as caught:
        read(write(tmp_path / "a.csv", "id\n山".encode()[:-1]))
    assert "If the file is cut short, copy or export it again." in caught.value.hint


@pytest.mark.parametrize("block_bytes", [3, 1000])
def test_cut_inside_a_quoted_field(tmp_path: Path, block_bytes: int) -> None:
    """A file that ends inside a quoted cell names the line, and says that it may be cut short."""
    path = write(tmp_path / "a.csv", 'id,x\n1,"a\nb"\n2,"c\nd')
    with pytest.raises(SourceError, match=r"a\.csv, line 4: a quote opened at line 4") as caught:
        read(path, block_bytes=block_bytes)
    assert "if the file is cut short, export it again" in caught.value.hint


@pytest.mark.parametrize("block_bytes", [3, 1000])
def test_cut_before_the_last_fields(tmp_path: Path, block_bytes: int) -> None:
    """A last line that lacks fields is a row that says so; the rows before it are good."""
    chunks = read(write(tmp_path / "a.csv", "id,x,y\n1,2,3\n4,5"), block_bytes=block_bytes)
    (first, flaw), (last, cut) = flaws_of(chunks)
    assert (first, flaw, last) == (1, None, 2)
    assert cut
    assert cut.startswith("line 3 has 2 fields, the header has 3; the line may be cut short")


def test_wrong_line_in_utf_16(tmp_path: Path) -> None:
    """Line numbers hold in a big-endian utf-16 file too."""
    content = codecs.BOM_UTF16_BE + "a,b\n1,2\n".encode("utf-16-be") + b"\xd8\x00\x00\x41"
    with pytest.raises(SourceError, match="line 3: byte 0xD8"):
        read(write(tmp_path / "a.csv", content), encoding="utf-16", block_bytes=6)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_read_as_utf_8(tmp_path: Path, encoding: str) -> None:
    """A utf-16 file that the job takes for utf-8 is recognized for what it is."""
    with pytest.raises(SourceError) as caught:
        read(write(tmp_path / "a.csv", "id,x\n1,2\n".encode(encoding)), block_bytes=1000)
    assert "utf-16" in caught.value.hint


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["id,x\n1,2\n", "名前,役割\n山田,決裁者\n"])
def test_utf_16_without_its_mark(tmp_path: Path, encoding: str, text: str) -> None:
    """A utf-16 file without a byte order mark ended in a traceback, not with the name to set."""
    with pytest.raises(SourceError, match=r"a\.csv: source\.csv\.encoding 'utf-16'") as caught:
        read(write(tmp_path / "a.csv", text.encode(encoding)), encoding="utf-16", block_bytes=1000)
    assert f"set source.csv.encoding: {encoding}." in caught.value.hint
    path = write(tmp_path / "a.csv", text.encode(encoding))
    assert len(cells_of(read(path, encoding=encoding))) == 1


def test_utf_8_taken_for_utf_16(tmp_path: Path) -> None:
    """A file that is not utf-16 at all is not sent from one utf-16 to the other."""
    with pytest.raises(SourceError) as caught:
        read(write(tmp_path / "a.csv", "id,x\n1,2\n"), encoding="utf-16", block_bytes=1000)
    assert "does not look like utf-16" in caught.value.hint


@pytest.mark.parametrize("encoding", ["utf-99", "base64"])
def test_unknown_encoding(tmp_path: Path, encoding: str) -> None:
    """A name that is no text encoding is refused with its value."""
    with pytest.raises(SourceError, match=f"{encoding!r} is no text encoding"):
        read(write(tmp_path / "a.csv", "a\n"), encoding=encoding)


TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(
            st.text(
                st.one_of(st.sampled_from('",;\r\n\x1e \0'), st.characters(codec="utf-8")),
                max_size=8,
            ),
            min_size=width,
            max_size=width,
        ),
        max_size=12,
    )
)


@example(table=[["\r", ""]], block_bytes=60, quoting=csv.QUOTE_MINIMAL, ends="\n")
@example(table=[['x\n1,"', "2"]] * 3, block_bytes=11, quoting=csv.QUOTE_MINIMAL, ends="\n")
@given(
    table=TABLES,
    block_bytes=st.integers(1, 60),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ends=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_read(
    table: list[list[str]], block_bytes: int, quoting: int, ends: str
) -> None:
    """Any table that Python's csv writes comes back cell by cell, numbered from 1."""
    # Python 3.11's csv leaves a CR before an LF bare, which makes it half of a line end.
    bare = ends == "\n" and quoting == csv.QUOTE_MINIMAL
    assume(not (bare and any(row[-1].endswith("\r") for row in table)))
    width = len(table[0]) if table else 1
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=ends)  # type: ignore[arg-type]
    writer.writerows([[f"h{i}" for i in range(width)], *table])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes(text.getvalue().encode())
        source = Source(str(path), CsvFormat())
        chunks = list(read_chunks(find_files(source), source, ["h0"], 5, block_bytes=block_bytes))
    rows = [row for chunk in chunks for row in chunk.frame.rows()]
    assert rows == [(n, None, *cells) for n, cells in enumerate(table, start=1)]


LINES = st.lists(
    st.lists(st.sampled_from(["", "1", "22", " "]), min_size=1, max_size=5), min_size=1, max_size=6
)


@given(lines=LINES, width=st.integers(2, 3), ends=st.sampled_from(["\n", "\r\n"]))
def test_no_line_of_the_wrong_width_passes(lines: list[list[str]], width: int, ends: str) -> None:
    """A short line beside a long one is not mistaken for two right ones; blank lines are no rows."""
    rows = [fields for fields in lines if "".join(fields).strip() or len(fields) > 1]
    text = ends.join([",".join("abc"[:width]), *map(",".join, lines), ""])
    with tempfile.TemporaryDirectory() as folder:
        chunks = read(write(Path(folder, "a.csv"), text), "a", block_bytes=1000)
    padded = [(*fields[:width], *[""] * (width - len(fields))) for fields in rows]
    is_wrong = [len(fields) < width or any(fields[width:]) for fields in rows]
    assert cells_of(chunks) == padded
    assert [flaw is not None for _, flaw in flaws_of(chunks)] == is_wrong
