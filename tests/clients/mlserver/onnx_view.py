"""An MLServer model that runs one view of a Touchstone model on ONNX Runtime. MLServer has no ONNX runtime of its own; this is all it takes.

`parameters.uri` names the ONNX file; inputs and outputs in model-settings.json are what its metadata tells clients.
"""
import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class OnnxView(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.settings.parameters.uri, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        pixels = payload.inputs[0]
        tensor = np.asarray(pixels.data.root, dtype=np.float32).reshape(pixels.shape)
        wanted = [output.name for output in payload.outputs or []] or [output.name for output in self.settings.outputs]
        # One square at a time, as the embedded backend does: the memory of one square, and no square that depends on another.
        squares = [self.session.run(wanted, {pixels.name: tensor[index : index + 1]}) for index in range(len(tensor))]
        outputs = [np.concatenate(parts) for parts in zip(*squares)]
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                ResponseOutput(name=name, datatype="FP32", shape=list(values.shape), data=values.ravel().tolist())
                for name, values in zip(wanted, outputs)
            ],
        )  # fmt: skip
