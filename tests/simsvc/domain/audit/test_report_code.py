from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.audit.report_code import EventMark, ReportCode, parse_report_code
from simsvc.errors import ReportCodeRefused

MARKS = st.builds(EventMark, st.integers(1, 10**9 - 1), st.text("0123456789abcdef", min_size=16, max_size=16))


@given(MARKS, MARKS)
def test_a_printed_code_is_read_back(about: EventMark, printed: EventMark) -> None:
    """Also typed in capitals, with blanks, line breaks or dashes of a word processor."""
    code = ReportCode(about, printed)
    for text in (str(code), f" {str(code).upper()}\n", str(code).replace("-", " \u2013 ")):
        assert parse_report_code(text) == code


@pytest.mark.parametrize(
    "text", ["", "1-2-3-4", "x" * 200, "1-" + "0" * 16, "1-" + "g" * 16 + "-2-" + "0" * 16]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    """The error says what a code looks like."""
    with pytest.raises(ReportCodeRefused, match="16 letters and digits"):
        parse_report_code(text)
