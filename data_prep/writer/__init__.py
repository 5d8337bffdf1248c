"""The data contract, written: a TFDS data set of array_record files, whole or not at all."""
