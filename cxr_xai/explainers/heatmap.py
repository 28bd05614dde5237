"""The maps of explainers made displayable; defined in `cxr_xai.heatmap`, which metrics use too."""

from cxr_xai.heatmap import FLAT, RESIZE_RULE, make_heatmap, resize_heatmaps

__all__ = ["FLAT", "RESIZE_RULE", "make_heatmap", "resize_heatmaps"]
