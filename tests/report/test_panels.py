from cxr_xai.report.panels import choose_epochs


def test_few_epochs_are_all_kept() -> None:
    assert choose_epochs([2, 0, 1, 1], best=1, most=3) == [0, 1, 2]


def test_many_epochs_keep_first_last_and_best() -> None:
    chosen = choose_epochs(range(100), best=37, most=10)
    assert len(chosen) == len(set(chosen)) == 10
    assert chosen == sorted(chosen)
    assert {0, 37, 99} <= set(chosen)


def test_a_best_epoch_beside_an_end_keeps_the_end() -> None:
    assert {0, 1, 99} <= set(choose_epochs(range(100), best=1, most=10))
    assert {0, 98, 99} <= set(choose_epochs(range(100), best=98, most=10))


def test_no_epochs() -> None:
    assert choose_epochs([], best=0) == []
