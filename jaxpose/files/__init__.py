"""Write files atomically, and read files from strangers without risk."""
