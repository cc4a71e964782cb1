"""CHRPO on many machines through verl: the same problems, rewards, advantages and losses, another engine.

`config` and `run` of the stage are those of `chrpo`, written down for verl; `reward` and `advantages` need no verl;
`plugin`, `trainer`, `loss` and `reward_manager` are imported by verl's processes alone. Written for verl 0.9.1.
"""
