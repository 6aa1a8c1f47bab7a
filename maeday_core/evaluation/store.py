"""What runs leave in a folder as they go, so that a run that was killed goes on with the next picture."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

from maeday_core.detection.result import Detection
from maeday_core.evaluation.category import Sample
from maeday_core.evaluation.means import known_mean
from maeday_core.evaluation.measure import measure
from maeday_core.evaluation.records import Result, Score, append, read
from maeday_core.evaluation.run import ID_LENGTH, Run
from maeday_core.evaluation.together import judged_together
from maeday_core.io.files import link_or_copy, remove_temporaries, replacing
from maeday_core.io.journal import alone_in, mend, rewrite

RESULTS = "results.jsonl"
SCORES = "scores.jsonl"
MAPS = "maps"
WORKERS = "workers"
"""A folder of what the workers of a run have measured and the run has not taken yet."""

Scored = tuple[Run, Detection, float | None]
"""A run, what it found in a picture, and how long its method took to learn."""


class Store:
    """The results of finished runs, and the scores and error maps of pictures.

    Args:
        folder: where `scores.jsonl` and the error maps of unfinished runs lie.
        results: the file of the results.
        keep_maps: keep the error maps of finished runs, too.
    """

    def __init__(self, folder: Path, results: Path, keep_maps: bool) -> None:
        self.folder, self.results, self.keep_maps = folder, results, keep_maps
        for path in (results, folder / SCORES):
            mend(path)
        self.finished: dict[str, Result] = {}
        self._replace_results(read(results, Result))
        self.scores: dict[str, dict[str, Score]] = {}
        for score in read(folder / SCORES, Score):
            if (self.maps(score.run) / score.map).is_file():
                self.scores.setdefault(score.run, {})[score.map] = score
        self._tidy()

    def maps(self, run: str) -> Path:
        """The folder of a run's error maps."""
        return self.folder / MAPS / run

    def has(self, run: Run) -> bool:
        """Whether the result of a run is there."""
        return run.id in self.finished

    def waiting(self, runs: Sequence[Run]) -> list[tuple[int, Sample, list[Run]]]:
        """The pictures that some runs on the same category have not scored: place, picture, those runs."""
        waiting = []
        for index, sample in enumerate(runs[0].category.samples):
            without = [run for run in runs if not self._scored(run, index)]
            if without:
                waiting.append((index, sample, without))
        return waiting

    def _scored(self, run: Run, index: int) -> bool:
        return run.id in self.finished or _name(index) in self.scores.get(run.id, {})

    def add(self, index: int, sample: Sample, found: Iterable[Scored]) -> None:
        """Keep what some runs found in a picture."""
        scores = [self._score(index, sample, *scored) for scored in found]
        append(self.folder / SCORES, scores)
        for score in scores:
            self.scores.setdefault(score.run, {})[score.map] = score

    def _score(self, index: int, sample: Sample, run: Run, found: Detection, learn_seconds: float | None) -> Score:
        name = _name(index)
        with replacing(self.maps(run.id) / name) as temporary:
            found.save_map(temporary)
        return Score(
            run=run.id,
            category=run.category.name,
            method=run.method.name,
            shots=run.shots,
            seed=run.seed,
            path=str(sample.path),
            defect=sample.defect,
            mask=str(sample.mask) if sample.mask else None,
            map=name,
            image_score=found.image_score,
            judged_score=found.image_score,
            judged_map=name,
            threshold=found.threshold.value,
            look=found.threshold.look,
            alone=found.threshold.value,
            alike=found.threshold.ordinary.alike,
            least=found.threshold.ordinary.least,
            seconds=found.seconds,
            learn_seconds=learn_seconds,
        )

    def result(self, run: Run, on_picture: Callable[[], None] = lambda: None) -> Result:
        """The result of a run that has scored all its pictures; `on_picture` is called after each that is judged."""
        if run.id not in self.finished:
            samples, by_map = run.category.samples, self.scores.pop(run.id)
            scores = self._judged(run, [by_map[_name(index)] for index in range(len(samples))], on_picture)
            result = Result(
                category=run.category.name,
                made_by=run.made_by,
                run=run.id,
                images=len(scores),
                metrics=measure(samples, scores, self.maps(run.id), run.method.height, run.tools.region),
                seconds_per_image=fmean(score.seconds for score in scores),
                learn_seconds=known_mean(score.learn_seconds for score in scores),
            )
            append(self.results, [result])
            if not self.keep_maps:
                shutil.rmtree(self.maps(run.id))
            self._replace_results([*self.finished.values(), result])
        return self.finished[run.id]

    def take(self, other: Store, wanted: Callable[[str], bool] = lambda run: True) -> None:
        """Add what another store holds of runs that are not finished here; nothing is taken from it.

        Maps come before the lines that name them, and scores before results: whoever is killed here takes again.

        Args:
            other: the store of a worker, or that of the run for a worker.
            wanted: whether a run, by its id, is.
        """
        for run, by_map in other.scores.items():
            if wanted(run) and not {run} & (self.finished.keys() | other.finished.keys()):
                known = self.scores.setdefault(run, {})
                fresh = {name: score for name, score in by_map.items() if name not in known}
                for name in fresh:
                    link_or_copy(other.maps(run) / name, self.maps(run) / name)
                append(self.folder / SCORES, fresh.values())
                known |= fresh
        results = {run: one for run, one in other.finished.items() if wanted(run) and run not in self.finished}
        if results:
            self._take_finished(other, results)

    def _take_finished(self, other: Store, results: dict[str, Result]) -> None:
        """Put the scores and results of whole runs in place of the scores that they began with."""
        for run in results:
            shutil.rmtree(self.maps(run), ignore_errors=True)
            for path in other.maps(run).glob("*.npy") if self.keep_maps else ():
                link_or_copy(path, self.maps(run) / path.name)
            self.scores.pop(run, None)
        kept = [score for score in read(self.folder / SCORES, Score) if score.run not in results]
        fresh = [score for score in read(other.folder / SCORES, Score) if score.run in results]
        rewrite(self.folder / SCORES, [score.record() for score in [*kept, *fresh]])
        append(self.results, results.values())
        self._replace_results([*self.finished.values(), *results.values()])

    def arrange(self, groups: Sequence[Sequence[Run]]) -> None:
        """Put the lines of groups of runs in their order, behind those of other runs, whenever each came."""
        place = {run.id: index for index, runs in enumerate(groups) for run in runs}
        for path, kind in ((self.results, Result), (self.folder / SCORES, Score)):
            records: list[Result | Score] = read(path, kind)
            records.sort(key=lambda record: place.get(str(record.run), -1))
            rewrite(path, [record.record() for record in records])

    def _judged(self, run: Run, scores: list[Score], on_picture: Callable[[], None]) -> list[Score]:
        """The scores of all pictures of a run, each as it is judged among all of them."""
        if run.shots:
            return scores
        judged = []
        for score in judged_together(run, scores, self.maps(run.id)):
            judged.append(score)
            on_picture()
        others = [score for score in read(self.folder / SCORES, Score) if score.run != run.id]
        rewrite(self.folder / SCORES, [score.record() for score in [*others, *judged]])
        return judged

    def _replace_results(self, results: Iterable[Result]) -> None:
        """Keep the last result of each category and provenance: those before are of pictures that were replaced."""
        by_id = {result.run: result for result in results}
        last = {(result.category, result.made_by): result for result in by_id.values()}
        self.finished = {str(result.run): result for result in last.values()}
        replaced = by_id.keys() - self.finished.keys()
        if replaced:
            rewrite(self.results, [result.record() for result in last.values()])
            kept = [score for score in read(self.folder / SCORES, Score) if score.run not in replaced]
            rewrite(self.folder / SCORES, [score.record() for score in kept])

    def _tidy(self) -> None:
        """Remove what is of no use: what a run that was killed left behind, and maps of results that were replaced."""
        for folder in (self.results.parent, self.folder):
            remove_temporaries(folder, ".jsonl")
        for folder in (self.folder / MAPS).glob("[0-9a-f]" * ID_LENGTH):
            remove_temporaries(folder, ".npy")
            scores, maps = self.scores.get(folder.name, {}).values(), list(folder.glob("*.npy"))
            known = {name for score in scores for name in (score.map, score.judged_map)}
            finished = self.finished.get(folder.name)
            half_removed = finished is not None and len(maps) < finished.images
            for path in maps:
                if half_removed or path.name not in known:
                    path.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()


def _name(index: int) -> str:
    """The file name of a picture's error map, which tells it from the others of its run."""
    return f"{index:05}.npy"


@contextlib.contextmanager
def open_store(out: Path | None, name: str = RESULTS, keep_maps: bool = False) -> Iterator[Store]:
    """A store in a folder that no other run may write to meanwhile; in a temporary one if `out` is None.

    Raises:
        DatasetError: another run writes there, or the files there are not those of this version.
    """
    with contextlib.ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="maeday-")))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(alone_in(folder))
        work = folder if name == RESULTS else folder / Path(name).stem
        work.mkdir(exist_ok=True)
        store = Store(work, folder / name, keep_maps)
        for share in (work / WORKERS).glob("*"):  # of a run that was killed
            store.take(Store(share, share / RESULTS, keep_maps))
        shutil.rmtree(work / WORKERS, ignore_errors=True)
        yield store
