"""Subgroups of the test studies: how far AUROC, errors, calibration and localization differ, and how surely."""
