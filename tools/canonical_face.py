"""Writes src/reenact/faces/canonical_face.npz out of the landmarker's file: python tools/canonical_face.py

The canonical face lies there as a protocol buffer, read here field by field, so that no protobuf package is needed.
"""

import zipfile
from pathlib import Path

import numpy as np

FACES = Path(__file__).parent.parent / "src/reenact/faces"
VERTEX_SIZE = 5  # x, y, z, u, v


def canonical_arrays(task: Path) -> dict[str, np.ndarray]:
    """The arrays of reenact.faces.pose.CanonicalFace, indices as uint16."""
    with zipfile.ZipFile(task) as archive:
        metadata = fields(archive.read("geometry_pipeline_metadata_landmarks.binarypb"))
    mesh = fields(next(value for number, value in metadata if number == 1))
    floats = np.frombuffer(b"".join(value for number, value in mesh if number == 3), "<f4")
    points = floats.reshape(-1, VERTEX_SIZE)[:, :3] * np.float32([1, -1, 1])
    triangles = np.array([value for number, value in mesh if number == 4], np.uint16).reshape(-1, 3)
    weights = np.zeros(len(points), np.float32)
    for number, value in metadata:
        if number == 2:
            basis = dict(fields(value))
            weights[int(basis.get(1, 0))] = np.frombuffer(basis[2], "<f4")[0]
    low, high = points.min(0), points.max(0)
    # ours: origin in the middle of the face's box but as deep as its rearmost points, near where a head turns.
    origin = np.float32([0, (low[1] + high[1]) / 2, low[2]])
    points = (points - origin) / (high[1] - low[1])
    mirrored = points * np.float32([-1, 1, 1])
    mirror = np.linalg.norm(mirrored[:, None] - points[None], axis=-1).argmin(1).astype(np.uint16)
    return {"points": points, "triangles": triangles, "weights": weights, "mirror": mirror}


def fields(message: bytes) -> list[tuple[int, bytes | int]]:
    """A protocol buffer message as (field number, value) pairs: numbers for varints, bytes for the rest."""
    out: list[tuple[int, bytes | int]] = []
    position = 0
    while position < len(message):
        key, position = varint(message, position)
        number, wire = key >> 3, key & 7
        value: bytes | int
        if wire == 0:
            value, position = varint(message, position)
        else:
            length, position = varint(message, position) if wire == 2 else ((4 if wire == 5 else 8), position)
            value, position = message[position : position + length], position + length
        out.append((number, value))
    return out


def varint(message: bytes, position: int) -> tuple[int, int]:
    """The number that begins at `position`, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position


if __name__ == "__main__":
    np.savez_compressed(FACES / "canonical_face.npz", **canonical_arrays(FACES / "face_landmarker.task"))
