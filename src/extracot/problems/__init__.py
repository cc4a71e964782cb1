"""Where problems come from: benchmarks by name, the toy world, files; and whether their gold answers can be graded."""
