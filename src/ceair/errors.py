"""The errors that ceair raises on purpose: each message is one sentence that says what is wrong and what to do."""


class CeairError(Exception):
    """Base of all errors below; the command line prints its message without a traceback."""


class ConfigError(CeairError):
    """A configuration has an unknown key, a value of the wrong type or a value out of range."""


class DataError(CeairError):
    """A data set, a folder or a benchmark is not as a command needs it."""


class ImageError(CeairError):
    """A file is no image that can be read, or an image cannot be written."""


class WeightsError(CeairError):
    """A file of weights is missing, damaged or made for another network."""


def on_one_line(name: object) -> str:
    """A file's name as messages show it: on one line, and printable anywhere, whatever characters it has."""
    text = str(name)
    return text if text.isprintable() else ascii(text)[1:-1]
