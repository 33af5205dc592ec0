"""Pictures and folders that the tests of training build."""

import numpy as np

from edge.pictures.files import write_picture


def noise(seed: int, width: int = 48, height: int = 48):
    return (
        np.random.default_rng(seed)
        .integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        .repeat(8, 0)
        .repeat(8, 1)
    )


def make_folder(root, counts):
    seed = 0
    for label, count in counts.items():
        (root / label).mkdir(parents=True)
        for i in range(count):
            write_picture(root / label / f"{i}.png", noise(seed))
            seed += 1
    return root
