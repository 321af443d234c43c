"""What can be wrong with a log, a note or a proof."""

__all__ = [
    "FormatError",
    "HistoryError",
    "ProofError",
    "SealError",
    "SignatureError",
    "StampError",
    "WitnessError",
]


class SealError(Exception):
    """Something about the sealed log can't be done or is not as it must be; says what."""


class FormatError(SealError):
    """Bytes that are not in the form that their standard or ours demands."""


class ProofError(SealError):
    """A proof that does not prove what it is for."""


class SignatureError(SealError):
    """A signature that is missing, or is not of the key that it names."""


class StampError(SealError):
    """A time stamp that is missing, wrong, or not of an authority that is trusted."""


class WitnessError(SealError):
    """A witness does not cosign: it can't be reached, or answers what can't be used."""


class HistoryError(WitnessError):
    """A witness has seen another history of the log, or a longer one."""
