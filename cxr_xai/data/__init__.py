"""From published files to batches: index, boxes, cache, splits, transforms, balancing, datamodule."""
