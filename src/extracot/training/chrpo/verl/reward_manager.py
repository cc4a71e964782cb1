"""verl's reward manager for CHRPO: gives the reward function the generated ids. Imported by verl's processes only."""

from typing import Any

from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from extracot.errors import ConfigError
from extracot.training.chrpo.verl.reward import RESPONSE_IDS


class IdsRewardManager(RewardManagerBase):  # type: ignore[misc]  # verl's types are not followed
    """Scores single-turn responses with the custom reward function, in a thread, ids and all."""

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any, **_others: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        if config.reward.custom_reward_function.path is None:
            raise ConfigError(
                "reward.custom_reward_function.path is not set; launch with the chrpo.yaml that chrpo-verl wrote"
            )

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Score the last of the sequences of one trajectory; a single turn has one.

        Args:
            data: a DataProto with `responses` and `attention_mask` (prompt and response), and the row's columns.

        Returns:
            `reward_score` for verl, and `reward_extra_info` with the parts for the advantages.
        """
        item = data[-1]
        responses = item.batch["responses"]
        mask = item.batch["attention_mask"][-responses.shape[-1] :]
        ids = responses[mask.bool()].tolist()
        row = item.non_tensor_batch
        result = await self.loop.run_in_executor(
            None,
            lambda: self.compute_score(
                data_source=row["data_source"],
                solution_str=self.tokenizer.decode(ids, skip_special_tokens=False),
                ground_truth=row["reward_model"]["ground_truth"],
                extra_info={**row["extra_info"], RESPONSE_IDS: ids},
            ),
        )
        return {"reward_score": result["score"], "reward_extra_info": result}
