import base64

import cv2
import numpy as np
import numpy.typing as npt

from cxr_xai.visualization.embed import crop_caption, embed_picture, encode_png, split_panel
from cxr_xai.visualization.panel import draw_panel


def decode(address: str) -> npt.NDArray[np.uint8]:
    head, _, body = address.partition(",")
    assert head == "data:image/webp;base64"
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(body), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)[..., ::-1]


def test_colors_come_back_in_order() -> None:
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[..., 0] = 220
    back = decode(embed_picture(picture, 95))
    assert back.shape == (32, 48, 3)
    assert back[16, 16, 0] > 190
    assert back[16, 16, 2] < 40


def test_gray_can_be_embedded() -> None:
    assert decode(embed_picture(np.full((16, 16), 128, np.uint8))).shape == (16, 16, 3)


def test_a_panel_is_cut_into_film_and_overlay() -> None:
    film = np.full((64, 64), 90, np.uint8)
    panel = draw_panel(film, np.ones((64, 64), np.float32), np.zeros((0, 4), np.float32), None, "caption")
    left, right = split_panel(panel)
    assert left.shape == right.shape == (256, 256, 3)
    assert (left == 90).all()
    assert (right[..., 0] != right[..., 2]).all()
    assert crop_caption(panel).shape == (256, 514, 3)


def test_a_png_keeps_every_pixel() -> None:
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)
    decoded = cv2.imdecode(np.frombuffer(encode_png(picture), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded, picture)
