#!/usr/bin/env python3
"""Serve a Touchstone model with MLServer: one model a view, called <card's name>-<view's name>, as Touchstone asks for them.

serve.py MODEL_FOLDER WORK_FOLDER [--ports 8081 8082 8083]

Reads MODEL_FOLDER/model.toml and the ONNX files beside it, writes MLServer's settings into WORK_FOLDER, and becomes `mlserver start`.
Needs: pip install mlserver onnxruntime
"""
import argparse
import json
import os
import sys
import tomllib
from pathlib import Path

import onnxruntime


def outlets(nodes) -> list[dict]:
    """What a network takes or gives, in the protocol's words; −1 where a dimension is free."""
    return [{"name": node.name, "datatype": "FP32", "shape": [side if isinstance(side, int) else -1 for side in node.shape]} for node in nodes]


def write(model: Path, work: Path, ports: list[int]) -> None:
    card = tomllib.loads((model / "model.toml").read_text())
    http, grpc, metrics = ports
    settings = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0, "debug": False}
    work.mkdir(parents=True, exist_ok=True)
    (work / "settings.json").write_text(json.dumps(settings))
    for view in card["view"]:
        file = (model / view["file"]).resolve()
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        name = f"{card['name']}-{view['name']}"
        (work / name).mkdir(exist_ok=True)
        (work / name / "model-settings.json").write_text(json.dumps({
            "name": name, "implementation": "onnx_view.OnnxView", "parameters": {"uri": str(file)},
            "inputs": outlets(session.get_inputs()), "outputs": outlets(session.get_outputs()),
        }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--ports", type=int, nargs=3, default=[8081, 8082, 8083], metavar=("HTTP", "GRPC", "METRICS"))
    args = parser.parse_args()
    write(args.model, args.work, args.ports)
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent)
    mlserver = Path(sys.executable).parent / "mlserver"
    os.execv(mlserver, [str(mlserver), "start", str(args.work)])


if __name__ == "__main__":
    main()
