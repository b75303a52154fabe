#!/usr/bin/env python3
"""Turn a checkpoint into the ONNX file that the product loads.

export.py CHECKPOINT OUT.onnx [--side 224]

Input `pixels` float32 [N,3,H,W] (RGB, normalised by the card's mean and std; N, H and W are free). Outputs for each view V (tiles, frame): `V_logit` [N],
`V_patches` [N,rows,columns], `V_families` [N,F] and `V_kinds` [N,K].
Batch norms are folded into the convolutions, and weights are stored as float16 with a cast in front, which ONNX Runtime folds when it loads the file: half the
bytes, the same arithmetic. The graph is written node by node: it has a dozen kinds of nodes, and no exporter of torch needs to be trusted or installed.
Prints the largest difference to torch and the time of a square on one thread. A model.toml beside OUT gets the file's SHA-256 and the facts of its training.
"""
import argparse
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

import card
import net as network
import train
from crops import VIEWS


class Graph:
    """Nodes and weights as they are added."""

    def __init__(self):
        self.nodes, self.weights, self.count = [], [], 0

    def node(self, kind: str, inputs: list[str], out: str | None = None, **attributes) -> str:
        self.count += 1
        out = out or f"t{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [out], name=f"{kind}_{self.count}", **attributes))
        return out

    def constant(self, array: np.ndarray) -> str:
        self.count += 1
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), f"w{self.count}"))
        return self.weights[-1].name

    def half(self, array: np.ndarray) -> str:
        return self.node("Cast", [self.constant(array.astype(np.float16))], to=TensorProto.FLOAT)

    def convolution(self, x: str, conv, norm=None, relu: bool = False) -> str:
        """A convolution with its batch norm folded in, and ReLU6 after it if wanted."""
        weight = conv.weight.detach().double().numpy()
        bias = conv.bias.detach().double().numpy() if conv.bias is not None else np.zeros(len(weight))
        if norm is not None:
            scale = (norm.weight / torch.sqrt(norm.running_var.double() + norm.eps)).detach().numpy()
            weight = weight * scale[:, None, None, None]
            bias = (bias - norm.running_mean.double().numpy()) * scale + norm.bias.detach().double().numpy()
        pad = getattr(conv, "static_padding", None)  # ZeroPad2d (left, right, top, bottom) or Identity
        left, right, top, bottom = pad.padding if isinstance(pad, torch.nn.ZeroPad2d) else (conv.padding[1],) * 2 + (conv.padding[0],) * 2
        out = self.node(
            "Conv", [x, self.half(weight), self.constant(bias.astype(np.float32))],
            kernel_shape=list(conv.kernel_size), strides=list(conv.stride), group=conv.groups, pads=[top, left, bottom, right],
        )  # fmt: skip
        return self.node("Clip", [out, self.zero, self.six]) if relu else out


