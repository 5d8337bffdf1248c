"""What several tests share: small data sets, files as other programs write them, independent formulas."""
