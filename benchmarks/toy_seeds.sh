#!/usr/bin/env bash
# The README's table: `make demo` (seed 1) and the same recipe under other seeds, each with its own questions, traces,
# training and roll-outs; all of them answer the same held-out questions, and one report merges them.
# Usage, after `make demo`: benchmarks/toy_seeds.sh 2 3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extracot="${EXTRACOT:-.venv/bin/extracot}"
evaluations=('"runs/demo/17-evaluation"')
for seed in "$@"; do
  "$extracot" pipeline toy-demo --out "runs/seed-$seed" --resume \
    --set "overrides.traces.problems=toy:train:2000:seed=${seed}00" \
    --set "overrides.traces.sampling.seed=$seed" \
    --set "overrides.compressor.seed=$seed" \
    --set "overrides.prepared.seed=$seed" \
    --set "overrides.sft-data.seed=$seed" \
    --set "overrides.sft.seed=$seed" \
    --set "overrides.budgets.problems=toy:train:200:seed=${seed}01" \
    --set "overrides.budgets.sampling.seed=$seed" \
    --set "overrides.chrpo.seed=$seed" \
    --set "overrides.generic-data.seed=$seed" \
    --set "overrides.generic-sft.seed=$seed" \
    --set "overrides.random-compressions.seed=$seed" \
    --set "overrides.random-data.seed=$seed" \
    --set "overrides.random-sft.seed=$seed"
  evaluations+=("\"runs/seed-$seed/17-evaluation\"")
done
"$extracot" report --out runs/seeds --overwrite --set "title=Extra-CoT in the toy world, ${#evaluations[@]} seeds" \
  --set "evaluations=[$(IFS=,; echo "${evaluations[*]}")]"
