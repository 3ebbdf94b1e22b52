"""Checks an .onnx before a runtime opens it: runtimes crash on what is damaged, and follow what it points to.

Reads protobuf's wire format (protobuf.dev/programming-guides/encoding) by the numbers of onnx.proto (ONNX IR version 9); no
weights are touched.
"""

from __future__ import annotations

from collections.abc import Iterator

OPERATORS = frozenset(
    "Abs Acos Add And ArgMax Asin Atan AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv"
    " ConvTranspose Cos CumSum DepthToSpace Div Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gelu"
    " Gemm GlobalAveragePool Greater GreaterOrEqual GridSample HardSigmoid HardSwish Identity InstanceNormalization"
    " LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Min Mod Mul Neg Not Or PRelu Pad Pow Range"
    " Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Resize Round ScatterElements"
    " ScatterND Selu Shape Sigmoid Sign Sin Slice Softmax Softplus SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh Tile TopK"
    " Transpose Unsqueeze Where".split()
)
"""arithmetic that ends: no loops, no branches, no state"""
DOMAINS = (b"", b"ai.onnx")
NAME_MAX = 512
NODES_MAX = 20_000
"""ours: the largest graph that ships has 900"""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MODEL_GRAPH, MODEL_FUNCTIONS = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE, GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE = 1, 5, 15, 11, 12, 13
NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 3, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPHS = 1, 5, (6, 11)
TENSOR_NAME, TENSOR_ELSEWHERE = 8, (13, 14)
VALUE_NAME = 1


def check_onnx(data: bytes) -> None:
    """Raises ValueError, which says what it is, for what is no graph of known operators that holds its own weights."""
    graphs = []
    for number, value in fields(memoryview(data)):
        if number == MODEL_FUNCTIONS:
            raise ValueError("it defines operators of its own")
        if number == MODEL_GRAPH:
            graphs.append(_bytes(value))
    if len(graphs) != 1:
        raise ValueError("it is no ONNX model")
    _check_graph(graphs[0])


def input_names(data: bytes) -> list[str]:
    """Names of a graph's inputs. Raises ValueError as `check_onnx` does."""
    graphs = [_bytes(value) for number, value in fields(memoryview(data)) if number == MODEL_GRAPH]
    inputs = (_bytes(value) for graph in graphs for number, value in fields(graph) if number == GRAPH_INPUT)
    return [_name(part).decode() for given in inputs for number, part in fields(given) if number == VALUE_NAME]


def _check_graph(graph: memoryview) -> None:
    known, nodes = {b""}, []
    for number, value in fields(graph):
        if number == GRAPH_NODE:
            nodes.append(_bytes(value))
        elif number == GRAPH_INITIALIZER:
            known.add(_tensor_name(_bytes(value)))
        elif number == GRAPH_SPARSE:
            raise ValueError("it has sparse weights")
        elif number in (GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE):
            names = [_name(part) for at, part in fields(_bytes(value)) if at == VALUE_NAME]
            known.update(names if number == GRAPH_INPUT else ())
    if not 0 < len(nodes) <= NODES_MAX:
        raise ValueError(f"it has {len(nodes)} operators")
    for node in nodes:
        _check_node(node, known)


def _check_node(node: memoryview, known: set[bytes]) -> None:
    operator, made = "", []
    for number, value in fields(node):
        if number == NODE_INPUT and _name(value) not in known:
            raise ValueError("an operator's input is no operator's output")
        if number == NODE_OUTPUT:
            made.append(_name(value))
        elif number == NODE_OPERATOR:
            operator = _name(value).decode()
        elif number == NODE_NAME:
            _name(value)
        elif number == NODE_DOMAIN and _name(value) not in DOMAINS:
            raise ValueError("it has an operator of somebody's own")
        elif number == NODE_ATTRIBUTE:
            _check_attribute(_bytes(value))
    if operator not in OPERATORS:
        raise ValueError(f"it has an operator that our graphs do not have ({operator[:40]})")
    known.update(made)


def _check_attribute(attribute: memoryview) -> None:
    for number, value in fields(attribute):
        if number in ATTRIBUTE_GRAPHS:
            raise ValueError("it has a graph within a graph (a loop or a branch)")
        if number == ATTRIBUTE_NAME:
            _name(value)
        elif number == ATTRIBUTE_TENSOR:
            _tensor_name(_bytes(value))


def _tensor_name(tensor: memoryview) -> bytes:
    name = b""
    for number, value in fields(tensor):
        if number in TENSOR_ELSEWHERE and value != 0:
            raise ValueError("its weights lie in other files")
        if number == TENSOR_NAME:
            name = _name(value)
    return name


def _name(value: memoryview | int) -> bytes:
    name = bytes(_bytes(value)[: NAME_MAX + 1])
    if len(name) > NAME_MAX or not name.isascii() or b"\0" in name:
        raise ValueError("a name in it is damaged")
    return name


def _bytes(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a field in it is damaged")
    return value


def fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Number and value of each field of a message: bytes, or a number (0 for those of fixed width). Raises ValueError."""
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire == BYTES:
            length, place = _varint(data, place)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
        else:
            raise ValueError("it is damaged")
        if place + length > end:
            raise ValueError("it is cut off")
        yield number, data[place : place + length] if wire == BYTES else 0
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("it is cut off")
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("it is damaged")
