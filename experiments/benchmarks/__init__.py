"""Times and memory, measured side by side and printed beside what the arithmetic predicts."""
