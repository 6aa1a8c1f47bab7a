"""Names in the order in which people count."""

from hypothesis import given
from hypothesis import strategies as st

from maeday_core.io.natural import natural


def test_numbers_are_counted() -> None:
    names = [
        "frame_10.jpg",
        "frame_2.jpg",
        "frame_2b.jpg",
        "10.jpg",
        "frame.jpg",
        "9.jpg",
        "frame_02.jpg",
        "a/9",
        "a/10",
    ]
    assert sorted(names, key=natural) == [
        *("9.jpg", "10.jpg", "a/9", "a/10", "frame.jpg", "frame_02.jpg", "frame_2.jpg", "frame_2b.jpg"),
        "frame_10.jpg",
    ]


@given(st.lists(st.text(alphabet="a.0129²٣ ", max_size=6), unique=True))
def test_the_order_does_not_depend_on_the_order_before(names: list[str]) -> None:
    assert sorted(names, key=natural) == sorted(reversed(names), key=natural)


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_as_numbers_are_ordered(one: int, other: int) -> None:
    assert (natural(f"a{one}") < natural(f"a{other}")) == (one < other)
