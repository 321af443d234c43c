"""Proof that the log is whole and unchanged: C2SP tlog formats, blocks, statements.

Needs `cryptography` alone, and no server.
"""

from audit_seal.block import BLOCK_SLOTS, EMPTY_SLOT, SALT_BYTES, SLOT_BYTES, Block, Kind, slot_of
from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, ProofError, SealError, SignatureError
from audit_seal.log_proof import LogProof
from audit_seal.note import COSIGNATURE, ED25519, Note, Signature, SigningKey, VerifierKey
from audit_seal.policy import Cosigned, Policy, Verdict, Witness

__all__ = [
    "BLOCK_SLOTS",
    "COSIGNATURE",
    "ED25519",
    "EMPTY_SLOT",
    "SALT_BYTES",
    "SLOT_BYTES",
    "Block",
    "Checkpoint",
    "Cosigned",
    "FormatError",
    "Kind",
    "LogProof",
    "Note",
    "Policy",
    "ProofError",
    "SealError",
    "Signature",
    "SignatureError",
    "SigningKey",
    "Verdict",
    "VerifierKey",
    "Witness",
    "slot_of",
]
