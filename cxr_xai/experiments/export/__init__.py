"""A run's network as one file that needs none of this package: ONNX or torch.export, with its maps."""
