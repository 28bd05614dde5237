"""Radiologists' boxes on the grid of a feature map."""

import hashlib


def annotated(patient_id: str, fraction: float) -> bool:
    """Return whether a patient's boxes are used when only a fraction of the patients has any.

    A property of the patient, the same in every run, split and seed; those of a smaller fraction are among those of a
    larger one.

    >>> [patient for patient in "123456789" if annotated(patient, 0.3)], annotated("1", 0.0), annotated("1", 1.0)
    (['1', '5'], False, True)
    """
    digest = hashlib.sha256(f"annotated {patient_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64
