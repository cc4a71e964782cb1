#!/usr/bin/env bash
# The table of docs/results.md: `make demo` (seed 1), and the recipe's own arm under other seeds (the baselines are left out), each
# with its own questions, traces, training and roll-outs. All answer the demo's held-out questions, one report merges
# them; their policies also answer 2,000 others, in a second report, as 500 cannot tell tenths of a percent apart.
# Usage, after `make demo`: benchmarks/toy_seeds.sh 2 3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extracot="${EXTRACOT:-.venv/bin/extracot}"
left_out="attribution,generic-compressions,generic-data,generic-sft,random-compressions,random-data,random-sft,report"
arms='[{name: extracot, model: "@chrpo/model"}, {name: extracot-sft, model: "@sft/model"}]'
evaluations=('"runs/demo/17-evaluation"')
policies='{name: seed 1, model: runs/demo/10-chrpo/model, modes: [policy]}'
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
    --set "overrides.budgets.problems=toy:train:800:seed=${seed}01" \
    --set "overrides.budgets.sampling.seed=$seed" \
    --set "overrides.chrpo.seed=$seed"
  evaluations+=("\"runs/seed-$seed/17-evaluation\"")
  policies+=", {name: seed $seed, model: runs/seed-$seed/10-chrpo/model, modes: [policy]}"
done
"$extracot" report --out runs/seeds --overwrite --set "title=Extra-CoT in the toy world, ${#evaluations[@]} seeds" \
  --set "evaluations=[$(IFS=,; echo "${evaluations[*]}")]"
"$extracot" evaluate --out runs/seeds-2000 --overwrite \
  --set problems=toy:heldout:2000:seed=37 base_model=toy sampling.max_new_tokens=320 batch_size=250 "arms=[$policies]"
"$extracot" report --out runs/seeds-2000-report --overwrite --set "title=2,000 questions" 'evaluations=["runs/seeds-2000"]'
