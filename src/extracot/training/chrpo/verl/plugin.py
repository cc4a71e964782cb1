"""Importing this teaches verl CHRPO. verl does so in every process that names it in VERL_USE_EXTERNAL_MODULES.

After it, `algorithm.adv_estimator=chrpo` and `actor.policy_loss.loss_mode=chrpo` are known, and the trainer of
`trainer.v1.trainer_mode=sync` is ours.
"""

from verl.trainer.ppo.core_algos import register_adv_est, register_policy_loss
from verl.trainer.ppo.v1.trainer_base import TRAINER_REGISTRY

from extracot.training.chrpo.verl.advantages import chrpo_advantages
from extracot.training.chrpo.verl.loss import chrpo_policy_loss
from extracot.training.chrpo.verl.settings import NAME
from extracot.training.chrpo.verl.trainer import ChrpoTrainerSync

register_adv_est(NAME)(chrpo_advantages)
register_policy_loss(NAME)(chrpo_policy_loss)
# A mode of our own is not possible: verl asks for "sync" by name, and its own decorator refuses a name twice.
TRAINER_REGISTRY["sync"] = ChrpoTrainerSync
