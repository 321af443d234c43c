"""Proof that the log is whole and unchanged: C2SP tlog formats, the sealer, what checks its log.

The formats (`merkle`, `tiles`, `note`, `checkpoint`, `log_proof`, `policy`, `block`) are pure.
"""

from audit_seal.block import BLOCK_SLOTS, EMPTY_SLOT, SALT_BYTES, SLOT_BYTES, Block, Kind, slot_of
from audit_seal.bundle import Bundle, prove
from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, ProofError, SealError, SignatureError
from audit_seal.index_retirement import IndexRetirement
from audit_seal.keys import has_log
from audit_seal.log_proof import LogProof
from audit_seal.note import COSIGNATURE, ED25519, Note, Signature, SigningKey, VerifierKey
from audit_seal.place_index import PlaceIndex
from audit_seal.policy import Cosigned, Policy, Verdict, Witness
from audit_seal.sealing import Sealing, SealState, seal_state, sealing_of
from audit_seal.service import cluster_id, initialize, seal_now
from audit_seal.settings import SealSettings
from audit_seal.verification_text import equation
from audit_seal.verify import verify_log

__all__ = [
    "BLOCK_SLOTS",
    "COSIGNATURE",
    "ED25519",
    "EMPTY_SLOT",
    "SALT_BYTES",
    "SLOT_BYTES",
    "Block",
    "Bundle",
    "Checkpoint",
    "Cosigned",
    "FormatError",
    "IndexRetirement",
    "Kind",
    "LogProof",
    "Note",
    "PlaceIndex",
    "Policy",
    "ProofError",
    "SealError",
    "SealSettings",
    "SealState",
    "Sealing",
    "Signature",
    "SignatureError",
    "SigningKey",
    "Verdict",
    "VerifierKey",
    "Witness",
    "cluster_id",
    "equation",
    "has_log",
    "initialize",
    "prove",
    "seal_now",
    "seal_state",
    "sealing_of",
    "slot_of",
    "verify_log",
]
