"""The child's side of protocol.ts, for engines in Python."""

import json
import sys
import time

import numpy


def answer(**message):
    print("@@" + json.dumps(message), flush=True)


def serve(version, run):
    """Answers `run` and `result FILE` until stdin ends. `run` returns a float32 array in host memory."""
    answer(ready=version)
    result = None
    for line in sys.stdin:
        line = line.rstrip("\n")
        if line == "run":
            start = time.perf_counter()
            result = run()
            answer(ms=1000 * (time.perf_counter() - start))
        elif line.startswith("result "):
            path = line[len("result ") :]
            numpy.save(path, numpy.ascontiguousarray(result, dtype=numpy.float32))
            answer(written=path)
