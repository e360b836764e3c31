from pathlib import Path

from tests.trainer.datasets.drawn_photos import write_photo
from trainer.datasets.formats.rows import Row
from trainer.datasets.registry import read


def test_rows_and_problems(tmp_path: Path) -> None:
    """Good names become rows in the order of their names, malformed ones problems, other files nothing."""
    good = ["26_1_3_20170116174525125.jpg.chip.jpg", "9_0_4_20170110225013755.jpg.chip.jpg"]
    bad = "39_1_20170116174525125.jpg.chip.jpg"
    for seed, name in enumerate([*good, bad]):
        write_photo(tmp_path / name, seed)
    (tmp_path / "README.txt").write_text("not a photo")

    listing = read("utkface", tmp_path)

    assert listing.rows == (
        Row(tmp_path / good[0], 26.0, "utkface", good[0], gender="female", group="indian"),
        Row(tmp_path / good[1], 9.0, "utkface", good[1], gender="male", group="other"),
    )
    assert [name for name, _ in listing.problems] == [bad]