def build(net: network.Patches) -> onnx.ModelProto:
    graph, body = Graph(), net.body
    graph.zero, graph.six = (graph.constant(np.float32(v)) for v in (0, 6))
    x = graph.convolution("pixels", body._conv_stem, body._bn0, relu=True)
    for index, block in enumerate(body._blocks):
        before = x
        if hasattr(block, "_expand_conv"):
            x = graph.convolution(x, block._expand_conv, block._bn0, relu=True)
        x = graph.convolution(x, block._depthwise_conv, block._bn1, relu=True)
        x = graph.convolution(x, block._project_conv, block._bn2)
        args = block._block_args
        if block.id_skip and args.stride == 1 and args.input_filters == args.output_filters:
            x = graph.node("Add", [x, before])
        if index == network.EARLY:
            early = x
    x = graph.convolution(x, body._conv_head, body._bn1, relu=True)
    integers = lambda *values: graph.constant(np.array(values, np.int64))
    first, second, last, axis, flat, column = integers(0), integers(1), integers(-1), integers(1), integers(0, -1), integers(0, -1, 1)
    channels = integers(0, 1280, -1)
    twice = graph.node(
        "Resize", [graph.convolution(x, net.what), "", graph.constant(np.array([1, 1, 2, 2], np.float32))],
        mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    joined = graph.node("Clip", [graph.node("Add", [graph.convolution(early, net.where), twice]), graph.zero, graph.six])
    cells = graph.node("Reshape", [x, channels])
    answers = []
    for view, head, finer in zip(VIEWS, net.heads, net.maps):
        both = graph.convolution(x, head)
        logit, weight = (graph.node("Gather", [both, index], axis=1) for index in (first, second))
        graph.node("Squeeze", [graph.convolution(joined, finer), axis], f"{view}_patches")
        share = graph.node("Softmax", [graph.node("Reshape", [weight, flat])], axis=1)
        graph.node("ReduceSum", [graph.node("Mul", [graph.node("Reshape", [logit, flat]), share]), axis], f"{view}_logit", keepdims=0)
        pooled = graph.node("Squeeze", [graph.node("MatMul", [cells, graph.node("Reshape", [share, column])]), last])
        answers += [(f"{view}_logit", ["n"]), (f"{view}_patches", ["n", "rows", "columns"])]
        for name, layer in (("families", net.family), ("kinds", net.kind)):
            weights = graph.constant(layer.weight.detach().numpy().astype(np.float32).T)
            product = graph.node("MatMul", [pooled, weights])
            graph.node("Add", [product, graph.constant(layer.bias.detach().numpy().astype(np.float32))], f"{view}_{name}")
            answers.append((f"{view}_{name}", ["n", len(layer.bias)]))
    made = helper.make_graph(
        graph.nodes, "touchstone",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "height", "width"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in answers],
        graph.weights,
    )  # fmt: skip
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], producer_name="touchstone")
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    return model


def difference(net: network.Patches, session, height: int, width: int) -> float:
    """The largest difference of any output to torch, on noise."""
    pixels = torch.rand(4, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    worst = 0.0
    for index, view in enumerate(VIEWS):
        with torch.no_grad():
            expected = net(pixels, torch.full((4,), index))
        found = session.run([f"{view}_{part}" for part in ("logit", "patches", "families", "kinds")], {"pixels": pixels.numpy()})
        worst = max(worst, *(float(np.abs(a.numpy() - b).max()) for a, b in zip(expected, found)))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out")
    parser.add_argument("--side", type=int, default=224)
    args = parser.parse_args()
    torch.set_num_threads(1)
    net = network.load(args.checkpoint)
    onnx.save(build(net), args.out)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(args.out, options, providers=["CPUExecutionProvider"])
    worst, pixels = max(difference(net, session, 224, 224), difference(net, session, 256, 320)), np.zeros((1, 3, args.side, args.side), np.float32)
    best = 1e9
    for _ in range(20):
        start = time.perf_counter()
        session.run(None, {"pixels": pixels})
        best = min(best, time.perf_counter() - start)
    print(f"{args.out}: largest difference to torch {worst:.5f}, {best * 1000:.1f} ms a square")
    note(Path(args.out), args.checkpoint)


def note(out: Path, checkpoint: str) -> None:
    """Tell the card, if there is one, which file this is and how it was trained."""
    if not (out.parent / "model.toml").exists():
        return
    full, state = card.read(out.parent), torch.load(checkpoint, map_location="cpu", weights_only=True)
    for view in full["view"]:
        if view["file"] == out.name:
            view["sha256"] = card.sha256(out)
    full["heads"] = full.get("heads", {}) | {"families": state["families"], "kinds": state["kinds"]}
    done = train.phases(state)
    full["training"] = full.get("training", {}) | {"seed": done[0]["seed"], "crops": sum(phase["crops"] for phase in done),
                                                   "minutes": round(sum(phase["minutes"] for phase in done), 1), "phase": done}  # fmt: skip
    card.write(out.parent, full)


if __name__ == "__main__":
    main()
