"""What is said beside a query's result."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Notes:
    """Each text once, in the order in which they came up."""

    warnings: dict[str, None] = field(default_factory=dict)
    infos: dict[str, None] = field(default_factory=dict)

    def warn(self, text: str) -> None:
        """The result may not be what was meant."""
        self.warnings[f"PromQL warning: {text}"] = None

    def inform(self, text: str) -> None:
        """The query may not be what was meant."""
        self.infos[f"PromQL info: {text}"] = None
