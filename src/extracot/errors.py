"""Every exception that extracot raises on purpose.

```
ExtracotError
├── UsageError         (ValueError)         a bad flag or argument
├── ConfigError        (ValueError)         a config that does not parse, or an unknown key
├── DataError          (ValueError)         a record or a row that says something impossible
├── MissingFileError   (FileNotFoundError)  an input that is not there
├── RunDirectoryError  (FileExistsError)    a finished run, another config, an unwritable place
├── ModelError         (ValueError)         a model folder that does not fit the job
├── MissingExtraError  (ImportError)        an optional package that is not installed
└── StageError         (RuntimeError)       a run that started well and cannot go on
```

A message is one line that says what, where and how to fix it. Each class keeps a plain message, so it
survives pickling between processes. Bugs of our own are not in this tree: they surface as what they are.
"""

from typing import ClassVar


class ExtracotError(Exception):
    """The root: catch this to catch everything that extracot raises on purpose."""

    exit_code: ClassVar[int] = 2
    """What the command line returns: 2 for something the user can correct, 1 for a run that failed."""


class UsageError(ExtracotError, ValueError):
    """A flag or an argument that cannot be meant."""


class ConfigError(ExtracotError, ValueError):
    """A config file, preset or `--set` that does not make a valid config."""


class DataError(ExtracotError, ValueError):
    """A file whose content cannot be used; the message starts with `path:line` where there is one."""


class MissingFileError(ExtracotError, FileNotFoundError):
    """A file or folder that a config or an argument names is not there."""


class RunDirectoryError(ExtracotError, FileExistsError):
    """A run directory that may not be used as asked: finished, of another config, not ours, unwritable."""


class ModelError(ExtracotError, ValueError):
    """A model that cannot do the job: a folder without tokenizer, a vocabulary without control tokens."""


class MissingExtraError(ExtracotError, ImportError):
    """An optional dependency is missing; the message names the extra to install."""


class StageError(ExtracotError, RuntimeError):
    """A run that started from good input and cannot go on."""

    exit_code: ClassVar[int] = 1
