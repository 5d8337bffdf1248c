"""What one runs: tables, ablations, benchmarks and figures. Nothing here is imported by `jaxpose`."""
