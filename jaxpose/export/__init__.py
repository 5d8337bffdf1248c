"""3D motion in the files of other programs: npz, JSON, CSV, BVH, TRC, C3D."""
