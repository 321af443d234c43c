"""What can go wrong while measuring; a figure that is not sure is no figure."""


class BenchError(Exception):
    """A phase failed or took too long; the message says which, and shows the end of a log."""
