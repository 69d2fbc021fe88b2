"""PyTorch as a contender in training: one step of SGD on the network of model.json. Arguments: folder, device."""

import json
import os
import pathlib
import sys

import numpy
import torch
import torch.nn.functional as F
from torch import nn

from serve import serve


def same(x, kernel, stride, value=0.0):
    """TensorFlow's SAME padding, the odd one at the end, in the order that F.pad wants: W, H, T."""
    pads = []
    for size, k, s in reversed(list(zip(x.shape[2:], kernel, stride))):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value) if any(pads) else x


class Unit(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, name, cin, cout, kernel, stride, weights):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.weight = nn.Parameter(weights[name + "/weights"].permute(4, 3, 0, 1, 2).contiguous())
        self.norm = nn.BatchNorm3d(cout, eps=1e-3, momentum=0.01)

    def forward(self, x):
        return F.relu(self.norm(F.conv3d(same(x, self.kernel, self.stride), self.weight, None, self.stride)))


class Pool(nn.Module):
    def __init__(self, kernel, stride):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        return F.max_pool3d(same(x, self.kernel, self.stride, float("-inf")), self.kernel, self.stride)


class Mixed(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*branch) for branch in branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def build(model, weights):
    def unit(name):
        shape = weights[name + "/weights"].shape
        return Unit(name, shape[3], shape[4], list(shape[:3]), model["strides"].get(name, [1, 1, 1]), weights)

    layers = []
    for layer in model["layers"]:
        name = layer["name"]
        if layer["kind"] == "unit":
            layers.append(unit(name))
        elif layer["kind"] == "maxPool":
            layers.append(Pool(layer["kernel"], layer["stride"]))
        else:
            units = [key[: -len("/weights")] for key in weights if key.startswith(name + "/") and key.endswith("/weights")]
            branches = [[unit(key) for key in units if key.startswith(f"{name}/Branch_{i}/")] for i in range(4)]
            branches[3].insert(0, Pool([3, 3, 3], [1, 1, 1]))
            layers.append(Mixed(branches))
    return nn.Sequential(*layers)


class Network(nn.Module):
    def __init__(self, model, weights):
        super().__init__()
        self.trunk = build(model, weights)
        self.pool = model["pool"]
        self.weight = nn.Parameter(weights[model["logits"] + "/weights"].permute(4, 3, 0, 1, 2).contiguous())
        self.bias = nn.Parameter(weights[model["logits"] + "/bias"].clone())

    def forward(self, x):
        x = self.trunk(x)
        x = F.avg_pool3d(x, self.pool or list(x.shape[2:]), 1)
        return F.conv3d(x, self.weight, self.bias).mean((2, 3, 4))


def main():
    folder, device = pathlib.Path(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(os.cpu_count() or 1)
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        # It tries its algorithms in the first run and keeps the fastest.
        torch.backends.cudnn.benchmark = True
    model = json.loads((folder / "model.json").read_text())
    flat = torch.from_numpy(numpy.load(folder / "weights.npy"))
    weights = {
        name: flat[entry["offset"] : entry["offset"] + entry["size"]].reshape(entry["shape"])
        for name, entry in model["weights"].items()
    }
    clip = torch.from_numpy(numpy.load(folder / "clip.npy")).permute(0, 4, 1, 2, 3).contiguous()
    targets = torch.arange(clip.shape[0], device=device) % model["classes"]
    network = Network(model, weights).to(device).train()
    decayed = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 1e-4}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=0.01, momentum=0.9)

    def run():
        optimiser.zero_grad()
        logits = network(clip.to(device))
        loss = F.cross_entropy(logits, targets)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        values = torch.cat([loss.reshape(1), norm.reshape(1).to(loss), logits.reshape(-1)])
        return values.detach().cpu().numpy()

    threads = f", {torch.get_num_threads()} threads" if device == "cpu" else ""
    serve(f"PyTorch {torch.__version__} {device}{threads}", run)


main()
