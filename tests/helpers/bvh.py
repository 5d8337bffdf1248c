"""An evaluator of BVH files that shares nothing with the writer or the reader."""

import numpy as np
from helpers import oracles


def evaluated(text):
    """Positions (T, 3) by joint of a BVH file, with matrices written out."""
    head, motion = text.split("MOTION\n")
    stack, joints, width = [], [], 0
    for words in (line.split() for line in head.splitlines()):
        if words[0] in ("ROOT", "JOINT", "End"):
            joints.append([" ".join(words[1:]), stack[-1] if stack else None, None, width])
            stack.append(len(joints) - 1)
        elif words[0] == "OFFSET":
            joints[-1][2] = np.array(words[1:], float)
        elif words[0] == "CHANNELS":
            width += int(words[1])
        elif words[0] == "}":
            stack.pop()
    _, _, *rows = motion.splitlines()
    found = {}
    for row in (np.array(line.split(), float) for line in rows):
        places, frames = [], []
        for name, parent, offset, column in joints:
            place, frame = row[:3], np.eye(3)
            if places:
                place, frame = places[parent] + frames[parent] @ offset, frames[parent]
            if name != "Site":
                angles = np.deg2rad(row[column + 3 * (not places) :][:3])
                for axis, angle in zip(("001", "100", "010"), angles, strict=True):  # z, x, y
                    vector = np.sin(angle / 2) * np.array([*axis], float)
                    frame = frame @ oracles.quaternion_matrix([np.cos(angle / 2), *vector])
                found.setdefault(name, []).append(place)
            places.append(place)
            frames.append(frame)
    return {name: np.array(places) for name, places in found.items()}
