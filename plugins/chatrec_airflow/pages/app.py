"""The application of the pages, for logged-in users of Airflow with access to the DAG of the runs."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import jinja2
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from chatrec.config import Settings
from chatrec.db import records
from chatrec.db.erasures import hash_of
from chatrec.errors import ChatrecError, RunError
from chatrec.models.labels import label
from chatrec.publish.read import Recommendation, list_of
from chatrec.runs.run import key_of
from chatrec_airflow.pages import audit, plots, runs, users
from chatrec_airflow.pages.reader import Reader
from chatrec_airflow.settings import settings as of_deployment

FOLDER = Path(__file__).parent
DAG = "chatrec_nightly"
"""The pages require read access to this DAG."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
Typed = Annotated[str, Query(max_length=200)]
TypedInForm = Annotated[str, Form(max_length=200)]
AUDIT = logging.getLogger("chatrec.audit")


class NotForThem(Exception):
    """Raised when someone who may see the pages may not see users."""


def _may_edit(request: Request, user: GetUserDep) -> bool:
    try:
        requires_access_dag("PUT", param_dag_id=DAG)(request, user)
    except HTTPException:
        return False
    return True


Edits = Annotated[bool, Depends(_may_edit)]


def create(load: Callable[[], Settings] = of_deployment) -> FastAPI:
    """Create the application.

    Args:
        load: Loads the settings, on the first request that needs them.
    """
    app = FastAPI(
        title="chatrec",
        dependencies=[Depends(requires_access_dag("GET", param_dag_id=DAG))],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    reader = Reader(load)
    _closed_and_readable(app)
    _recommendations(app, reader)
    _runs(app, reader)

    @app.get("/audit")
    def fairness_and_privacy() -> HTMLResponse:
        return page("audit", tables=audit.tables(reader))

    @app.get("/pages.css")
    def style() -> Response:
        return Response((FOLDER / "pages.css").read_text(encoding="utf-8"), media_type="text/css")

    return app


def page(template: str, status: int = 200, up: str = "", **values: Any) -> HTMLResponse:
    """Render a template; `up` is the relative path from the page to the folder of the pages."""
    text = TEMPLATES.get_template(f"{template}.html.j2").render(page=template, up=up, **values)
    return HTMLResponse(text, status)


def _closed_and_readable(app: FastAPI) -> None:
    @app.middleware("http")
    async def _headers(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(ChatrecError)
    def _say(request: Request, error: Exception) -> HTMLResponse:
        return page("problem", 503, up="../" * ("dag_runs" in request.url.path) * 2, message=str(error))

    @app.exception_handler(NotForThem)
    def _refuse(_: Request, error: Exception) -> HTMLResponse:
        return page("problem", 403, message=str(error))


def _recommendations(app: FastAPI, reader: Reader) -> None:
    @app.get("/recommendations", dependencies=[Depends(_may_look_up(reader))])
    def first(run: Typed = "") -> HTMLResponse:
        return _lists(reader, "", run)

    @app.post("/recommendations")
    def of_user(
        by: Annotated[str, Depends(_may_look_up(reader))], user: TypedInForm = "", run: TypedInForm = ""
    ) -> HTMLResponse:
        """Answers a form, because access logs have addresses: they should have no ids of users."""
        if user := user.strip():
            record = hash_of(user, reader.settings.erasure.key) or "not recorded without erasure.key"
            AUDIT.info("%s looked up a user; HMAC of the id: %s.", by, record)
        return _lists(reader, user, run)


def _may_look_up(reader: Reader) -> Callable[..., str]:
    def name_of(user: GetUserDep, edits: Edits) -> str:
        """Returns the name of whoever asks.

        Raises:
            NotForThem: If they may not see users and lists.
        """
        people = reader.settings.pages.people
        if people == "off":
            raise NotForThem("Users and their lists are not shown here: pages.people is off.")
        if people == "edit" and not edits:
            raise NotForThem(f"Users and their lists are for those who may edit {DAG} (pages.people).")
        return user.get_name()

    return name_of


def _lists(reader: Reader, user: str, run: str) -> HTMLResponse:
    with reader.chatrec() as connection:
        kept = records.kept(connection)
        live = next((record for record in kept if record.live), None)
        other = next((record for record in kept if record.key == run and not record.live), None)
        values: dict[str, Any] = {"user": user, "live": live, "other": other, "kept": kept, "known": False}
        if live is None:
            return page("recommendations", **values)
        matches = users.find(connection, live.run, user)
        if other and user and user not in matches[:1]:
            matches += [name for name in users.find(connection, other.run, user) if name not in matches]
        values |= {"matches": matches, "known": user in matches}
        if not values["known"]:
            return page("recommendations", **values)
        types = users.id_types(connection)
        mine: Sequence[Recommendation] = list_of(connection, user)
        theirs: Sequence[Recommendation] = list_of(connection, user, other.key) if other else []
        attention = users.attention(connection, live.run, user, types["user_id"])
    events, problem = users.history(reader, live, user, types)
    if other:
        mine, theirs = users.compare(mine, theirs, "new"), users.compare(theirs, mine, "gone")
    return page("recommendations", **values, mine=mine, theirs=theirs, attention=attention, events=events,
                problem=problem, shown={str(row.item_id) for row in mine})  # fmt: skip


def _runs(app: FastAPI, reader: Reader) -> None:
    @app.get("/runs")
    def of_key(edits: Edits, run: Typed = "") -> HTMLResponse:
        with reader.chatrec() as connection:
            try:
                record = records.get(connection, run) if run else runs.latest(connection)
            except RunError as error:
                return page("runs", 404, run=None, runs=[], message=str(error))
            return _page(connection, record, edits)

    @app.get("/dag_runs/{dag_id}/{run_id}", dependencies=[Depends(requires_access_dag("GET"))])
    def of_dag_run(dag_id: str, run_id: str, edits: Edits) -> HTMLResponse:
        begun = _run_after(dag_id, run_id)
        up = "../../"
        if begun is None:
            return page("runs", 404, up, run=None, runs=[], message="This DAG run is not a run of chatrec.")
        with reader.chatrec() as connection:
            try:
                record = records.get(connection, key_of(begun))
            except RunError:
                message = "This run has not started yet: reload this page after its first task."
                return page("runs", 200, up, run=None, runs=[], message=message)
            return _page(connection, record, edits, up)

    def _page(connection: Any, record: records.RunRecord | None, edits: bool, up: str = "") -> HTMLResponse:
        if record is None:
            return page("runs", 200, up, run=None, runs=[], message="")
        latest = records.latest(connection, runs.MAX_RUNS)
        return page("runs", 200, up, run=runs.read(connection, record, edits), runs=latest, message="")


def _run_after(dag_id: str, run_id: str) -> datetime | None:
    """The `run_after` of a run of one of chatrec's DAGs, from Airflow's metadata; None for other DAGs.

    Tasks may not access the metadata; the API server, which serves these pages, may.
    """
    from airflow.models.dag import DagTag  # noqa: TID251
    from airflow.models.dagrun import DagRun  # noqa: TID251
    from airflow.utils.session import create_session
    from sqlalchemy import select

    ours = select(DagTag.dag_id).where(DagTag.name == "chatrec", DagTag.dag_id == dag_id)
    with create_session() as session:
        run_after: datetime | None = session.scalar(
            select(DagRun.run_after).where(DagRun.run_id == run_id, DagRun.dag_id.in_(ours))
        )
    return run_after


def _number(value: Any) -> str:
    """Format a number, or a mapping of numbers; other values are returned as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_number(part)}" for name, part in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    return f"{value:,.0f}" if value % 1 == 0 else f"{value:,.4g}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "number": _number, "duration": _duration, "shares": plots.shares, "bars": plots.bars, "label": label,
}  # fmt: skip
