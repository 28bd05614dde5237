"""Where to cut a heatmap: ``fixed`` (the headline's, a number), ``quantile``, ``otsu``, ``cross_fitted``."""
