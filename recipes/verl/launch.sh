#!/usr/bin/env bash
# CHRPO through verl 0.9.1 on one node or several: FSDP2 trains, vLLM rolls out on the same GPUs. Not yet run on GPUs.
#
#   recipes/verl/launch.sh RUN [KEY=VALUE ...]
#
# RUN is the folder that `extracot chrpo-verl` wrote; what follows goes to verl as it is and comes last. On several
# nodes start it on each, with a disk that all of them see:
#
#   NNODES=2 NODE_RANK=0 HEAD=10.0.0.1 recipes/verl/launch.sh RUN     # and NODE_RANK=1 on the other
#
# Environment: GPUS_PER_NODE (8), NNODES (1), NODE_RANK (0), HEAD (the first node's address), PORT (6379),
# PYTHON (python) and RAY (ray) of verl's environment.
set -euo pipefail

if [[ $# -lt 1 || ! -f "$1/chrpo.yaml" ]]; then
  echo "usage: $0 RUN [KEY=VALUE ...]; RUN is a finished run of: extracot chrpo-verl ... --out RUN" >&2
  exit 2
fi
run="$(cd "$1" && pwd)"
shift
nnodes="${NNODES:-1}" rank="${NODE_RANK:-0}" port="${PORT:-6379}"
gpus="${GPUS_PER_NODE:-8}" # GPUs of a node; verl's own default
python="${PYTHON:-python}" ray="${RAY:-ray}"

# verl imports these in every process; the Ray workers are told by chrpo.yaml, this process here.
export VERL_USE_EXTERNAL_MODULES=extracot.training.chrpo.verl.plugin

if ((nnodes > 1)); then
  : "${HEAD:?on several nodes HEAD is the address of the node with NODE_RANK=0}"
  if ((rank > 0)); then
    exec "$ray" start --address "$HEAD:$port" --num-gpus "$gpus" --block # until the first node stops Ray
  fi
  "$ray" start --head --node-ip-address "$HEAD" --port "$port" --num-gpus "$gpus"
  trap '"$ray" stop' EXIT
  export RAY_ADDRESS="$HEAD:$port" # verl joins this cluster, and waits in it for the GPUs of the other nodes
  until "$python" -c "import ray, sys; ray.init(); sys.exit(sum(n['Alive'] for n in ray.nodes()) < $nnodes)"; do
    echo "waiting for $nnodes nodes" >&2
    sleep 10
  done
fi

settings=(
  # The data: one file, since `extracot evaluate` measures; verl wants a second all the same and does not read it.
  data.train_files="$run/records/rl.parquet"
  data.val_files="$run/records/rl.parquet"
  # The machines.
  trainer.nnodes="$nnodes"
  trainer.n_gpus_per_node="$gpus"
  # Training. FSDP2: the sharding that verl's documentation recommends over FSDP1. Weights in float32 and passes in
  # bfloat16 are its defaults, and those of the chrpo stage.
  actor_rollout_ref.actor.strategy=fsdp2
  actor_rollout_ref.ref.strategy=fsdp2       # only built with beta > 0
  actor_rollout_ref.model.use_remove_padding=True # verl's default; needs flash-attn
  # Roll-outs. A model of 1.7B parameters fits one GPU, so each is an engine of its own (verl's default is 2 together).
  actor_rollout_ref.rollout.name=vllm
  actor_rollout_ref.rollout.tensor_model_parallel_size=1
  actor_rollout_ref.rollout.gpu_memory_utilization=0.5 # verl's default; the rest is for training
  actor_rollout_ref.rollout.load_format=dummy          # verl's default: weights come from training, not from disk
  # vLLM's probabilities differ a little from those of training. Weighing tokens by their ratio, at most 2, is verl's
  # correction with its default bound; it needs the roll-outs' log-probabilities.
  actor_rollout_ref.rollout.calculate_log_probs=True
  algorithm.rollout_correction.rollout_is=token
  algorithm.rollout_correction.rollout_is_threshold=2.0
  # Checkpoints: to go on from, and whole in Hugging Face's form (`actor/huggingface`).
  trainer.default_local_dir="$run/checkpoints"
  trainer.resume_mode=auto # verl's default: the same command goes on where a killed run stopped
  "actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra,hf_model]"
  trainer.experiment_name="$(basename "$run")"
)
cd "$run" # Hydra and verl write beside the data
"$python" -m verl.trainer.main_ppo --config-path "$run" --config-name chrpo "${settings[@]}" "$@"

# The stages that follow ask a model for its knob.
for folder in "$run"/checkpoints/global_step_*/actor/huggingface; do
  [[ -d "$folder" ]] && cp "$run/extracot.json" "$folder/"
done
echo "trained models: $run/checkpoints/global_step_*/actor/huggingface" >&2
