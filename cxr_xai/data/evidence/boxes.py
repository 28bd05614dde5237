"""Which training patients' boxes are used."""

import hashlib


def annotated(patient_id: str, fraction: float) -> bool:
    """Whether a patient's boxes are used: a property of patient and fraction; larger fractions hold smaller ones.

    >>> annotated("1", 0.0), annotated("1", 1.0)
    (False, True)
    """
    digest = hashlib.sha256(f"annotated {patient_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < fraction
