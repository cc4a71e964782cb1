"""The `annotate` stage: how important each unit of each trace is, said without a proprietary teacher."""
