"""Write 3D motion for other programs: npz, JSON, CSV, BVH, TRC, C3D."""
