"""Migration files: numbering, checksums, and splitting into statements."""

from __future__ import annotations

from pathlib import Path

import pytest

from schema.migrations import migrations, statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\n SELECT 2 ;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';' ; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        ("SELECT 'it''s; so', 'a\\';b'; SELECT 2", ["SELECT 'it''s; so', 'a\\';b'", "SELECT 2"]),
        ('SELECT `a;b`, "c;d"; SELECT 2', ['SELECT `a;b`, "c;d"', "SELECT 2"]),
        ("-- one; two\nSELECT 1;", ["-- one; two\nSELECT 1"]),
        ("SELECT /* a; b */ 1", ["SELECT /* a; b */ 1"]),
        ("-- only a comment;\n;;  ;", []),
    ],
)
def test_statements_end_at_semicolons_that_are_sql(text: str, expected: list[str]) -> None:
    assert list(statements(text)) == expected


def test_files_are_read_in_order_of_their_number(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    for name in ("0010_late.sql", "0002_second.sql", "0001_first.sql"):
        (tmp_path / "store" / name).write_text(name)
    assert [migration.version for migration in migrations("store", tmp_path)] == [1, 2, 10]


@pytest.mark.parametrize("second", ["0001_again.sql", "1_short.sql", "0002-dash.sql"])
def test_a_file_that_breaks_the_numbering_is_refused(tmp_path: Path, second: str) -> None:
    (tmp_path / "store").mkdir()
    for name in ("0001_first.sql", second):
        (tmp_path / "store" / name).write_text("SELECT 1")
    with pytest.raises(ValueError, match=r"0001_again|1_short|0002-dash"):
        migrations("store", tmp_path)


@pytest.mark.parametrize("store", ["clickhouse", "postgres"])
def test_our_own_migrations_are_numbered_from_one_without_gaps(store: str) -> None:
    versions = [migration.version for migration in migrations(store)]
    assert versions == list(range(1, len(versions) + 1))
    assert versions
