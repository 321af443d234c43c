"""Notes, keys, checkpoints and proofs: the examples of C2SP byte for byte, and what is refused."""

from base64 import b64decode, b64encode

import pytest
from audit_seal import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    FormatError,
    LogProof,
    Note,
    ProofError,
    Signature,
    SignatureError,
    SigningKey,
    VerifierKey,
)
from audit_seal.merkle import leaf_hash, node_hash
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

SIGNED_NOTE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SIGNED_NOTE = """\
This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""  # noqa: E501 - as the standard has it
POEM = """\
Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""  # noqa: E501
COSIGNED = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501
EXTRA = "YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ"
PROOF_HEAD = f"""\
c2sp.org/tlog-proof@v1
extra {EXTRA}
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

"""
"""The standard's example up to its checkpoint, whose signatures the standard elides."""


def key(name: str = "log.example/1", kind: int = ED25519) -> SigningKey:
    """Make a key that is the same in every run."""
    assert kind in (ED25519, COSIGNATURE)
    seed = f"{name} {kind}".ljust(32).encode()[:32]
    return SigningKey(name, kind, Ed25519PrivateKey.from_private_bytes(seed))


def test_the_example_of_signed_note_verifies() -> None:
    """The key and the note that the standard has, and no other text."""
    verifier = VerifierKey.parse(SIGNED_NOTE_KEY)
    note = Note.parse(SIGNED_NOTE)
    assert SIGNED_NOTE_KEY == str(verifier)
    assert "This is an example message.\n" == note.text
    assert note.verify(verifier) == 0
    changed = Note("This is an example message!\n", note.signatures)
    with pytest.raises(SignatureError, match=r"The signature of example\.com/foo is wrong"):
        changed.verify(verifier)


@pytest.mark.parametrize("example", [SIGNED_NOTE, POEM, COSIGNED])
def test_an_example_of_the_standards_is_written_as_it_was_read(example: str) -> None:
    """Also one with an empty line in its text; from characters and from bytes."""
    assert example == str(Note.parse(example)) == str(Note.parse(example.encode()))


def test_the_example_of_checkpoints_is_read() -> None:
    """Its lines, and of the cosignature the time that the standard gives for it."""
    note = Note.parse(COSIGNED)
    checkpoint = Checkpoint.parse(note.text)
    assert ("example.com/behind-the-sofa", 20852163) == (checkpoint.origin, checkpoint.size)
    assert b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=") == checkpoint.root
    assert checkpoint.text == note.text
    assert 1679315147 == int.from_bytes(note.signatures[1].value[:8], "big")


def test_a_cosignature_signs_the_message_of_the_standard() -> None:
    """Byte for byte, with the example's time and text."""
    witness = key("witness.example.com/w1", COSIGNATURE)
    text = Note.parse(COSIGNED).text
    signature = witness.sign(text, 1679315147)
    message = (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert bytes.fromhex("00000000641850cb") == signature.value[:8]
    witness.private.public_key().verify(signature.value[8:], message)
    assert 1679315147 == witness.verifier.verify(text, signature)


def test_the_example_of_proofs_is_written_as_it_was_read() -> None:
    """Its index and hashes, with a checkpoint that is whole."""
    proof = LogProof.parse(PROOF_HEAD + COSIGNED)
    assert (73894, 5, b64decode(EXTRA)) == (proof.index, len(proof.hashes), proof.extra)
    assert PROOF_HEAD + COSIGNED == str(proof)
    with pytest.raises(ProofError):
        proof.verify(b"an entry that is not in it")


NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="+"), min_size=1, max_size=30
)


@given(NAMES, st.sampled_from([ED25519, COSIGNATURE]))
def test_a_key_is_written_as_it_was_read(name: str, kind: int) -> None:
    """Any name without spaces and plus, also one that isn't ASCII."""
    verifier = key(name, kind).verifier
    assert verifier == VerifierKey.parse(str(verifier))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=200))
def test_any_text_is_signed_and_read_back(text: str) -> None:
    """A note ends at its last empty line, so its text may have some."""
    signed = Note(f"{text}\n").signed_by(key(), key("w", COSIGNATURE), time=1_700_000_000)
    found = Note.parse(str(signed).encode())
    assert signed == found
    assert found.verify(key().verifier) == 0
    assert found.verify(key("w", COSIGNATURE).verifier) == 1_700_000_000


