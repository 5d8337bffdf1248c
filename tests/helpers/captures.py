"""Small motion-capture files as programs write them."""

LEG = """# a comment
:version 1.10
:name LEG
:units
  mass 1.0
  length 0.5 # units are 2 inches
  angle deg
:documentation
   begin (anything), such as :root
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 10 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name thigh
     direction 0 -1 7.62852e-016
     length 4
     axis 0 0 0 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-inf, inf)
  end
  begin
     id 3
     name toes
     direction 0 0 1
     length 1
     axis 0 0 0 XYZ
  end
  begin
     id 2
     name shin
     direction 0 -1 0
     length 3
     axis 0 90 0 XYZ
    dof rx
  end
:hierarchy
  begin
    root thigh
    shin toes
    thigh shin
  end
"""

ARM = """HIERARCHY
ROOT Hips
{
  OFFSET 1 2 3
  CHANNELS 6 Yposition Xposition Zposition Zrotation Yrotation Xrotation
  JOINT Left Arm
  {
    OFFSET 0 10 0
    CHANNELS 2 Xrotation Zrotation
    End Site
    {
      OFFSET 5 0 0
    }
  }
  JOINT Fixed
  {
    OFFSET -1 0 0
    CHANNELS 0
    JOINT Sliding
    {
      OFFSET 0 0 7
      CHANNELS 4 Yrotation Zposition Xrotation Zrotation
      End Site
      {
        OFFSET 0 0 2
      }
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0083333
20 10 30 0 0 0 0 0 0 7 0 0
21 11 31 90 20 -30 40 50 60 8 70 -80
"""

CALIBRATION = """Skeletool Camera Calibration File V1.0
name          0
  sensor      10 10
  size        2048 2048
  animated    0
  intrinsic   1497.693 0 1024.704 0 0 1497.103 1051.394 0 0 0 1 0 0 0 0 1
  extrinsic   0.9650164 0.00488022 0.262144 -562.8666 -0.004488356 -0.9993728 0.0351275 1398.138 0.262151 \
-0.03507521 -0.9643893 3852.623 0 0 0 1
  radial      0
name          1
  sensor      10 10
  size        2048 2048
  animated    0
  intrinsic   1495.217 0 1030.519 0 0 1495.52 1052.626 0 0 0 1 0 0 0 0 1
  extrinsic   0.6050639 -0.02184232 0.7958773 -1429.856 -0.22647 -0.9630526 0.1457429 738.1779 0.7632883 \
-0.2684261 -0.587655 4897.966 0 0 0 1
  radial      0
"""
