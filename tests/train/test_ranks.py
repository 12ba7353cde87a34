import pytest

from gennari.train.ranks import Ranks, share


@pytest.mark.parametrize(
    ("parts", "size", "shares"),
    [(4, 1, [[0, 1, 2, 3]]), (4, 2, [[0, 1], [2, 3]]), (5, 2, [[0, 1, 2], [3, 4]]), (2, 3, [[0], [1], []])],
)
def test_ranks_share_a_step_in_order_and_the_first_have_one_more(parts, size, shares):
    assert [list(share(parts, rank, size)) for rank in range(size)] == shares


def test_one_process_is_the_first_of_itself():
    assert Ranks().first
    assert not Ranks(rank=1, size=2, local_size=2).first
