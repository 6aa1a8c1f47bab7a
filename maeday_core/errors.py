"""The errors the engine raises on purpose: one sentence each, saying what is wrong and what to do."""


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
