"""Contrast between the sentences of two branches."""

import math

import pytest
import torch
from torch.nn import functional

from pc3dad.baselines.align3d.contrast import dual_contrast, state_contrast


@pytest.fixture
def texts():
    """Sentences of two branches, (1, 2, 8) each."""
    draws = torch.Generator().manual_seed(0)
    return [torch.randn(1, 2, 8, generator=draws).requires_grad_() for _ in range(2)]


def test_equal_cosines_cost_the_logarithm_of_two():
    anchor, positive, negative = torch.eye(3)
    assert state_contrast(anchor, positive, negative).item() == pytest.approx(math.log(2))
    assert state_contrast(anchor, anchor, anchor).item() == pytest.approx(math.log(2))


def test_it_is_the_cross_entropy_of_cosines_whatever_the_lengths(texts):
    own, other = texts
    unit, others = functional.normalize(own, dim=-1)[0], functional.normalize(other, dim=-1)[0]
    logits = torch.stack(
        [
            torch.stack([one @ match, one @ own_other])
            for one, match, own_other in ((unit[0], others[0], unit[1]), (unit[1], others[1], unit[0]))
        ]
    )
    expected = functional.cross_entropy(logits, torch.zeros(2, dtype=torch.long))
    torch.testing.assert_close(dual_contrast(own, other), expected)
    torch.testing.assert_close(dual_contrast(3 * own, 5 * other), expected)
    colder = functional.cross_entropy(logits / 0.1, torch.zeros(2, dtype=torch.long))
    torch.testing.assert_close(dual_contrast(own, other, temperature=0.1), colder)


def test_the_other_branch_gets_no_gradient_and_both_sentences_of_the_own_do(texts):
    own, other = texts
    dual_contrast(own, other).backward()
    assert other.grad is None
    assert (own.grad[0].abs().sum(dim=-1) > 0).all()
