"""Learning-rate schedules: a linear warm-up, then a decay by a cosine or in a straight line."""

import math


def warm_cosine(step: int, steps: int, rising: float, start: float = 0, peak: float = 1.0) -> float:
    """Rate of a step: linear warm-up to the peak, times a cosine decay to zero (Loshchilov and Hutter 2017).

    Args:
        step: Number of the step, from 0.
        steps: Number of all steps.
        rising: Steps of the warm-up.
        start: Step at which the decay begins.
        peak: Highest rate.
    """
    done = min(max(step - start, 0) / max(steps - start, 1), 1.0)
    return min(peak, peak * (step + 1) / (rising + 1)) * 0.5 * (1 + math.cos(math.pi * done))


def warm_linear(done: float, warm_up: float, last: float) -> float:
    """Factor on the learning rate: linear warm-up to 1, then linear decay.

    Args:
        done: Share of the steps that are done.
        warm_up: Share of the steps in which the rate rises.
        last: Lowest factor, at both ends.
    """
    return max(min(done / warm_up, 1 - (1 - last) * done), last)
