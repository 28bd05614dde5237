"""A share of patients, chosen by nothing but who they are."""

import hashlib


def is_drawn(purpose: str, patient_id: str, share: float) -> bool:
    """Whether a patient belongs to a share of all, the same in every run, split and seed; larger shares hold smaller.

    Args:
        purpose: names the draw; other purposes draw other patients.
        patient_id: who.
        share: 0 draws nobody, 1 everybody.

    >>> [is_drawn("selection", "3", share) for share in (0.0, 0.2, 1.0)]
    [False, True, True]
    """
    digest = hashlib.sha256(f"{purpose} {patient_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
