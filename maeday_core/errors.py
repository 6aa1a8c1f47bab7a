"""The errors the engine raises on purpose: one sentence each, saying what is wrong and what to do."""

import re


class MaedayError(Exception):
    """Base of every error whose text is meant for the user."""


class ImageError(MaedayError):
    """A picture that cannot be decoded, or is over the limits."""


class WeightsError(MaedayError):
    """Weights that cannot be found, read, or matched to the model."""


class SettingsError(MaedayError, ValueError):
    """A setting outside its range."""


class OutputError(MaedayError):
    """A place that cannot be written to."""


class DatasetError(MaedayError):
    """A data set folder that does not hold what its layout promises."""


def first_sentence(error: BaseException) -> str:
    """The first sentence of an error's text, without its full stop; its type if there is no text."""
    return re.split(r"\n|\.\s", str(error).strip())[0].rstrip(".") or type(error).__name__
