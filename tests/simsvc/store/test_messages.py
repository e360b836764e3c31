from __future__ import annotations

from typing import Any

import pytest

from simsvc.errors import PhotoTooSmall, to_json
from simsvc.messages import Message
from simsvc.store.messages import restored

ERROR = PhotoTooSmall(width_px=20, height_px=31)
HELD = to_json(ERROR.message)


def test_a_refusal_comes_back_with_code_and_parameters() -> None:
    """What gives the recorded sentence is believed, so that it can be translated."""
    assert restored(str(ERROR), HELD) == ERROR.message
    assert restored(None, None) is None


@pytest.mark.parametrize(
    "held",
    [
        None,
        {**HELD, "params": {"width_px": 2_000, "height_px": 31}},
        {**HELD, "params": {"width_px": 20}},
        {**HELD, "params": {}},
        {**HELD, "code": "melted"},
        {**HELD, "reason": "melted"},
        {"code": "photo_too_small"},
        {**HELD, "params": [20, 31]},
        {"template": "%(width_px", "params": {"width_px": 20}},
    ],
)
def test_the_recorded_sentence_counts(held: dict[str, Any] | None) -> None:
    """Whatever else a row holds, the sentence that the log has hashed is the one that is shown."""
    assert restored(str(ERROR), held) == Message(str(ERROR))


def test_a_sentence_in_earlier_words_is_kept_and_shown_in_todays() -> None:
    """The record keeps its words, and pages word and translate it as today."""
    earlier = (
        "The photo has only 20 x 31 pixels, too few to judge a face. "
        "Choose the original photo, not a thumbnail."
    )
    found = restored(earlier, HELD)
    assert found is not None
    assert (str(found), found.render(str)) == (earlier, str(ERROR))
