"""What tells frames apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maeday_core.frames.names import short_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["run/frame_000.png", "run/frame_019.png"], ["000", "019"]),  # as the files count, digits whole
        (["a/frame_1.jpg", "b/frame_1.jpg"], ["a", "b"]),
        (["run_07_cam_left.jpg", "run_12_cam_left.jpg"], ["07", "12"]),
        (["run_07_coin.jpg", "run_07.jpg"], ["run_07_coin.jpg", "run_07.jpg"]),  # nothing would be left of one
        (["apron.jpg", "taxiway.png"], ["apron.jpg", "taxiway.png"]),
        (["zip/only.jpg"], ["only.jpg"]),
        ([], []),
    ],
)
def test_a_name_is_what_others_do_not_share(paths: list[str], names: list[str]) -> None:
    assert short_names(paths) == names


@given(st.lists(st.text(alphabet="ab01_-./", min_size=1, max_size=8), unique=True, max_size=6))
def test_no_two_frames_have_one_name(paths: list[str]) -> None:
    names = short_names(paths)
    assert len(set(names)) == len(paths)
    assert all(names)
