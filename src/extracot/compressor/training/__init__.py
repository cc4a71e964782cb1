"""The `train-compressor` stage: from annotated traces to a token classifier that `compress` can use."""
