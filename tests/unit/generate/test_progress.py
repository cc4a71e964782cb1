from extracot.generate.progress import CompletionProgress


def test_progress_tells_rates_and_the_time_left_now_and_then_and_at_the_end() -> None:
    now_s = 0.0
    said: list[str] = []
    progress = CompletionProgress(said.append, "generate", n_total=40, clock=lambda: now_s)
    for n in range(20):
        now_s += 1.0
        progress.add(n_tokens=50, is_correct=n % 2 == 0)
    # Every ten seconds; 10 of 40 in 10 s leave 30 s.
    assert said == [
        "generate: 10/40, 50.0% correct, 1.0 a second, 50 tokens/s, 30.0 s left",
        "generate: 20/40, 50.0% correct, 1.0 a second, 50 tokens/s, 20.0 s left",
    ]
    for _ in range(20):
        progress.add_failure()
    assert said[-1] == "generate: 40/40 (20 failed), 50.0% correct, 2.0 a second, 50 tokens/s, 0.0 s left"


def test_tokens_that_nobody_counts_are_not_told() -> None:
    said: list[str] = []
    CompletionProgress(said.append, "import", n_total=1, clock=lambda: 1.0).add(0, False)
    assert "tokens" not in said[0] and said[0].startswith("import: 1/1, 0.0% correct, ")


def test_nothing_is_called_correct_or_wrong_that_cannot_be_graded_or_was_there_before() -> None:
    said: list[str] = []
    progress = CompletionProgress(said.append, "import", n_total=3, clock=lambda: 1.0)
    progress.skip()
    progress.add(0, None)
    progress.add(0, None)
    assert said[0].startswith("import: 2/2, ") and "correct" not in said[0]


def test_the_first_few_of_many_say_nothing_of_the_rest() -> None:
    now_s = 100.0
    said: list[str] = []
    progress = CompletionProgress(said.append, "generate", n_total=2000, clock=lambda: now_s)
    now_s += 100.0
    progress.add(200, True)
    assert said == ["generate: 1/2000, 100.0% correct, 2 tokens/s"]
