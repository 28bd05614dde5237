"""What is wrong with a film."""


class BadFilm(Exception):
    """A film whose contents cannot be used; the message is the reason, in the words of the quarantine list."""
