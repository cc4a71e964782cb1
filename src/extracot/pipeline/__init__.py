"""The table of stages, and the stage that runs several of them one after the other."""
