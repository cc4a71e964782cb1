#!/usr/bin/env bash
# The README's table: `make demo` (seed 1), and the recipe's own arm under other seeds (the baselines are left out), each
# with its own questions, traces, training and roll-outs; all answer the same held-out questions, one report merges them.
# Usage, after `make demo`: benchmarks/toy_seeds.sh 2 3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extracot="${EXTRACOT:-.venv/bin/extracot}"
left_out="attribution,generic-compressions,generic-data,generic-sft,random-compressions,random-data,random-sft,report"
arms='[{name: extracot, model: "@chrpo/model", modes: [policy]}, {name: extracot-sft, model: "@sft/model"}]'
evaluations=('"runs/demo/17-evaluation"')
for seed in "$@"; do
  "$extracot" pipeline toy-demo --out "runs/seed-$seed" --resume \
    --set "leave_out=[$left_out]" \
    --set "overrides.evaluation.arms=$arms" \
    --set "overrides.traces.problems=toy:train:2000:seed=${seed}00" \
    --set "overrides.traces.sampling.seed=$seed" \
    --set "overrides.compressor.seed=$seed" \
    --set "overrides.prepared.seed=$seed" \
    --set "overrides.sft-data.seed=$seed" \
    --set "overrides.sft.seed=$seed" \
    --set "overrides.budgets.problems=toy:train:400:seed=${seed}01" \
    --set "overrides.budgets.sampling.seed=$seed" \
    --set "overrides.chrpo.seed=$seed"
  evaluations+=("\"runs/seed-$seed/17-evaluation\"")
done
"$extracot" report --out runs/seeds --overwrite --set "title=Extra-CoT in the toy world, ${#evaluations[@]} seeds" \
  --set "evaluations=[$(IFS=,; echo "${evaluations[*]}")]"
