"""What is measured against what: one script each, run as ``python -m benchmarks.NAME``. See README.md."""
