"""PyTorch as a contender: runs the layers of network.json (see network.ts). Arguments: folder, device, dtype (float32)."""

import json
import os
import pathlib
import sys

import numpy
import torch
import torch.nn.functional as F

from serve import serve


def pad(x, pads, value):
    """Explicit padding, asymmetric as TensorFlow's SAME is, in the order that F.pad wants: W, H, T."""
    before, after = pads[:3], pads[3:]
    if not any(pads):
        return x
    return F.pad(x, [p for axis in (2, 1, 0) for p in (before[axis], after[axis])], value=value)


def convolution(layer, x, weights):
    before, after = layer["pads"][:3], layer["pads"][3:]
    bias = weights[layer["bias"]] if layer["bias"] else None
    symmetric = before == after
    if not symmetric:
        x = pad(x, layer["pads"], 0.0)
    padding = before if symmetric else 0
    y = F.conv3d(x, weights[layer["weights"]], bias, layer["stride"], padding, groups=layer["groups"])
    return function(layer["activation"], y)


def function(name, x):
    return {"none": lambda v: v, "relu": F.relu, "sigmoid": torch.sigmoid, "swish": F.silu}[name](x)


def pool(layer, x):
    if layer["mode"] == "max":
        return F.max_pool3d(pad(x, layer["pads"], float("-inf")), layer["kernel"], layer["stride"])
    if any(layer["pads"]):
        raise NotImplementedError("padded average pool")
    return F.avg_pool3d(x, layer["kernel"], layer["stride"])


def forward(network, weights, x):
    values = {network["input"]["name"]: x}
    for layer in network["layers"]:
        op = layer["op"]
        if op == "conv":
            y = convolution(layer, values[layer["x"]], weights)
        elif op == "pool":
            y = pool(layer, values[layer["x"]])
        elif op == "concat":
            y = torch.cat([values[name] for name in layer["inputs"]], 1)
        elif op == "linear":
            bias = weights[layer["bias"]] if layer["bias"] else None
            y = F.linear(values[layer["x"]], weights[layer["weights"]], bias)
        elif op == "reshape":
            y = values[layer["x"]].reshape(layer["shape"])
        elif op == "transpose":
            y = values[layer["x"]].permute(layer["order"])
        elif op == "function":
            y = function(layer["fn"], values[layer["x"]])
        elif op in ("add", "mul"):
            a, b = (values[name] for name in layer["inputs"])
            y = function(layer["activation"], a + b if op == "add" else a * b)
        elif op == "mean":
            y = values[layer["x"]].mean(layer["axes"], keepdim=True)
        elif op == "slice":
            y = values[layer["x"]].narrow(layer["axis"], layer["offset"], layer["size"])
        elif op == "shift":
            inner = values[layer["x"]].narrow(layer["axis"], layer["offset"], layer["size"])
            ends = [0, 0] * (layer["rank"] - 1 - layer["axis"]) + [layer["before"], layer["after"]]
            y = F.pad(inner, ends)
        else:
            q, k, v = (values[name] for name in layer["inputs"])
            y = F.scaled_dot_product_attention(q, k, v, scale=layer["scale"])
        values[layer["y"]] = y
    return values[network["output"]["name"]]


def main():
    folder, device = pathlib.Path(sys.argv[1]), sys.argv[2]
    dtype = getattr(torch, sys.argv[3] if len(sys.argv) > 3 else "float32")
    # Some builds start with one thread.
    torch.set_num_threads(os.cpu_count() or 1)
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        # It tries its algorithms in the first run and keeps the fastest.
        torch.backends.cudnn.benchmark = True
    network = json.loads((folder / "network.json").read_text())
    flat = torch.from_numpy(numpy.load(folder / "weights.npy"))
    weights = {
        name: flat[entry["offset"] : entry["offset"] + entry["size"]].reshape(entry["shape"]).to(device, dtype)
        for name, entry in network["weights"].items()
    }
    clip = torch.from_numpy(numpy.load(folder / "clip.npy"))

    def run():
        with torch.no_grad():
            return forward(network, weights, clip.to(device).to(dtype)).float().cpu().numpy()

    threads = f", {torch.get_num_threads()} threads" if device == "cpu" else ""
    kind = "" if dtype == torch.float32 else f" {sys.argv[3]}"
    serve(f"PyTorch {torch.__version__} {device}{kind}{threads}", run)


main()
