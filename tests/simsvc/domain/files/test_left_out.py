from simsvc.domain.files.left_out import LeftOut


def test_reasons_are_counted_with_a_few_names() -> None:
    """Each reason has its number and its first names in order, the most frequent first, however many came."""
    left_out = LeftOut()
    for number in range(100_000, 0, -1):
        left_out.add("hidden", f"{number:06}")
    left_out.add("empty", "a")
    assert left_out.lines() == [
        "100,000 left out: hidden (000001, 000002, 000003, ...)",
        "1 left out: empty (a)",
    ]
    assert sum(map(len, left_out.examples.values())) == 4


def test_nothing_left_out() -> None:
    """Where nothing was left out, nothing is said."""
    assert LeftOut().lines() == []
