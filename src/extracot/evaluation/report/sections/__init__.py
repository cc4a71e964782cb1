"""The sections of the page, one file each: what they show of results and of runs, as markup."""
