"""Files: atomic writes, JSON lines, configs, run directories and their manifests. Knows no record by name."""
