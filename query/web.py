"""The dashboard's files, and the page of every path that is the dashboard's own."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
# GraphiQL's editor makes style elements and workers of its own.
_GRAPHIQL_POLICY = f"{_POLICY}; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; font-src 'self' data:"

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_FOREVER = "public, max-age=31536000, immutable"

_NOT_BUILT = "The dashboard is not built here: run `make setup`. The API is at /graphql."


def web_directory() -> Path | None:
    """Where the built dashboard lies: in the installed package, else in the repository; None if nowhere."""
    package = Path(__file__).parent
    for directory in (package / "static", package.parent / "web" / "dist"):
        if (directory / "index.html").is_file():
            return directory
    return None


def secured(response: Response, policy: str = _POLICY) -> Response:
    """With the headers that keep a page from running anything that is not ours."""
    response.headers.update(_ALWAYS)
    response.headers["content-security-policy"] = policy
    return response


class Dashboard(StaticFiles):
    """Files as they are; any other path without an extension is a page of the single-page app."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._index = directory / "index.html"

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path == "." or (not PurePosixPath(path).suffix and not path.startswith(("api/", "assets/"))):
            return self._page(scope)
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = _FOREVER if path.startswith("assets/") else "no-cache"
        return secured(response)

    def _page(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405)
        return secured(FileResponse(self._index, headers={"cache-control": "no-cache"}))


async def not_built(_: Request) -> Response:
    """In place of the dashboard."""
    return secured(PlainTextResponse(_NOT_BUILT, 404))


async def graphiql(_: Request) -> Response:
    """The page on which a browser tries out queries."""
    directory = web_directory()
    if directory is None or not (directory / "graphiql.html").is_file():
        return secured(PlainTextResponse(_NOT_BUILT, 404))
    page = FileResponse(directory / "graphiql.html", headers={"cache-control": "no-cache"})
    return secured(page, _GRAPHIQL_POLICY)
