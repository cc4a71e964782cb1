"""Latency and throughput under a stated load, apart from quality."""
