from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simsvc.values import LabelledFace
from simsvc.web.rendering.charts.histogram import HEIGHT_PX, WIDTH_PX, histogram

FACES = st.lists(
    st.builds(
        LabelledFace,
        st.just("f"),
        st.floats(0, 116, allow_nan=False),
        st.sampled_from(["demo", "utkface", "folder", "appa_real", "imdb"]),
        st.just("r"),
    ),
    max_size=60,
)


@given(FACES)
def test_every_face_is_counted_once(faces: list[LabelledFace]) -> None:
    """Bars, table and sources hold the same faces, by decade and source."""
    drawn = histogram(faces)
    assert sum(bar.count for bar in drawn.bars) == drawn.total == len(faces)
    assert sum(sum(row) for _, row in drawn.table) == len(faces)
    for bar in drawn.bars:
        wanted = [f for f in faces if f.source == bar.source and bar.decade <= f.age_years < bar.decade + 10]
        assert bar.count == len(wanted)


@given(FACES)
def test_bars_stand_within_the_drawing_and_not_on_each_other(faces: list[LabelledFace]) -> None:
    """Stacked bars touch; heights are in proportion to counts."""
    drawn = histogram(faces)
    for decade, _ in drawn.decades:
        stack = [bar for bar in drawn.bars if bar.decade == decade]
        bottom = drawn.bottom_px
        for bar in stack:
            assert abs(bar.y_px + bar.height_px - bottom) < 0.11
            bottom = bar.y_px
            assert 0 <= bar.x_px < bar.x_px + bar.width_px <= WIDTH_PX
            assert 0 < bar.y_px <= HEIGHT_PX
