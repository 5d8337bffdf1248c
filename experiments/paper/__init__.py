"""What the joint-aware paper prints: its tables as data, and how it, its code and jaxpose differ (README.md)."""
