from __future__ import annotations

from simsvc.cli.cluster import report
from simsvc.flows.mirror import Mirrored
from simsvc.store.copy_records import Copied
from simsvc.wiring.adopt import Adopted

FRESH = Adopted(
    tables=(Copied("estimates", 3, 3), Copied("events", 4, 1)),
    events=4,
    builds=Mirrored(new=("demo/b-1",), there=("clinic/b-2",)),
    in_service="demo/b-1",
    face_changes=1,
    models=Mirrored(),
    photos=Mirrored(new=("a/000001", "a/000002")),
)


def test_the_report_says_what_was_copied_and_what_was_there() -> None:
    """Counts and names of what an adoption copied, and that nothing was removed."""
    assert report(FRESH) == [
        "Records: 4 rows of 2 tables copied, 3 were there. Every row is the same in both databases.",
        "The log is intact: 4 events, and their records.",
        "Index builds: 1 copied, 1 were there: demo/b-1, clinic/b-2.",
        "In service: demo/b-1, with 1 set of face changes.",
        "Models: 0 copied, 0 were there.",
        "Waiting photos: 2 copied, 0 were there.",
        "Nothing was removed from the old installation.",
    ]
