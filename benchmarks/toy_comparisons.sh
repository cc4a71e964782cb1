#!/usr/bin/env bash
# CHRPO without its parts (toy-ablation) and beside its rivals (toy-rivals), on the demo and on other seeds, one report each:
# every arm over all seeds and by seed, paired differences from the first, learning curves, choices by difficulty.
# Every seed has its own SFT model, teacher budgets and CHRPO, and its number decides the roll-outs of every arm.
# Usage, after `make demo` and `benchmarks/toy_seeds.sh 2 3`: benchmarks/toy_comparisons.sh 2 3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extracot="${EXTRACOT:-.venv/bin/extracot}"
compare() { # recipe, title, the arms that it trains, seeds...
  local recipe="$1" title="$2" arms="$3" seed arm settings
  local evaluations=("\"runs/$1/08-evaluation\"") pipelines=("\"runs/$1\"" "\"runs/demo/10-chrpo\"")
  shift 3
  "$extracot" pipeline "toy-$recipe" --out "runs/$recipe" --resume
  for seed in "$@"; do
    settings=(--set "given.model=runs/seed-$seed/08-sft/model" --set "given.chrpo=runs/seed-$seed/10-chrpo/model"
      --set "given.budgets=runs/seed-$seed/09-budgets/records/budgets.jsonl")
    for arm in $arms; do settings+=(--set "overrides.$arm.seed=$seed"); done
    [[ "$recipe" == rivals ]] || settings+=(--set "leave_out=[question-blind]")
    "$extracot" pipeline "toy-$recipe" --out "runs/$recipe-seed-$seed" --resume "${settings[@]}"
    evaluations+=("\"runs/$recipe-seed-$seed/08-evaluation\"")
    pipelines+=("\"runs/$recipe-seed-$seed\"" "\"runs/seed-$seed/10-chrpo\"")
  done
  "$extracot" report --out "runs/$recipe-seeds" --overwrite --set "title=$title in the toy world, ${#evaluations[@]} seeds" \
    --set "evaluations=[$(IFS=,; echo "${evaluations[*]}")]" "pipeline=[$(IFS=,; echo "${pipelines[*]}")]"
}
compare ablation "Ablation of CHRPO" "full no-head no-mode-no-head no-calibration no-integrity summed-first" "$@"
compare rivals "CHRPO and its rivals" "chrpo grpo degrpo lcpo-exact lcpo-max length-penalty dler" "$@"
