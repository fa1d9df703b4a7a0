"""What every list says of its pages."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None = strawberry.field(description="Pass it as `after` for the next page.")

    @classmethod
    def of(cls, cursors: Sequence[str], more: bool) -> PageInfo:
        """Of a page with these cursors, after which there is more or not."""
        return cls(has_next_page=more, end_cursor=cursors[-1] if cursors else None)
