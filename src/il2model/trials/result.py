"""The result of a trial: its replicates, beside what was published."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .published import baseline_rows, comparison
from .replicates import Replicates
from .stored import loaded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrialResult(Replicates):
    """Replicates of a trial with their summary, figure and folder; see `Replicates` for what they hold."""

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<p><code>{html.escape(repr(self))}</code></p>{notes}{self.summary().to_html()}"

    def summary(self) -> pd.DataFrame:
        """Return a row per analysis: hazard ratio, median and 95 % of the replicates, published value beside it.

        Its `attrs["notes"]` say who was left out.
        """
        import pandas as pd

        frame = pd.DataFrame(comparison(self)).set_index("analysis")
        frame.attrs["notes"] = self.notes
        return frame

    def baseline(self) -> pd.DataFrame:
        """Return what the virtual patients are like on day 0, published values beside them."""
        import pandas as pd

        frame = pd.DataFrame(baseline_rows(self.covariates, self.design)).set_index("name")
        return frame.drop(columns="published") if frame["published"].isna().all() else frame

    def plot(self) -> Figure:
        """Draw survival overall and by stratum, and the hazard ratio against CSF pNFH."""
        from .figures import trial_figure

        return trial_figure(self)

    @classmethod
    def load(cls, folder: str | Path) -> TrialResult:
        """Return the result that a run left in its folder.

        Raises
        ------
        InputError
            If the folder holds no trial, a run that is not finished, or a damaged file.
        """
        return cls(**loaded(Path(folder)))
