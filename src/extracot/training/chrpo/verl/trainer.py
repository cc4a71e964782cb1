"""verl's synchronous trainer with CHRPO's advantages. Imported by verl's processes only.

verl hands an advantage estimator the summed reward and nothing else; the parts lie in the transfer queue. One private
hook is overridden to fetch them.
"""

import logging
from typing import Any

import transfer_queue as tq
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

from extracot.training.chrpo.monitor import HeadWatch
from extracot.training.chrpo.verl.advantages import parts_of, reward_parts
from extracot.training.chrpo.verl.metrics import batch_figures, choices_of, flat_group_share

_logger = logging.getLogger("extracot")


class ChrpoTrainerSync(PPOTrainerSync):  # type: ignore[misc]  # verl's types are not followed
    """Gives the reward parts of a batch to the advantage estimator, and watches the head."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._watch = HeadWatch()

    def _compute_advantage(self, batch: Any, metrics: dict[str, Any]) -> Any:
        """As verl, with the reward parts at hand; adds the figures of the batch to `metrics`.

        Raises:
            StageError: responses that another reward function scored, or a model that names no ratio.
        """
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["uid", "extra_fields"])
        all_uids = data.pop("uid").tolist()  # indexing would give tensordict's own kind of list
        infos = [fields.get("reward_extra_info", {}) for fields in data.pop("extra_fields").tolist()]
        with reward_parts(parts_of(infos)):
            batch = super()._compute_advantage(batch, metrics)
        is_real = [not tag.get("is_padding", False) for tag in batch.tags]  # verl fills batches up with empty rows
        real = [info for info, keep in zip(infos, is_real, strict=True) if keep]
        uids = [uid for uid, keep in zip(all_uids, is_real, strict=True) if keep]
        head = choices_of(real, self.config.algorithm.chrpo.grid)
        metrics.update(batch_figures(real, head))
        for warning in self._watch.observe(head, flat_group_share([info["score"] for info in real], uids)):
            _logger.warning("step %d: %s", self.global_steps, warning)
        return batch
