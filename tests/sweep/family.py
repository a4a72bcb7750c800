"""What came of one family of models."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from tests.sweep.check import Outcome


@dataclass
class Family:
    """What came of one family.

    Attributes:
        family: Its name.
        outcomes: Of the models that ran to the end.
        not_run: Why the others did not, by model.
        seconds: How long a core worked on it; 0 where the process did not end by itself.
        peak_mb: The most memory that the process had, in MiB; 0 where the system does not say.
    """

    family: str
    outcomes: list[Outcome] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    peak_mb: int = 0

    @property
    def passed(self) -> bool:
        """Whether every model ran, and nothing was wrong with any."""
        bad = any(o.wrong or o.structure or o.changed for o in self.outcomes)
        return bool(self.outcomes) and not self.not_run and not bad

    def line(self) -> str:
        """One line of JSON: the sums, and the words where there are any."""
        sums = (
            "layers",
            "never_ran",
            "calls",
            "values",
            "telling",
            "outside",
            "outside_taken",
            "without_copy",
        )
        words = ("wrong", "structure", "changed", "own", "bypassed")
        found = [asdict(outcome) for outcome in self.outcomes]
        row: dict[str, object] = {"family": self.family, "models": len(found)}
        row |= {key: sum(one[key] for one in found) for key in sums}
        row |= {key: sum(len(one[key]) for one in found) for key in words}
        row |= {"not_run": self.not_run, "seconds": round(self.seconds, 1), "peak_mb": self.peak_mb}
        row["details"] = {
            one["name"]: {key: one[key][:5] for key in words if one[key]}
            for one in found
            if any(one[key] for key in words)
        }
        return json.dumps(row)
