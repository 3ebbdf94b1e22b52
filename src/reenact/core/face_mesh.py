"""Facts about the 478-point face mesh that more than one layer needs: the landmarker's region, which points are what.

Indices are MediaPipe's. Right and left are the person's own in names, so the right eye lies on the picture's left.
"""

from __future__ import annotations

MESH_SIZE = 478
REGION_SIZE = 256
"""side of the mesh network's input, px"""
REGION_SCALE = 1.5
"""side of the square around a face / longer side of the box of its points (MediaPipe's face landmark graph)"""
RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""the square is turned so that these two lie level"""

BLENDSHAPE_POINTS = [
    int(number)
    for number in (
        "0 1 4 5 6 7 8 10 13 14 17 21 33 37 39 40 46 52 53 54 55 58 61 63 65 66 67 70 78 80 81 82 84 87 88 91 93 95 103 "
        "105 107 109 127 132 133 136 144 145 146 148 149 150 152 153 154 155 157 158 159 160 161 162 163 168 172 173 "
        "176 178 181 185 191 195 197 234 246 249 251 263 267 269 270 276 282 283 284 285 288 291 293 295 296 297 300 "
        "308 310 311 312 314 317 318 321 323 324 332 334 336 338 356 361 362 365 373 374 375 377 378 379 380 381 382 "
        "384 385 386 387 388 389 390 397 398 400 402 405 409 415 454 466 468 469 470 471 472 473 474 475 476 477 "
    ).split()
]
"""the 146 of the 478 points that are the blendshape network's input, in its order"""

LIPS = tuple(
    int(number)
    for number in (
        "61 146 91 181 84 17 314 405 321 375 291 409 270 269 267 0 37 39 40 185 "
        "78 95 88 178 87 14 317 402 318 324 308 415 310 311 312 13 82 81 80 191"
    ).split()
)
"""outer, then inner contour"""
RIGHT_LIDS = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_LIDS = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_IRIS, LEFT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)
"""centre, then four points of the rim"""
RIGHT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
LEFT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)

EYE_CORNERS = ((33, 133), (263, 362))
"""outer and inner corner of the right and of the left eye"""
LID_PAIRS = (((160, 144), (159, 145), (158, 153)), ((387, 373), (386, 374), (385, 380)))
"""points of the upper and lower lid that face each other, right and left eye"""
LIP_PAIRS = ((82, 87), (13, 14), (312, 317))
"""points of the upper and lower lip's inner contour that face each other"""
MOUTH_CORNERS = (61, 291)

ARCFACE_SIZE = 112
ARCFACE_POINTS = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""insightface's reference points, px of a 112x112 picture: right eye, left eye, nose tip, mouth corners"""
ARCFACE_GROUPS = ((33, 133, 159, 145), (362, 263, 386, 374), (1,), (61,), (291,))
"""the mesh points whose mean stands for each. ours: lids and corners, which do not follow the gaze as the iris does"""
