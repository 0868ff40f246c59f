"""The pages in Airflow's web UI: read-only, server-rendered, closed to anyone who is not logged in."""

from typing import Any

PREFIX = "/chatrec"
"""Under which Airflow serves the pages."""


class Pages:
    """The pages as an ASGI application that is built on its first request.

    Airflow loads plugins in every process, and only its API server serves pages: nothing else should pay for them.
    """

    def __init__(self) -> None:
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hands a request to the application."""
        if self.app is None:
            from chatrec_airflow.pages.app import create

            self.app = create()
        await self.app(scope, receive, send)


def view(name: str, page: str, destination: str = "nav") -> dict[str, Any]:
    """How a page is made known to Airflow; its address is relative, so that it holds behind a path prefix."""
    route = page.split("/", 1)[0].replace("_", "-")
    return {
        "name": name,
        "href": f"{PREFIX.lstrip('/')}/{page}",
        "destination": destination,
        "url_route": f"chatrec-{route}",
        **({"category": "chatrec"} if destination == "nav" else {}),
    }
