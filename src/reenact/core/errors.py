"""The one exception that users see."""


class ReenactError(Exception):
    """Something the user can mend. Its message is one line that says what to do; the command line exits with 2."""
