"""What triggers get as the losses of a batch, and what they say if there are none."""

import numpy as np
import pytest

from skretrain.drift import ErrorDrift, RefitDebt, RiskMonitor, ScoredBatch
from skretrain.drift._losses import losses_of, scored_losses_of


@pytest.mark.parametrize("trigger", [ErrorDrift, RefitDebt, RiskMonitor])
def test_a_trigger_that_needs_losses_is_named_where_there_are_none(trigger):
    """So that the user of several triggers knows which one cannot be used."""
    message = rf"^{trigger.__name__} needs a loss per row, .* \(loss=None\).*Pass detector=None"
    with pytest.raises(ValueError, match=message):
        trigger().update(ScoredBatch(0, 3))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_was_not_scored_is_left_out_and_the_batch_stays_as_it_was(dtype):
    """NaN marks a row without a score; infinity is a score."""
    loss = np.array([0.5, np.nan, np.inf, 0.0], dtype=dtype)
    batch = ScoredBatch(0, 4, loss, bounded=False)
    scored = scored_losses_of(batch, RefitDebt())
    assert (scored.dtype, scored.tolist()) == (np.float64, [0.5, np.inf, 0.0])
    scored[:] = 7.0
    np.testing.assert_array_equal(losses_of(batch, RefitDebt()), loss)


@pytest.mark.parametrize("trigger", [RiskMonitor(0.1), RefitDebt()])
@pytest.mark.parametrize("loss", [[0.2, 1.5], [-0.1, 0.3], [0.0, np.inf]])
def test_residuals_that_pass_for_errors_are_refused(trigger, loss):
    """A batch says by default that its losses are bounded; evidence from others is none."""
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]. Pass bounded=False"):
        trigger.reset().update(ScoredBatch(0, 2, np.array(loss)))
    trigger.reset().update(ScoredBatch(0, 2, np.array(loss), bounded=False))
