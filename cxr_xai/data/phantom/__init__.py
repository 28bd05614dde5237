"""A chest phantom: synthetic radiographs with known findings, written in the layout of NIH ChestX-ray14."""

from cxr_xai.data.phantom.draw import draw_studies, draw_study
from cxr_xai.data.phantom.read import read_mask, read_spec
from cxr_xai.data.phantom.render import RenderedStudy, render
from cxr_xai.data.phantom.spec import SHORTCUTS, PhantomSpec, PhantomStudy
from cxr_xai.data.phantom.write import write_phantom

__all__ = [
    "SHORTCUTS",
    "PhantomSpec",
    "PhantomStudy",
    "RenderedStudy",
    "draw_studies",
    "draw_study",
    "read_mask",
    "read_spec",
    "render",
    "write_phantom",
]
