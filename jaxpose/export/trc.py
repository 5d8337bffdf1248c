"""Write a motion as TRC, marker trajectories for OpenSim: a marker for every joint, y up, millimetres.

Format: Motion Analysis "Track Row Column", as OpenSim documents it ("Marker (.trc) Files"). TRC cannot mark filled
joints.
"""

from jaxpose.export.motion import Motion, safe_names, y_up


def encode_trc(motion: Motion, file_name: str) -> bytes:
    """Encode a motion as a TRC file, positions to a micrometre.

    Args:
      motion: of at least one frame. Camera space is written as if the camera were level.
      file_name: of the file to write, for its first line, where blanks and the like become underscores: OpenSim splits
        the line at blanks and tabs.

    Returns:
      The file. Time and frame numbers are those of the video; frames are counted from one.
    """
    positions = 1000 * y_up(motion)
    frames, joints, _ = positions.shape
    rate, start = f"{motion.fps:.6g}", motion.start + 1
    facts = {
        "DataRate": rate,
        "CameraRate": rate,
        "NumFrames": frames,
        "NumMarkers": joints,
        "Units": "mm",
        "OrigDataRate": rate,
        "OrigDataStartFrame": start,
        "OrigNumFrames": frames,
    }
    markers = safe_names(motion.skeleton.joints)
    header = [
        ["PathFileType", "4", "(X/Y/Z)", *safe_names([file_name], longest=255)],
        facts,
        map(str, facts.values()),
        ["Frame#", "Time", *(cell for marker in markers for cell in (marker, "", ""))],
        ["", "", *(f"{axis}{marker}" for marker in range(1, joints + 1) for axis in "XYZ")],
        [],
    ]
    rows = [
        [str(start + frame), f"{(motion.start + frame) / motion.fps:.6f}", *(f"{number:.3f}" for number in numbers)]
        for frame, numbers in enumerate(positions.reshape(frames, -1).tolist())
    ]
    return "".join("\t".join(line) + "\n" for line in (*header, *rows)).encode("utf-8", "replace")
