"""A release of the published size without pixels: what reading and dividing 112,120 studies is measured on."""

from pathlib import Path

import numpy as np
import pandas as pd

from cxr_xai.findings import BOXED, FINDINGS

ROWS, PATIENTS, BOXES, TEST_PATIENTS = 112_120, 30_805, 984, 2_797
PREVALENCE = (0.103, 0.025, 0.119, 0.177, 0.052, 0.056, 0.013, 0.047, 0.042, 0.021, 0.022, 0.015, 0.030, 0.002)
"""Of the 14 findings in the release, in their order."""


def write_release(root: Path) -> None:
    """Write label file, boxes, lists and empty image files in twelve folders; labels cluster within patients."""
    random = np.random.default_rng(0)
    # One image each, and the rest by a skewed activity: most have one or two, a few have far over a hundred.
    activity = random.pareto(1.5, PATIENTS) + 0.1
    more = random.choice(PATIENTS, ROWS - PATIENTS, p=activity / activity.sum())
    patient = np.sort(np.concatenate([np.arange(PATIENTS), more])) + 1
    follow = np.arange(ROWS) - np.searchsorted(patient, patient)
    images = np.array([f"{p:08d}_{f:03d}.png" for p, f in zip(patient, follow, strict=True)])
    sick = random.gamma(0.4, 2.5, (PATIENTS + 1, len(FINDINGS)))
    has = random.random((ROWS, len(FINDINGS))) < sick[patient] * np.array(PREVALENCE)
    labels = ["|".join(np.array(FINDINGS)[row]) or "No Finding" for row in has]
    table = pd.DataFrame({"Image Index": images, "Finding Labels": labels, "Follow-up #": follow})
    table["Patient ID"], table["Patient Age"] = patient, random.integers(1, 95, ROWS)
    table["Patient Gender"] = np.where(random.random(ROWS) < 0.5, "M", "F")
    table["View Position"] = np.where(random.random(ROWS) < 0.6, "PA", "AP")
    for name in ("OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]"):
        table[name] = 2048
    root.mkdir(parents=True)
    table.to_csv(root / "Data_Entry_2017_v2020.csv", index=False)
    test = patient > PATIENTS - TEST_PATIENTS
    (root / "test_list.txt").write_text("\n".join(images[test]))
    (root / "train_val_list.txt").write_text("\n".join(images[~test]))
    boxed = random.choice(np.flatnonzero(test), BOXES, replace=False)
    lines = [f"{images[row]},{BOXED[number % len(BOXED)]},10,10,100,100" for number, row in enumerate(boxed)]
    (root / "BBox_List_2017.csv").write_text("\n".join(["Image Index,Finding Label,Bbox [x,y,w,h],,,", *lines]) + "\n")
    for number in range(12):
        folder = root / f"images_{number + 1:03d}" / "images"
        folder.mkdir(parents=True)
        for image in images[number::12]:
            (folder / image).touch()
