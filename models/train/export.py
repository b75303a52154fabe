#!/usr/bin/env python3
"""Turn a checkpoint into the ONNX file that the product loads.

export.py CHECKPOINT OUT.onnx [--side 224]

Input `pixels` float32 [N,3,S,S] (RGB, normalised by the card's mean and std), outputs `image_logit` [N] and `patch_logits` [N,rows,cols]; N is free.
Batch norms are folded into the convolutions, and weights are stored as float16 with a cast in front, which ONNX Runtime folds when it loads the file: half the
bytes, the same arithmetic. The graph is written node by node: it has five kinds of nodes, and no exporter of torch needs to be trusted or installed.
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
        left, right, top, bottom = pad.padding if isinstance(pad, torch.nn.ZeroPad2d) else (0, 0, 0, 0)
        out = self.node(
            "Conv", [x, self.half(weight), self.constant(bias.astype(np.float32))],
            kernel_shape=list(conv.kernel_size), strides=list(conv.stride), group=conv.groups, pads=[top, left, bottom, right],
        )  # fmt: skip
        return self.node("Clip", [out, self.zero, self.six]) if relu else out


def build(net: network.Patches, side: int) -> onnx.ModelProto:
    graph, body = Graph(), net.body
    graph.zero, graph.six = (graph.constant(np.float32(v)) for v in (0, 6))
    x = graph.convolution("pixels", body._conv_stem, body._bn0, relu=True)
    for block in body._blocks:
        before = x
        if hasattr(block, "_expand_conv"):
            x = graph.convolution(x, block._expand_conv, block._bn0, relu=True)
        x = graph.convolution(x, block._depthwise_conv, block._bn1, relu=True)
        x = graph.convolution(x, block._project_conv, block._bn2)
        args = block._block_args
        if block.id_skip and args.stride == 1 and args.input_filters == args.output_filters:
            x = graph.node("Add", [x, before])
    x = graph.convolution(x, body._conv_head, body._bn1, relu=True)
    both = graph.convolution(x, net.head)
    first, second, axis = (graph.constant(np.array([v], np.int64)) for v in (0, 1, 1))
    logit, weight = (graph.node("Gather", [both, index], axis=1) for index in (first, second))
    patches = graph.node("Squeeze", [logit, axis], "patch_logits")
    flat = graph.constant(np.array([0, -1], np.int64))
    share = graph.node("Softmax", [graph.node("Reshape", [weight, flat])], axis=1)
    graph.node("ReduceSum", [graph.node("Mul", [graph.node("Reshape", [patches, flat]), share]), axis], "image_logit", keepdims=0)
    cells = side // network.STRIDE
    made = helper.make_graph(
        graph.nodes, "touchstone",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("image_logit", TensorProto.FLOAT, ["n"]),
         helper.make_tensor_value_info("patch_logits", TensorProto.FLOAT, ["n", cells, cells])],
        graph.weights,
    )  # fmt: skip
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], producer_name="touchstone")
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out")
    parser.add_argument("--side", type=int, default=224)
    args = parser.parse_args()
    torch.set_num_threads(1)
    net = network.load(args.checkpoint)
    onnx.save(build(net, args.side), args.out)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(args.out, options, providers=["CPUExecutionProvider"])
    pixels = torch.rand(4, 3, args.side, args.side, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = [part.numpy() for part in net(pixels)]
    found = session.run(["image_logit", "patch_logits"], {"pixels": pixels.numpy()})
    difference = max(float(np.abs(a - b).max()) for a, b in zip(expected, found))
    best = 1e9
    for _ in range(10):
        start = time.perf_counter()
        session.run(None, {"pixels": pixels.numpy()})
        best = min(best, time.perf_counter() - start)
    print(f"{args.out}: largest difference to torch {difference:.5f} over logits up to {max(np.abs(expected[1]).max(), 0):.2f}, {best / 4 * 1000:.1f} ms a square")
    note(Path(args.out), args.checkpoint)


def note(out: Path, checkpoint: str) -> None:
    """Tell the card, if there is one, which file this is and how it was trained."""
    if not (out.parent / "model.toml").exists():
        return
    full = card.read(out.parent)
    for view in full["view"]:
        if view["file"] == out.name:
            view["sha256"] = card.sha256(out)
    done = train.phases(torch.load(checkpoint, map_location="cpu", weights_only=True))
    full["training"] = full.get("training", {}) | {"seed": done[0]["seed"], "crops": sum(phase["crops"] for phase in done),
                                                   "minutes": round(sum(phase["minutes"] for phase in done), 1), "phase": done}  # fmt: skip
    card.write(out.parent, full)


if __name__ == "__main__":
    main()
