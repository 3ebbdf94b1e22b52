"""The exceptions that users see, and the category of the package's warnings."""


class ReenactError(Exception):
    """Something the user can mend. Its message is one line that says what to do; the command line exits with 2."""


class InputError(ReenactError):
    """A photo, video, sound, take or call that cannot be read as one."""


class NoFaceError(ReenactError):
    """A picture or a video in which no face is found where one is wanted."""


class WeightsError(ReenactError):
    """Weights, or what was measured on them, that are missing, damaged or do not belong together."""


class ReenactWarning(UserWarning):
    """What was done in another way than asked for, or left out."""
