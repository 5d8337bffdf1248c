"""Made-up files of the CMU database: the ASF file of a body whose joints are known, and AMC files of its walks."""

from types import MappingProxyType

import numpy as np

from jaxpose.skeleton import CMU_31

UNIT = 0.0254 / 0.45

# A body of straight bones; y is up, z forward, x to its left. Joint by joint, from its parent, in units of length.
BODY = {
    "lhipjoint": (2, -1, 0), "lfemur": (0, -7, 0), "ltibia": (0, -7, 0), "lfoot": (0, -1, 2), "ltoes": (0, 0, 1),
    "rhipjoint": (-2, -1, 0), "rfemur": (0, -7, 0), "rtibia": (0, -7, 0), "rfoot": (0, -1, 2), "rtoes": (0, 0, 1),
    "lowerback": (0, 2, 0), "upperback": (0, 2, 0), "thorax": (0, 2, 0),
    "lowerneck": (0, 2, 0), "upperneck": (0, 1, 0), "head": (0, 2, 0),
    "lclavicle": (3, 1, 0), "lhumerus": (5, 0, 0), "lradius": (3, 0, 0), "lwrist": (2, 0, 0), "lhand": (1, 0, 0),
    "lfingers": (1, 0, 0), "lthumb": (0, 0, 1),
    "rclavicle": (-3, 1, 0), "rhumerus": (-5, 0, 0), "rradius": (-3, 0, 0), "rwrist": (-2, 0, 0), "rhand": (-1, 0, 0),
    "rfingers": (-1, 0, 0), "rthumb": (0, 0, 1),
}  # fmt: skip


def asf_text(without="", dofs=MappingProxyType({})):
    """The body; its left thigh can turn about x, and the bones of `dofs` as it says."""
    lines = [":units", "length 0.45", "angle deg", ":root", "order TX TY TZ RX RY RZ", "axis XYZ"]
    lines += ["position 0 0 0", "orientation 0 0 0", ":bonedata"]
    for bone, offset in BODY.items():
        length = np.linalg.norm(offset)
        direction = " ".join(f"{number:.17g}" for number in np.divide(offset, length))
        dof = "dof rx" if bone == "lfemur" else f"dof {dofs[bone]}" if bone in dofs else ""
        lines.append(f"begin name {bone} direction {direction} length {length:.17g} axis 0 0 0 XYZ {dof} end")
    pairs = zip(CMU_31.joints[1:], CMU_31.parents[1:], strict=True)
    tree = [f"{CMU_31.joints[parent]} {joint}" for joint, parent in pairs]
    text = "\n".join([*lines, ":hierarchy", "begin", *tree, "end"])
    return "\n".join(line for line in text.split("\n") if not without or without not in line)


def amc_text(frames=61, *, step=0.2, turn=0, thigh=0):
    """A walk forward without moving the legs."""
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(frames):
        lines += [str(frame + 1), f"root 0.1 16 {step * frame} 0 {turn} 0", f"lfemur {thigh}"]
    return "\n".join(lines)
