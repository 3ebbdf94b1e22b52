"""Readers of the three file formats: Wavefront .obj, MakeHuman's .target and its proxies in three.js JSON."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

Face = list[int]


@dataclass(frozen=True)
class BaseMesh:
    vertices: Float64[np.ndarray, "n 3"]
    """x to the person's left, y up, z forward, in decimetres"""
    uv: Float64[np.ndarray, "m 2"]
    faces: list[Face]
    uv_faces: list[Face]
    face_groups: list[str]

    def group(self, name: str) -> Int64[np.ndarray, " k"]:
        """The vertices of all faces in the group."""
        return np.unique([v for face, group in zip(self.faces, self.face_groups, strict=True) if group == name for v in face])


@dataclass(frozen=True)
class Target:
    """A shape change: which vertices move, and how far at weight 1, dm."""

    vertices: Int64[np.ndarray, " k"]
    offsets: Float32[np.ndarray, "k 3"]


@dataclass(frozen=True)
class ProxyMesh:
    """A mesh that rides on the base mesh: each of its vertices is a weighted sum of three of that one, plus an offset."""

    faces: list[Face]
    uv_faces: list[Face]
    uv: Float64[np.ndarray, "m 2"]
    anchors: Int64[np.ndarray, "n 3"]
    weights: Float64[np.ndarray, "n 3"]
    offsets: Float64[np.ndarray, "n 3"]


def read_obj(path: Path) -> BaseMesh:
    """Vertices, texture coordinates, faces and their groups (g lines)."""
    vertices, uv, faces, uv_faces, groups, group = [], [], [], [], [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [corner.split("/") for corner in rest.split()]
            faces.append([int(corner[0]) - 1 for corner in corners])
            uv_faces.append([int(corner[1]) - 1 for corner in corners])
            groups.append(group)
    return BaseMesh(np.array(vertices), np.array(uv), faces, uv_faces, groups)


def read_target(path: Path) -> Target:
    """A .target or .target.gz file: lines of vertex, dx, dy, dz."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    rows = [line.split()[:4] for line in text.splitlines() if line and line[0] != "#" and not line.isspace()]
    table = np.array(rows, np.float64).reshape(-1, 4)
    return Target(table[:, 0].astype(np.int64), table[:, 1:].astype(np.float32))


def read_proxy(path: Path) -> ProxyMesh:
    """A MakeHuman proxy in three.js JSON (format 3: bit 0 of a face's type says quad, bits 1.. what else it lists)."""
    data = json.loads(path.read_text(encoding="utf-8"))
    stream, at = data["faces"], 0
    faces, uv_faces = [], []
    while at < len(stream):
        kind = stream[at]
        count = 4 if kind & 1 else 3
        at += 1
        faces.append(stream[at : at + count])
        at += count + bool(kind & 2) + bool(kind & 4)
        uv_faces.append(stream[at : at + count] if kind & 8 else [0] * count)
        at += count * bool(kind & 8) + bool(kind & 16) + count * bool(kind & 32) + bool(kind & 64) + count * bool(kind & 128)
    uv = np.array(data["uvs"][0], np.float64).reshape(-1, 2)
    anchors, weights, offsets = np.array(data["ref_vIdxs"]), np.array(data["weights"], float), np.array(data["offsets"], float)
    return ProxyMesh(faces, uv_faces, uv, anchors, weights, offsets)
