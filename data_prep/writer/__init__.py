"""Write prepared data sets: the data contract as a TFDS data set on disk."""
