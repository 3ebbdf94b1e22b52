"""Meshes: one step of Catmull-Clark as a matrix, triangles, and parts that ride on the base mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float32, Int64

from reenact.synth.formats import Face


@dataclass(frozen=True)
class Part:
    """A mesh of n vertices, each a weighted sum of base mesh vertices plus an offset.

    Corners are vertices split where the texture has a seam; triangles name corners.
    """

    matrix: sp.csr_matrix
    """[n, base vertices]"""
    offset: Float32[np.ndarray, "n 3"]
    uv: Float32[np.ndarray, "corners 2"]
    vertex: Int64[np.ndarray, " corners"]
    """each corner's vertex"""
    triangles: Int64[np.ndarray, "faces 3"]

    def place(self, base: np.ndarray, offset_scale: np.ndarray | float = 1.0) -> Float32[np.ndarray, "n 3"]:
        """Where the vertices are when the base mesh has these."""
        return (self.matrix @ base + self.offset * offset_scale).astype(np.float32)


@dataclass(frozen=True)
class Subdivision:
    """One step: new vertices = positions @ old ones, likewise texture coordinates; all faces are quads."""

    positions: sp.csr_matrix
    uv: sp.csr_matrix
    quads: Int64[np.ndarray, "faces 4"]
    uv_quads: Int64[np.ndarray, "faces 4"]


def make_part(matrix: sp.csr_matrix, offset: np.ndarray | None, uv: np.ndarray, faces: list[Face], uv_faces: list[Face]) -> Part:
    """A part out of polygons; vertices that no face uses are dropped."""
    pairs = np.stack([_triangles(faces), _triangles(uv_faces)], -1).reshape(-1, 2)
    corners, triangles = np.unique(pairs, axis=0, return_inverse=True)
    used, vertex = np.unique(corners[:, 0], return_inverse=True)
    place = np.zeros((len(used), 3), np.float32) if offset is None else offset[used].astype(np.float32)
    return Part(matrix[used].tocsr(), place, uv[corners[:, 1]].astype(np.float32), vertex, triangles.reshape(-1, 3))


def _triangles(faces: list[Face]) -> Int64[np.ndarray, "triangles 3"]:
    return np.array([(face[0], face[k], face[k + 1]) for face in faces for k in range(1, len(face) - 1)], np.int64)


def normals(
    points: Float32[np.ndarray, "n 3"], triangles: Int64[np.ndarray, "faces 3"], gather: sp.csr_matrix
) -> Float32[np.ndarray, "n 3"]:
    """Unit vertex normals. gather: [n, faces] ones where a face has the vertex (`incidence`)."""
    corner = points[triangles[:, 0]]
    face = np.cross(points[triangles[:, 1]] - corner, points[triangles[:, 2]] - corner)
    total = gather @ face
    return (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def incidence(triangles: Int64[np.ndarray, "faces 3"], count: int) -> sp.csr_matrix:
    """[count, faces]: one where the face has the vertex."""
    faces = np.repeat(np.arange(len(triangles)), 3)
    return sp.csr_matrix((np.ones(faces.size, np.float32), (triangles.ravel(), faces)), (count, len(triangles)))


def catmull_clark(faces: list[Face], uv_faces: list[Face], vertices: int, uvs: int) -> Subdivision:
    """One step of Catmull-Clark on quads (a triangle repeats its last corner); texture coordinates are interpolated."""
    quads, uv_quads = (np.array([face if len(face) == 4 else [*face, face[-1]] for face in part]) for part in (faces, uv_faces))
    edges, of_face = _edges(quads)
    face_rows = np.arange(len(quads))
    centre = _matrix(np.repeat(face_rows, 4), quads.ravel(), len(quads), vertices) / 4
    middle = _matrix(np.repeat(np.arange(len(edges)), 2), edges.ravel(), len(edges), vertices) / 2
    at_edge = _matrix(of_face.ravel(), np.repeat(face_rows, 4), len(edges), len(quads))
    border = np.asarray(at_edge.sum(1)).ravel() < 2
    edge = _scale(np.where(border, 1, 0.5)) @ middle + _scale(np.where(border, 0, 0.25)) @ (at_edge @ centre)
    corner = _vertex_rule(quads, edges, border, centre, middle, vertices)
    uv_edges, of_uv_face = _edges(uv_quads)
    uv_middle = _matrix(np.repeat(np.arange(len(uv_edges)), 2), uv_edges.ravel(), len(uv_edges), uvs) / 2
    uv_centre = _matrix(np.repeat(face_rows, 4), uv_quads.ravel(), len(quads), uvs) / 4
    return Subdivision(
        sp.vstack([corner, edge, centre]).tocsr(),
        sp.vstack([sp.identity(uvs), uv_middle, uv_centre]).tocsr(),
        _split(quads, of_face, vertices, len(edges)),
        _split(uv_quads, of_uv_face, uvs, len(uv_edges)),
    )


def _vertex_rule(quads, edges, border, centre, middle, vertices: int) -> sp.csr_matrix:
    to_face = _matrix(quads.ravel(), np.repeat(np.arange(len(quads)), 4), vertices, len(quads))
    to_edge = _matrix(edges.ravel(), np.repeat(np.arange(len(edges)), 2), vertices, len(edges))
    faces, count = (np.asarray(m.sum(1)).ravel() for m in (to_face, to_edge))
    to_border = to_edge @ _scale(border.astype(float))
    borders = np.asarray(to_border.sum(1)).ravel()
    n, inner, rim = np.maximum(faces, 1), (borders == 0) & (faces > 0), borders > 0
    smooth = _scale(inner / n**2) @ (to_face @ centre) + _scale(2 * inner / (n * np.maximum(count, 1))) @ (to_edge @ middle)
    smooth = smooth + _scale(inner * (n - 3) / n)
    along = _scale(rim * 0.5) + _scale(rim * 0.5 / np.maximum(borders, 1)) @ (to_border @ middle)
    return smooth + along + _scale((faces == 0).astype(float))


def _edges(quads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The edges, and for each quad the numbers of its four."""
    pairs = np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1)
    edges, number = np.unique(pairs, axis=0, return_inverse=True)
    return edges, number.reshape(-1, 4)


def _split(quads: np.ndarray, of_face: np.ndarray, corners: int, edges: int) -> np.ndarray:
    centre = corners + edges + np.arange(len(quads))
    parts = [np.stack([quads[:, k], corners + of_face[:, k], centre, corners + of_face[:, k - 1]], 1) for k in range(4)]
    return np.stack(parts, 1).reshape(-1, 4)


def _matrix(rows: np.ndarray, columns: np.ndarray, height: int, width: int) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), (height, width))


def _scale(values: np.ndarray) -> sp.dia_matrix:
    return sp.diags(values)
