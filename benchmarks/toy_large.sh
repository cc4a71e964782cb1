#!/usr/bin/env bash
# The toy world's second table: a base model of ten times the size, trained here, then the demo's recipe on it without the
# baselines. Minutes on a GPU. Usage: benchmarks/toy_large.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extracot="${EXTRACOT:-.venv/bin/extracot}"
base=runs/large-base
left_out="attribution,generic-compressions,generic-data,generic-sft,random-compressions,random-data,random-sft"
[ -e "$base/manifest.json" ] || $extracot toy-base toy-base-large --out "$base" --overwrite
$extracot pipeline toy-demo --out runs/large --resume \
  --set "leave_out=[$left_out]" \
  --set "overrides.traces.model=$base/model" \
  --set "overrides.traces.batch_size=1000" \
  --set "overrides.prepared.model=$base/model" \
  --set "overrides.budgets.batch_size=500" --set "overrides.budgets.chunk_size=200" \
  --set "overrides.evaluation.base_model=$base/model" \
  --set "overrides.evaluation.batch_size=500" \
  --set 'overrides.evaluation.arms=[{name: extracot, model: "@chrpo/model", modes: [policy]}, {name: extracot-sft, model: "@sft/model"}]' \
  --set "overrides.report.title=Extra-CoT in the toy world, ten times larger"
