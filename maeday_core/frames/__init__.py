"""Frames: foreign objects in folders, zip archives and videos (Section 4.3 of the paper), at the camera's own detail.

`FrameRun.look` runs the model, frame by frame, and keeps what it measured on disk, so that nothing is lost and nothing
is done twice. `FrameRun.judge` runs no model: it decides what is normal for the frames, and from that the threshold,
the verdicts and the objects. So the threshold, an ignored region or the least area of an object can change at any time.
"""

from maeday_core.frames.records import FrameRecord
from maeday_core.frames.run import FrameRun
from maeday_core.frames.sources import Frame, Sources
from maeday_core.frames.verdict import Judgement, Verdict
from maeday_core.io.folders import LeftOut

__all__ = ["Frame", "FrameRecord", "FrameRun", "Judgement", "LeftOut", "Sources", "Verdict"]
