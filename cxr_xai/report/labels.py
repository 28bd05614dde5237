"""Metrics as tables name them."""

LABELS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "f1": "F1",
    "ece": "ECE",
    "brier": "Brier",
    "ece_calibrated": "ECE calibrated",
    "brier_calibrated": "Brier calibrated",
    "precision": "Precision",
    "recall": "Sensitivity",
    "specificity": "Specificity",
    "accuracy": "Accuracy",
    "pointing": "Pointing",
    "energy": "Energy in box",
    "iou": "IoU",
    "skill": "Skill",
    "auroc_without": "AUROC without shortcuts",
    "reliance": "Reliance on shortcuts",
}
MEAN = "macro"
