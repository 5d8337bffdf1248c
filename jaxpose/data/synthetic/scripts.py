"""Tables of the synthetic motion: postures, gestures, the gait cycle and the scripts of fifteen actions.

Angles are in degrees. An arm or a leg is written once and serves both sides: abduction leads away from the
midline and rotation inwards, on either side. Arm angles are relative to the trunk (0 hangs down); thigh, foot and
pelvis angles are against the vertical and the floor, as gait laboratories give them.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

TRUNK = ("pelvis_tilt", "pelvis_turn", "spine_bend", "spine_side", "spine_twist")
HEAD = ("head_nod", "head_tilt", "head_turn")
ARM = ("shoulder_flexion", "shoulder_abduction", "shoulder_rotation", "elbow_flexion")
LEG = ("hip_flexion", "hip_abduction", "hip_rotation", "knee_flexion", "foot_pitch")
STANCE = ("pelvis_list", "lean", "shift")
GAIT = ("legs_gait", "right_arm_gait", "left_arm_gait")
ANGLES = (
    *TRUNK, *HEAD,
    *(f"right_{name}" for name in ARM), *(f"left_{name}" for name in ARM),
    *(f"right_{name}" for name in LEG), *(f"left_{name}" for name in LEG),
    *STANCE, *GAIT,
)  # fmt: skip
"""Columns of a posture. Bend, tilt, nod and lean are positive forwards; list, turn, side, twist and shift to the
left (list raises the left hip). The last three are gains: how much of the gait cycle is added, 0 to 1."""

_TRUNKS = {  # pelvis tilt, turn; spine bend, side, twist
    "upright": (2, 0, 3, 0, 0),
    "turned": (2, 6, 4, 0, 14),
    "relaxed": (0, 0, 7, 0, 0),
    "forward": (8, 0, 12, 0, 0),
    "stooped": (42, 0, 34, 0, 0),
    "stooped_aside": (34, 8, 32, -8, 16),
    "seated": (-8, 0, 12, 0, 0),
    "seated_forward": (7, 0, 20, 0, 0),
    "seated_back": (-16, 0, 9, 0, 0),
    "seated_turned": (-6, 0, 12, -3, 12),
    "crouched": (22, 0, 32, 0, 0),
    "pulled": (3, -5, 2, 3, -10),
}
_HEADS = {  # nod, tilt, turn
    "ahead": (0, 0, 0),
    "aside": (0, 4, 38),
    "away": (0, -4, -38),
    "down": (28, 0, 0),
    "slightly_down": (14, 0, 0),
    "up": (-16, 0, 0),
    "down_aside": (22, -4, -18),
    "to_shoulder": (6, -14, -4),  # towards the right hand at the ear
}
_ARMS = {  # shoulder flexion, abduction, rotation; elbow flexion
    "down": (2, 7, 8, 14),
    "swing": (1, 7, 8, 22),  # the gait cycle moves it
    "ear": (66, 28, 20, 147),
    "mouth": (62, 9, 28, 138),
    "chin": (54, -8, 38, 138),
    "camera": (75, 16, 22, 124),
    "camera_low": (42, 7, 27, 113),
    "lap": (16, 6, 38, 60),
    "thigh": (27, 5, 24, 36),
    "table": (34, 8, 40, 72),
    "plate": (34, 2, 60, 80),
    "point_ahead": (86, 8, 0, 6),
    "point_aside": (70, 62, 0, 8),
    "point_up": (128, 14, 0, 8),
    "point_down": (48, 16, 0, 8),
    "wave": (34, 62, -50, 106),
    "shake": (36, 2, 16, 66),
    "palm": (24, 10, 12, 86),
    "palm_out": (26, 28, -24, 82),
    "palm_in": (28, 4, 48, 92),
    "palm_up": (44, 26, -8, 104),
    "hip": (-11, 36, 65, 84),
    "crossed": (26, -8, 77, 95),
    "crossed_under": (22, -4, 76, 88),
    "watch": (39, 3, 45, 111),
    "behind": (-23, 13, 74, 60),
    "pocket": (-15, 21, 44, 58),
    "bag": (6, 5, 4, 18),
    "hang": (62, 4, 4, 12),  # of a stooped trunk
    "reach_low": (72, 6, 0, 10),
    "reach_shelf": (92, 8, 0, 22),
    "leash": (30, 10, 4, 34),
    "leash_far": (46, 6, 4, 16),
    "prop": (-36, 23, 50, 30),  # on the floor behind
    "shins": (30, 10, 14, 98),
    "ankles": (32, -6, 20, 14),
    "knees_apart": (9, 27, 14, 53),
    "balance": (56, 10, 4, 24),
    "overhead": (27, 110, -65, 128),
    "link": (-14, 32, 36, 100),  # arm in arm
}
_SWINGS = {  # how far a gesture swings to and fro about its posture
    "wave": (0, 0, 24, 8),
    "shake": (5, 0, 0, 12),
    "palm": (6, 0, 6, 10),
    "palm_out": (6, 6, 8, 10),
    "palm_in": (6, 0, 10, 10),
    "palm_up": (8, 4, 6, 8),
    "point_ahead": (4, 3, 0, 3),
    "point_aside": (4, 5, 0, 3),
    "leash": (5, 2, 0, 7),
    "leash_far": (4, 3, 0, 5),
}
_STRAIGHT = (1, 1, -6, 2, 0)
_LEGS = {  # right leg, left leg (hip flexion, abduction, rotation; knee; foot); list, lean, shift; gait
    "stand": (_STRAIGHT, _STRAIGHT, 0, 1, 0, 0),
    "stand_right": ((1, 3, -6, 2, 0), (9, 5, -10, 17, 0), -2, 1, -3, 0),  # the weight on the right leg
    "stand_left": ((9, 5, -10, 17, 0), (1, 3, -6, 2, 0), 2, 1, 3, 0),
    "stand_apart": ((1, 8, -12, 2, 0), (1, 8, -12, 2, 0), 0, 1, 0, 0),
    "step": ((18, 1, -4, 8, 0), (-14, 1, -8, 6, -12), 0, 2, 0, 0),  # the right foot ahead
    "walk": ((0, -5, -5, 0, 4), (0, -5, -5, 0, 4), 0, 0, 0, 1),
    "bend": ((6, 2, -6, 16, 0), (6, 2, -6, 16, 0), 0, -8, 0, 0),
    "crouch": ((78, 12, -10, 108, 0), (78, 12, -10, 108, 0), 0, 0, 0, 0),
    "squat": ((106, 18, -14, 130, -12), (106, 18, -14, 130, -12), 0, 0, 0, 0),
    "chair": ((84, 8, -2, 84, 0), (84, 8, -2, 84, 0), 0, 0, 0, 0),
    "chair_apart": ((84, 18, 0, 88, 0), (84, 18, 0, 88, 0), 0, 0, 0, 0),
    "chair_out": ((82, 6, -4, 52, 10), (82, 6, -4, 52, 10), 0, 0, 0, 0),
    "chair_crossed": ((96, -10, 4, 70, -20), (84, 2, 0, 88, 0), 0, 0, 0, 0),
    "chair_half": ((84, 8, -2, 84, 0), (80, 6, -4, 58, 8), 0, 0, 0, 0),
    "floor_crossed": ((107, 40, -66, 130, 88), (107, 40, -66, 130, 88), 0, 0, 0, 0),
    "floor_out": ((90, 12, -8, 8, 85), (90, 12, -8, 8, 85), 0, 0, 0, 0),
    "floor_knees": ((140, 10, -5, 112, 0), (140, 10, -5, 112, 0), 0, 0, 0, 0),
    "floor_half": ((90, 12, -8, 8, 85), (140, 10, -5, 112, 0), 0, 0, 0, 0),
}


class Script(NamedTuple):
    """One way to perform an action."""

    postures: tuple[str, ...]  # each "legs trunk head right-arm left-arm"
    ordered: bool = False  # follow the postures in their order, round and round; otherwise in any order
    move: float = 0.8  # seconds from one posture to the next
    hold: float = 0.8  # seconds in a posture, on average
    rhythm: float = 1.2  # swings a second of a gesture


SCRIPTS: dict[str, tuple[Script, ...]] = {
    "Directions": (
        Script((
            "stand upright ahead point_ahead down", "stand turned aside down point_aside",
            "stand upright away point_aside down", "stand upright up point_up down",
            "stand_left upright down point_down down", "stand_right turned aside palm_out point_ahead",
        ), hold=0.7),
    ),
    "Discussion": (
        Script((
            "stand upright ahead palm palm", "stand turned aside palm_out palm_in", "stand upright ahead palm_up palm",
            "stand_left upright away palm_in palm_out", "stand_right upright slightly_down palm_out palm_out",
        ), hold=0.6, rhythm=1.4),
    ),
    "Eating": (
        Script((
            "chair seated_forward slightly_down mouth table", "chair seated_forward down plate table",
            "chair seated_forward slightly_down mouth plate", "chair seated_forward down table plate",
        ), ordered=True, hold=0.5),
    ),
    "Greeting": (
        Script(("stand upright ahead wave down", "stand forward ahead shake down", "stand upright ahead down down"),
               ordered=True, move=0.7, hold=0.9, rhythm=1.8),
        Script(("stand upright up wave wave", "stand upright ahead wave down", "step forward ahead shake down"),
               move=0.7, hold=0.9, rhythm=1.8),
    ),
    "Phoning": (
        Script((
            "stand upright to_shoulder ear down", "stand_left relaxed to_shoulder ear pocket",
            "stand_right turned to_shoulder ear palm", "stand upright down ear crossed_under",
        )),
        Script((
            "chair seated to_shoulder ear lap", "chair seated_forward down ear thigh",
            "chair seated_turned to_shoulder ear palm",
        )),
    ),
    "Posing": (
        Script((
            "stand_left relaxed ahead hip hip", "stand_right relaxed aside hip down",
            "stand_apart upright up overhead hip", "step turned aside hip palm_up",
            "stand_apart upright ahead crossed crossed_under", "stand_left relaxed slightly_down chin crossed_under",
        ), move=0.9, hold=1.3),
    ),
    "Purchases": (
        Script((
            "stand upright ahead down bag", "bend stooped down reach_low hang", "stand upright slightly_down palm bag",
            "stand upright ahead reach_shelf bag", "bend stooped_aside down_aside reach_low reach_low",
        ), ordered=True, move=1.0, hold=0.4),
        Script((
            "walk upright ahead swing bag", "bend stooped down reach_low hang", "stand upright slightly_down palm bag",
        ), ordered=True, move=0.9, hold=0.6),
    ),
    "Sitting": (
        Script(("chair seated ahead thigh thigh", "chair seated_turned aside lap lap", "chair seated_back up thigh lap",
                "chair seated_forward slightly_down lap lap"), move=1.0, hold=1.3),
        Script(("chair_crossed seated ahead lap lap", "chair_crossed seated_back aside lap thigh",
                "chair_crossed seated_turned slightly_down chin lap"), move=1.0, hold=1.3),
        Script(("chair_half seated_back ahead lap lap", "chair_half seated aside thigh thigh"), move=1.0, hold=1.3),
        Script(("chair_apart seated_forward slightly_down lap lap", "chair_apart seated ahead thigh thigh",
                "chair_apart seated_forward aside thigh chin"), move=1.0, hold=1.3),
    ),
    "SittingDown": (
        Script((
            "stand upright slightly_down down down", "squat crouched slightly_down balance balance",
            "floor_knees seated_back ahead prop prop", "floor_crossed seated ahead knees_apart knees_apart",
            "floor_crossed seated_forward slightly_down ankles ankles", "floor_knees seated_forward ahead shins shins",
            "squat crouched slightly_down balance balance",
        ), ordered=True, move=1.2, hold=0.3),
        Script((
            "stand upright ahead down down", "squat crouched slightly_down balance balance",
            "floor_knees seated_back aside prop prop", "floor_out seated_back ahead prop prop",
            "floor_half seated_back aside prop lap", "floor_knees seated ahead shins shins",
            "squat crouched slightly_down balance balance",
        ), ordered=True, move=1.2, hold=0.3),
    ),
    "Smoking": (
        Script((
            "stand_left relaxed ahead mouth pocket", "stand_left relaxed aside palm pocket",
            "stand upright up mouth down", "stand relaxed ahead down down",
        ), ordered=True, hold=0.6),
        Script((
            "chair_out seated_back ahead mouth thigh", "chair_out seated_back aside lap thigh",
            "chair_out seated ahead mouth lap", "chair_out seated_forward slightly_down thigh lap",
        ), ordered=True, hold=0.6),
    ),
    "Photo": (
        Script((
            "stand upright ahead camera camera", "stand forward ahead camera camera",
            "stand_left turned aside camera camera", "stand upright down camera_low camera_low",
            "crouch crouched up camera camera",
        ), hold=0.9),
    ),
    "Waiting": (
        Script((
            "stand_left relaxed ahead crossed crossed_under", "stand_right relaxed aside crossed crossed_under",
            "stand_left relaxed down watch pocket", "stand_right relaxed away hip down",
            "stand upright ahead behind behind",
        ), hold=0.9),
        Script((
            "stand_left relaxed down watch down", "stand_right relaxed aside hip hip",
            "stand_left relaxed down watch pocket", "stand_right relaxed away pocket pocket",
        ), ordered=True, hold=0.9),
        Script((
            "stand_left relaxed aside pocket pocket", "walk upright slightly_down swing swing",
            "stand_right relaxed down watch down",
        ), ordered=True, hold=1.0),
    ),
    "Walking": (
        Script(("walk upright ahead swing swing", "walk forward slightly_down swing swing",
                "walk upright aside swing swing"), hold=1.5),
    ),
    "WalkDog": (
        Script(("walk pulled ahead leash swing", "walk pulled slightly_down leash_far swing",
                "walk forward down_aside leash_far swing"), rhythm=2.2),
        Script(("walk pulled ahead leash_far swing", "walk pulled slightly_down leash swing",
                "step forward down leash_far down"), ordered=True, hold=1.1, rhythm=2.2),
    ),
    "WalkTogether": (
        Script(("walk upright aside swing swing", "walk turned aside palm swing", "walk upright ahead swing swing",
                "walk upright aside swing palm_out"), hold=0.9),
        Script(("walk upright aside swing link", "walk upright ahead palm link")),
    ),
}  # fmt: skip
"""The scripts of every action; a clip plays one of them."""

_GAIT_CYCLE = (  # of a leg, every 5 % of the stride from heel contact: hip and knee flexion, ankle dorsiflexion
    (20, 5, 1), (18, 10, -1), (19, 17, -2), (16, 19, -1), (10, 14, 1), (2, 8, 2), (-2, 6, 3),
    (-7, 5, 5), (-11, 4, 6), (-14, 5, 5), (-16, 9, 5), (-13, 19, 1), (-9, 32, -8), (-2, 48, -14),
    (5, 60, -12), (14, 65, -1), (26, 56, 6), (32, 38, 3), (30, 17, -2), (25, 6, -2),
)  # fmt: skip
"""After the values that Perry & Burnfield, Gait Analysis (2010), give by phase of level walking, thigh against the
vertical, as we remember them. Smoothed, and moved by 2 degrees on average and 8 at most, so that the standing foot
neither slides nor leaves the floor on these bodies, and the swinging one clears it."""

_GAIT_WAVES = {  # of the rest of the body: amplitudes of cos and sin over the cycle of the right leg
    "hip_abduction": (0, -1.5),
    "pelvis_list": (0, -4),
    "pelvis_turn": (4, 0),
    "spine_twist": (-9, 0),
    "shoulder_flexion": (-17, 0),
    "elbow_flexion": (-9, 0),
}
"""As the same book describes it: the pelvis drops and turns with the swinging leg, the arms swing against the legs."""

HARMONICS = 6
"""Number of harmonics of the gait cycle; more are noise (Winter, Biomechanics and Motor Control of Human Movement)."""

VARIATION = {  # degrees, standard deviations: from posture to posture, from clip to clip, and of the sway in time
    "pelvis_tilt": (1.5, 2.0, 0.4),
    "pelvis_list": (0.5, 0.5, 0.2),
    "pelvis_turn": (2.0, 2.0, 0.6),
    "spine_bend": (2.5, 3.0, 0.7),
    "spine_side": (2.0, 1.0, 0.5),
    "spine_twist": (3.0, 2.0, 0.8),
    "head_nod": (4.0, 4.0, 1.8),
    "head_tilt": (3.0, 2.0, 1.0),
    "head_turn": (8.0, 4.0, 3.0),
    "shoulder_flexion": (4.0, 3.0, 1.0),
    "shoulder_abduction": (3.0, 3.0, 0.8),
    "shoulder_rotation": (5.0, 4.0, 1.2),
    "elbow_flexion": (5.0, 4.0, 1.2),
    "hip_abduction": (0.0, 0.6, 0.0),
    "hip_rotation": (0.0, 3.0, 0.0),
    "lean": (0.4, 0.4, 0.4),
    "shift": (0.6, 0.4, 0.5),
}
HINGE_LIMITS = {"elbow_flexion": (2, 150), "knee_flexion": (1, 132)}
"""Range of these hinge joints in degrees: neither bends the wrong way."""


def by_column(table: Mapping[str, tuple[float, ...]], default: tuple[float, ...]) -> np.ndarray:
    """Turn a table by angle, the same for both sides, into an array (n, D) with a column for each of `ANGLES`."""
    rows = [table.get(name, table.get(name.partition("_")[2], default)) for name in ANGLES]
    return np.asarray(rows, np.float32).T


def gait_series() -> np.ndarray:
    """Fourier series of every column over the right leg's cycle: (2 HARMONICS + 1, D) of 1, cosines, sines, degrees."""
    hip, knee, ankle = np.asarray(_GAIT_CYCLE).T
    spectrum = np.fft.rfft([hip, knee, hip - knee + ankle], norm="forward")
    waves = 2 * spectrum[:, 1 : HARMONICS + 1]
    series = np.concatenate([spectrum.real[:, :1], waves.real, -waves.imag], axis=1)
    table = dict(zip(("hip_flexion", "knee_flexion", "foot_pitch"), series, strict=True))
    for name, first_harmonic in _GAIT_WAVES.items():
        table[name] = np.zeros(2 * HARMONICS + 1)
        table[name][[1, 1 + HARMONICS]] = first_harmonic
    columns = by_column(table, (0,) * (2 * HARMONICS + 1))
    left = [name.startswith("left_") for name in ANGLES]
    half_a_stride = (-1) ** np.arange(1, HARMONICS + 1)  # how far the left side is behind, for each harmonic
    columns[:, left] *= np.concatenate([[1], half_a_stride, half_a_stride])[:, None]
    return columns


def gait_gain() -> np.ndarray:
    """Matrix (D, D) with 1 where the row's angle is the gain of the gait cycle in the column's angle."""
    table = np.zeros((len(ANGLES), len(ANGLES)), np.float32)
    for column, name in enumerate(ANGLES):
        side, _, angle = name.partition("_")
        table[ANGLES.index(f"{side}_arm_gait" if angle in ARM else "legs_gait"), column] = 1
    return table


def posture_angles(description: str) -> np.ndarray:
    """Angles and swing (2, D) in degrees of a posture written as "legs trunk head right-arm left-arm"."""
    legs, trunk, head, *arms = description.split()
    right, left, *stance, gait = _LEGS[legs]
    gains = (gait, *(gait * (arm == "swing") for arm in arms))
    angles = (*_TRUNKS[trunk], *_HEADS[head], *_ARMS[arms[0]], *_ARMS[arms[1]], *right, *left, *stance, *gains)
    swing = np.zeros(len(ANGLES))
    first = ANGLES.index("right_shoulder_flexion")
    swing[first : first + 2 * len(ARM)] = [angle for arm in arms for angle in _SWINGS.get(arm, (0,) * len(ARM))]
    return np.asarray([angles, swing], np.float32)
