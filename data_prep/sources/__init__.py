"""Data sets as sources of tracks, one module each; Human3.6M has a package of its own, `data_prep.human36m`."""
