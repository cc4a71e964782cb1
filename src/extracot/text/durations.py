"""Spans of time for people."""


def format_duration(seconds: float) -> str:
    """A span of time: 8.1 s, 2 min 05 s, 3 h 04 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
