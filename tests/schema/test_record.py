"""What the headers of the log's records say, and what is said of those that are not ours."""

from __future__ import annotations

import pytest

from schema.record import Control, Framing, FramingError, RuleChange, control_headers, parse_headers


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (Framing("acme", 3, 28_000_000, 2, 7).headers(), Framing("acme", 3, 28_000_000, 2, 7)),
        (control_headers(Control.TICK), Control.TICK),
        (RuleChange("masking", "acme", 12).headers(), RuleChange("masking", "acme", 12)),
    ],
)
def test_headers_read_as_what_wrote_them(headers: tuple[tuple[str, bytes], ...], said: object) -> None:
    assert parse_headers(headers) == said


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ([], "'tenant' is missing"),
        ([("control", b"nonsense")], "'control': unknown kind"),
        ([("control", b"rules")], "'version' is missing"),
        ([("control", b"rules"), ("version", b"x")], "'version' is not a number"),
        ([("control", b"rules"), ("version", b"1"), ("kind", b"\xff")], "'kind' is not UTF-8"),
        ([("control", b"rules"), ("version", b"1"), ("kind", b"limits")], "'tenant' is missing"),
    ],
)
def test_what_is_not_ours_is_named_by_its_header(headers: list[tuple[str, bytes]], problem: str) -> None:
    with pytest.raises(FramingError, match=problem):
        parse_headers(headers)
