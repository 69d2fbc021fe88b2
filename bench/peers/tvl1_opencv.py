"""OpenCV's DualTVL1OpticalFlow as a contender. Argument: frames (.npy of uint8, frames x height x width)."""

import sys

import cv2
import numpy

from serve import serve


def main():
    frames = numpy.load(sys.argv[1])
    solver = cv2.optflow.DualTVL1OpticalFlow_create()

    def run():
        return numpy.stack([solver.calc(first, second, None) for first, second in zip(frames[:-1], frames[1:])])

    serve(f"OpenCV {cv2.__version__}, {cv2.getNumThreads()} threads", run)


main()
