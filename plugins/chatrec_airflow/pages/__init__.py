"""Pages in Airflow's web UI: read-only, server-rendered, for logged-in users only."""

from typing import Any

PREFIX = "/chatrec"
"""Path prefix of the pages."""


class Pages:
    """The pages as an ASGI application, built on the first request.

    Airflow loads plugins in every process, but only its API server serves pages; other processes do not import them.
    """

    def __init__(self) -> None:
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request to the application."""
        if self.app is None:
            from chatrec_airflow.pages.app import create

            self.app = create()
        await self.app(scope, receive, send)


def view(name: str, page: str, destination: str = "nav") -> dict[str, Any]:
    """Describe a page to Airflow. Its address is relative, so that it works behind a path prefix."""
    route = page.split("/", 1)[0].replace("_", "-")
    return {
        "name": name,
        "href": f"{PREFIX.lstrip('/')}/{page}",
        "destination": destination,
        "url_route": f"chatrec-{route}",
        **({"category": "chatrec"} if destination == "nav" else {}),
    }
