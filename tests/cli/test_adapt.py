"""`maeday adapt`: what it writes is what `detect --normals` learns."""

from maeday_core import OutputError
from maeday_core.cli import main

KEYS = {"path", "method", "seed", "seconds", "shots", "model", "preset", "steps", "loss", "doubts"}


def test_detect_with_the_file_is_detect_with_the_photos(run, folder, model, shots):
    options = [*model, "--seed", 5, "--method", "maeday", "--preset", "calibrate"]
    adapter = folder / "new" / "adapter.safetensors"
    status, rows, _ = run("adapt", *shots, "--out", adapter, *options)
    assert status == 0
    assert rows[0].keys() >= KEYS
    assert (rows[0]["shots"], rows[0]["steps"], rows[0]["seed"], rows[0]["preset"]) == (2, 0, 5, "calibrate")
    query = ["detect", folder / "pictures" / "deep" / "a.bmp", *options]
    _, plain, _ = run(*query)
    _, loaded, _ = run(*query, "--adapter", adapter)
    _, at_once, _ = run(*query, "--normals", *shots)
    assert loaded[0]["image_score"] == at_once[0]["image_score"] != plain[0]["image_score"]
    assert loaded[0]["threshold"] == at_once[0]["threshold"] != plain[0]["threshold"]
    assert loaded[0]["adapter"] == "calibrate, 2 shots, 0 steps, seed 5"
    status, rows, errors = run(*query, "--adapter", adapter, "--mask-ratio", 0.5)
    assert (status, rows, len(errors.splitlines())) == (2, [], 1)


def test_steps_are_those_asked_for(run, folder, model, shots):
    options = [*model, "--method", "maeday", "--steps", 3, "--seed", 5]
    status, rows, _ = run("adapt", *shots, "--out", folder / "x.safetensors", *options)
    assert status == 0
    assert (rows[0]["steps"], rows[0]["preset"]) == (3, "default")
    assert rows[0]["loss"] > 0


def test_what_the_ensemble_learns_serves_its_parts(run, folder, model, shots):
    adapter = folder / "parts.safetensors"
    status, rows, _ = run("adapt", *shots, "--out", adapter, *model, "--steps", 1)
    assert status == 0
    assert rows[0].keys() >= KEYS | {"backbone", "patches"}
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


def test_too_many_photos_are_one_line(run, folder, model, shots):
    many = folder / "many"
    many.mkdir()
    for number in range(9):
        (many / f"{number}.png").write_bytes(shots[0].read_bytes())
    status, rows, errors = run("adapt", many, "--out", folder / "x.safetensors", *model)
    assert (status, rows, len(errors.splitlines())) == (2, [], 1)
    assert "1 to 8" in errors
    assert not (folder / "x.safetensors").exists()


def test_a_place_that_cannot_be_written_is_refused_before_learning(run, folder, model, shots):
    (folder / "kept.safetensors").mkdir()
    for place in (folder / "kept.safetensors", folder / "tiny.safetensors" / "x.safetensors"):
        arguments = ["--out", place, *model, "--steps", 100_000]
        status, rows, errors = run("adapt", *shots, *arguments)
        assert (status, rows, len(errors.splitlines())) == (2, [], 1)
        assert "give the name of a file" in errors or "cannot be written" in errors


def test_what_was_learned_is_kept_though_its_place_takes_it_no_more(run, folder, model, shots, monkeypatch):
    from maeday_core import methods

    save, place = methods.save_reference, folder / "part.safetensors"

    def full(reference, path):
        if path == place:
            raise OutputError(f"There is no space left in {path.parent}.")
        save(reference, path)

    (folder / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder / "temporary"))
    monkeypatch.setattr(methods, "save_reference", full)
    learn = ["adapt", *shots, "--out", place, *model, "--method", "maeday", "--preset", "calibrate"]
    status, rows, errors = run(*learn)
    assert (status, rows, len(errors.splitlines())) == (2, [], 1)
    (kept,) = (folder / "temporary").rglob("part.safetensors")
    assert f"no space left in {folder}. What was learned is kept in {kept}; move it." in errors
    detect = ["detect", shots[0], *model, "--method", "maeday", "--adapter", kept]
    assert run(*detect)[0] == 0
    place = kept.parent
    monkeypatch.setattr(methods, "save_reference", lambda *_: full(None, place))
    assert "What was learned is lost." in run(*learn)[2]
    assert list((folder / "temporary").iterdir()) == [kept.parent]
