"""Policies: the example of C2SP tlog-policy, which signatures are enough, and what is refused."""

from itertools import chain, combinations

import pytest
from audit_seal import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Cosigned,
    FormatError,
    Note,
    Policy,
    SignatureError,
    SigningKey,
    Witness,
)

LOG = SigningKey.generate("log.example/1", ED25519)
WITNESSES = {
    name: SigningKey.generate(f"witness.example/{name}", COSIGNATURE)
    for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
}
KEYS = {name: str(witness.verifier) for name, witness in WITNESSES.items()}
EXAMPLE = f"""\
log {LOG.verifier}

witness X1 {KEYS["X1"]}
witness X2 {KEYS["X2"]}
witness X3 {KEYS["X3"]}
group X-witnesses 2 X1 X2 X3

witness Y1 {KEYS["Y1"]}
witness Y2 {KEYS["Y2"]}
witness Y3 {KEYS["Y3"]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
CHECKPOINT = Checkpoint(LOG.name, 7, bytes(32))
SIGNED = Note(CHECKPOINT.text).signed_by(LOG)
TIME = 1_700_000_000


def test_the_example_of_the_standard_demands_what_it_says() -> None:
    """Of all 64 sets of witnesses: those with two of X and one of Y."""
    policy = Policy.parse(EXAMPLE)
    names = list(WITNESSES)
    sets = list(chain.from_iterable(combinations(names, count) for count in range(7)))
    assert len(sets) == 64
    for names_of_set in sets:
        note = SIGNED.signed_by(*(WITNESSES[name] for name in names_of_set), time=TIME)
        letters = [name[0] for name in names_of_set]
        if letters.count("X") >= 2 and "Y" in letters:
            verdict = policy.verify(note)
            assert CHECKPOINT == verdict.checkpoint
            assert tuple(Cosigned(name, TIME) for name in names_of_set) == verdict.cosigned
        else:
            with pytest.raises(SignatureError, match=r"Not enough witnesses .*: X-and-Y"):
                policy.verify(note)


def test_a_line_may_have_an_address_more_space_and_a_comment_above() -> None:
    """Spaces and tabs, before, between and behind the words."""
    policy = Policy.parse(
        f"  # who is believed\n\tlog  {LOG.verifier}\thttps://log.example/ \n"
        f" witness\tX1 {KEYS['X1']} https://witness.example/x1\n \t\nquorum none"
    )
    assert (LOG.verifier,) == policy.logs
    address = "https://witness.example/x1"
    assert (Witness("X1", WITNESSES["X1"].verifier, address),) == policy.witnesses
    assert () == policy.verify(SIGNED).cosigned


def test_every_signature_of_a_known_key_must_be_right() -> None:
    """A wrong one of a witness is refused, although none is needed; of a stranger it is ignored."""
    policy = Policy.parse(f"log {LOG.verifier}\nwitness X1 {KEYS['X1']}\nquorum none\n")
    elsewhere = WITNESSES["X1"].sign(Checkpoint(LOG.name, 8, bytes(32)).text, TIME)
    with pytest.raises(SignatureError, match=r"The signature of witness\.example/X1 is wrong"):
        policy.verify(SIGNED.with_signatures([elsewhere]))
    stranger = WITNESSES["Y1"].sign("something else\n", TIME)
    policy.verify(SIGNED.with_signatures([stranger]))


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """Also one that a known log's key signed under another's name."""
    policy = Policy.parse(f"log {LOG.verifier}\nquorum none\n")
    with pytest.raises(SignatureError, match=r"not signed by log\.example/1"):
        policy.verify(Note(CHECKPOINT.text))
    other = Note(Checkpoint("log.example/2", 7, bytes(32)).text).signed_by(LOG)
    with pytest.raises(SignatureError, match=r"does not know the log log\.example/2"):
        policy.verify(other)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["witness X1 KEY"], "no quorum"),
        (["quorum X1"], "Line 1 of the policy: X1 is neither a witness"),
        (["quorum none", "quorum none"], "Line 2"),
        (["witness none KEY"], "none has a meaning"),
        (["witness X1 KEY", "witness X2 KEY"], "stands there twice"),
        (["witness X1 LOGKEY"], "not one for cosignatures"),
        (["log LOGKEY", "log LOGKEY"], "stands there twice"),
        (["witness X1 KEY", "group g 1 X1 X1"], "in a group already"),
        (["witness X1 KEY", "group g 1 X1", "group h 1 X1"], "in a group already"),
        (["group g 1 X1", "witness X1 KEY"], "not defined above"),
        (["witness X1 KEY", "group g 0 X1"], "At least 1"),
        (["witness X1 KEY", "group g 2 X1"], "At least 1"),
        (["witness X1 KEY", "group g \u0661 X1"], "At least 1"),
        (["witness X1 KEY", f"group g {'1' * 5000} X1"], "At least 1"),
        (["witness X1 KEY", "group X1 1 X1"], "X1 has a meaning already"),
        (["witness X1 KEY", "group g 1"], "not of a form"),
        (["mirror X1 KEY"], "not of a form"),
        (["quorum none\r"], "control characters"),
        (["quorum none", "# \0"], "control characters"),
    ],
)
def test_what_is_no_policy_is_refused(lines: list[str], message: str) -> None:
    """The message says which line."""
    text = "\n".join(lines).replace("LOGKEY", str(LOG.verifier)).replace("KEY", KEYS["X1"])
    with pytest.raises(FormatError, match=message):
        Policy.parse(text)
