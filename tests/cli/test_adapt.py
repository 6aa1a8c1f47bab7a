"""`maeday adapt`: what it writes is what `detect --normals` learns."""

import pytest

from maeday_core.cli import main

KEYS = {"path", "method", "seed", "seconds", "shots", "model", "preset", "steps", "loss", "threshold", "doubts"}


def test_detect_with_the_file_is_detect_with_the_photos(run, folder, model, shots):
    options = [*model, "--seed", 5]
    adapter = folder / "new" / "adapter.safetensors"
    status, rows, _ = run("adapt", *shots, "--out", adapter, *options, "--steps", 3, "--method", "maeday")
    assert status == 0
    assert rows[0].keys() >= KEYS
    assert (rows[0]["shots"], rows[0]["steps"], rows[0]["seed"], rows[0]["preset"]) == (2, 3, 5, "default")
    assert rows[0]["threshold"] > 0
    query = ["detect", folder / "pictures" / "deep" / "a.bmp", *options]
    _, plain, _ = run(*query)
    _, loaded, _ = run(*query, "--adapter", adapter)
    assert loaded[0]["image_score"] != plain[0]["image_score"]
    assert loaded[0]["adapter"] == "default, 2 shots, 3 steps, seed 5"
    status, rows, errors = run(*query, "--adapter", adapter, "--mask-ratio", 0.5)
    assert (status, rows, len(errors.splitlines())) == (2, [], 1)
    run("adapt", *shots, "--out", adapter, *options, "--method", "maeday")
    _, loaded, _ = run(*query, "--adapter", adapter)
    _, at_once, _ = run(*query, "--normals", *shots)
    assert loaded[0]["image_score"] == at_once[0]["image_score"]
    assert loaded[0]["threshold"] == at_once[0]["threshold"]


def test_what_the_ensemble_learns_serves_its_parts(run, folder, model, shots):
    adapter = folder / "parts.safetensors"
    status, rows, _ = run("adapt", *shots, "--out", adapter, *model, "--steps", 1)
    assert status == 0
    assert rows[0].keys() >= KEYS | {"backbone", "patches", "distance_threshold"}
    assert (rows[0]["backbone"], rows[0]["shots"], rows[0]["method"]) == ("lite0", 2, "ensemble")
    for method in ("maeday", "patchcore", "ensemble"):
        query = [folder / "pictures" / "deep", *model, "--method", method, "--adapter", adapter]
        status, rows, _ = run("detect", *query)
        assert (status, rows[0]["method"]) == (0, method)


def test_without_json_it_is_a_sentence(capsys, folder, model, shots):
    arguments = ["adapt", *shots, "--out", folder / "x.safetensors", *model[:-1], "--steps", 1]
    assert main([str(argument) for argument in arguments]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{folder / 'x.safetensors'}: 1 steps")
    assert "patches" in line


@pytest.mark.parametrize("count", [9])
def test_too_many_photos_are_one_line(run, folder, model, shots, count):
    many = [shots[0]] * count
    for number, path in enumerate(many):
        (folder / "many").mkdir(exist_ok=True)
        (folder / "many" / f"{number}.png").write_bytes(path.read_bytes())
    status, rows, errors = run("adapt", folder / "many", "--out", folder / "x.safetensors", *model)
    assert (status, rows, len(errors.splitlines())) == (2, [], 1)
    assert "1 to 8" in errors