def test_signatures_of_unknown_keys_are_ignored() -> None:
    """Also one with the known key's name; a wrong one with its name and ID is not."""
    known, text = key(), "text\n"
    other = SigningKey(known.name, ED25519, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    note = Note(text).signed_by(other, known, key("someone"))
    assert note.verify(known.verifier) == 0
    with pytest.raises(SignatureError, match=r"There is no signature of log\.example/1"):
        Note(text).signed_by(other).verify(known.verifier)
    forged = Signature(known.name, known.verifier.key_id, other.sign(text).value)
    with pytest.raises(SignatureError, match="is wrong"):
        note.with_signatures([forged]).verify(known.verifier)


def test_a_cosignature_without_a_time_is_refused() -> None:
    """Zero says nothing, and nobody can show a time past the year 9999; the standard has more."""
    witness = key("w", COSIGNATURE)
    for time in (0, 253_402_300_800, 2**50, 2**63):
        with pytest.raises(FormatError, match=f"A cosignature has a time; {time} is not one"):
            witness.sign("text\n", time)
        message = f"cosignature/v1\ntime {time}\ntext\n".encode()
        value = time.to_bytes(8, "big") + witness.private.sign(message)
        with pytest.raises(SignatureError, match="has no time"):
            witness.verifier.verify("text\n", Signature("w", witness.verifier.key_id, value))


SIGNATURE_LINE = str(key().sign("text\n"))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"text\n", "no signature"),
        (b"text\n\n", "no signature"),
        (f"text\n\n{SIGNATURE_LINE}".encode(), "no signature"),
        (f"text\n{SIGNATURE_LINE}\n".encode(), "no signature"),
        (f"text\r\n\n{SIGNATURE_LINE}\n".encode(), "control characters"),
        (f"text\t\n\n{SIGNATURE_LINE}\n".encode(), "control characters"),
        (b"text\xff\n\n" + f"{SIGNATURE_LINE}\n".encode(), "not UTF-8"),
        (f"text\n\n{SIGNATURE_LINE[2:]}\n".encode(), "is not a signature"),
        (f"text\n\n{SIGNATURE_LINE} x\n".encode(), "is not a signature"),
        ("text\n\n— name AAAA\n".encode(), "is not a signature"),
        ("text\n\n— na+me AAAAAAA=\n".encode(), "is not a signature"),
        ("text\n\n— name AAAAAA\n".encode(), "not base 64"),
        ("text\n\n— name AAAAAAB=\n".encode(), "usual form"),
        ("text\n\n— name AAAA_AA=\n".encode(), "not base 64"),
        ("text\n\n" + f"{SIGNATURE_LINE}\n" * 101, "more than 100 signatures"),
        (bytes(1_000_001), "at most 1000000 are read"),
        ("\ud800\n\n" + f"{SIGNATURE_LINE}\n", "not UTF-8"),
    ],
)
def test_what_is_no_note_is_refused(raw: bytes | str, message: str) -> None:
    """Whatever is read otherwise by another program must not be read at all."""
    with pytest.raises(FormatError, match=message):
        Note.parse(raw)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "NAME\\+ID\\+KEY"),
        ("example.com/foo+530d903a", "not supported"),
        (SIGNED_NOTE_KEY.replace("530d903a", "530D903A"), "NAME\\+ID\\+KEY"),
        (SIGNED_NOTE_KEY.replace("530d903a", "530d903b"), "does not have the ID 530d903b"),
        (SIGNED_NOTE_KEY.replace("foo", "bar"), "does not have the ID"),
        (SIGNED_NOTE_KEY.replace("foo", "f oo"), "NAME\\+ID\\+KEY"),
        (SIGNED_NOTE_KEY[:-4], "not supported"),
        (SIGNED_NOTE_KEY.replace("Aeky", "Beky"), "not supported"),
        (SIGNED_NOTE_KEY + "=", "not base 64"),
    ],
)
def test_what_is_no_key_is_refused(text: str, message: str) -> None:
    """A key that was cut, changed or is of another kind."""
    with pytest.raises(FormatError, match=message):
        VerifierKey.parse(text)


ROOT = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"origin\n1\n{ROOT}",
        f"origin\n1\n{ROOT}\n\n",
        f"\n1\n{ROOT}\n",
        f"origin\n01\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n\u0661\n{ROOT}\n",
        f"origin\n{2**63}\n{ROOT}\n",
        f"origin\n1\n{ROOT[:-4]}\n",
        f"origin\n1\n{ROOT}\n\nextension\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """A line too few, an empty one, and a number or a root in another form."""
    with pytest.raises(FormatError):
        Checkpoint.parse(text)


def test_a_checkpoint_may_have_more_lines() -> None:
    """They are signed, and say nothing to us."""
    assert Checkpoint("origin", 1, bytes(32)) == Checkpoint.parse(f"origin\n1\n{ROOT}\nmore\n")


@pytest.mark.parametrize(
    ("find", "replace"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        (f"extra {EXTRA}", "extra "),
        ("index 73894", "index 073894"),
        ("index 73894\n", ""),
        ("index 73894", "index 73894 "),
        ("PlQ=\n", "PlR=\n"),
        ("\n\nexample", "\nexample"),
        ("index 73894\n", "index 73894\n" + f"{ROOT}\n" * 59),
    ],
)
def test_what_is_no_proof_is_refused(find: str, replace: str) -> None:
    """What another program would read in another way, or not at all."""
    with pytest.raises(FormatError):
        LogProof.parse((PROOF_HEAD + COSIGNED).replace(find, replace))


def test_a_proof_leads_to_its_checkpoint() -> None:
    """With a hash of another length, place or entry it leads nowhere."""
    entries = [b"one", b"two"]
    first, second = map(leaf_hash, entries)
    root = node_hash(first, second)
    note = Note(Checkpoint("log.example/1", 2, root).text).signed_by(key())
    assert Checkpoint("log.example/1", 2, root) == LogProof(0, (second,), note).verify(b"one")
    assert Checkpoint("log.example/1", 2, root) == LogProof(1, (first,), note).verify(b"two")
    for index, hashes, entry in [
        (0, (second,), b"two"),
        (1, (second,), b"one"),
        (2, (second,), b"one"),
        (0, (second[:-1],), b"one"),
        (0, (second, second), b"one"),
        (0, (), b"one"),
    ]:
        with pytest.raises(ProofError):
            LogProof(index, hashes, note).verify(entry)
