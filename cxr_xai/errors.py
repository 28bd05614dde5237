"""The one error that is meant for people."""


class UserError(Exception):
    """Something the user can mend: the message says what was found, where, and what to do next.

    Scripts print it as one or two lines and exit with status 1; it never shows a traceback.
    """
