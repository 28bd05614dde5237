"""Pictures as text, so that a page needs no second file."""

import base64

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.errors import UserError
from cxr_xai.visualization.panel import CAPTION_HEIGHT

Picture = npt.NDArray[np.uint8]

GAP = 2


def embed_picture(picture: Picture, quality: int = 82) -> str:
    """Return a picture as a ``data:image/webp`` address.

    Args:
        picture: ``(H, W)`` gray or ``(H, W, 3)`` RGB.
        quality: of WebP, 1 to 100.

    Raises:
        UserError: the installed OpenCV cannot write WebP.
    """
    ordered = picture[..., ::-1] if picture.ndim == 3 else picture
    done, buffer = cv2.imencode(".webp", np.ascontiguousarray(ordered), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise UserError("could not encode a picture as WebP: check the installation of opencv-python-headless")
    return "data:image/webp;base64," + base64.b64encode(buffer.tobytes()).decode("ascii")


def encode_png(picture: Picture) -> bytes:
    """Return ``(H, W)`` gray or ``(H, W, 3)`` RGB as the bytes of a PNG file."""
    ordered = picture[..., ::-1] if picture.ndim == 3 else picture
    return cv2.imencode(".png", np.ascontiguousarray(ordered))[1].tobytes()


def crop_caption(panel: Picture) -> Picture:
    """Return a panel of ``draw_panel`` without the caption under it."""
    return panel[: panel.shape[0] - CAPTION_HEIGHT]


def split_panel(panel: Picture) -> tuple[Picture, Picture]:
    """Return the two halves of a panel of ``draw_panel``, film and overlay, without caption.

    >>> [half.shape for half in split_panel(np.zeros((278, 514, 3), np.uint8))]
    [(256, 256, 3), (256, 256, 3)]
    """
    picture = crop_caption(panel)
    side = (picture.shape[1] - GAP) // 2
    return picture[:, :side], picture[:, side + GAP :]
