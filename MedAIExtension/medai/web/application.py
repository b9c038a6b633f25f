"""The web application of one study: pages, and what they ask for."""

# No postponed annotations: FastAPI reads them, and some name what is made for one study.

import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Cookie, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool

import medai
from medai.errors import InputError, MedAIError, OutputError, StudyGoneError
from medai.studies import Remarks, Study
from medai.web.annotation import (
    AlreadyHandedInError,
    Annotation,
    CaseGoneError,
    OpenCase,
    Save,
)
from medai.web.guard import REPORT_POLICY, EntryRate, Guard, TooLargeError
from medai.web.invitations import OWNER, RATER, Holder, Invitations
from medai.web.owner_pages import OwnerPages

COOKIE = "medai_device"
STATIC = Path(__file__).parent / "static"
_COOKIE_SECONDS = 60 * 86_400
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_BINARY = {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}


class EntryBody(BaseModel):
    """The token of a personal link."""

    token: str = Field(min_length=1, max_length=200)


class OpenBody(BaseModel):
    """Which unfinished outline to go on with, and whether a handed-in case is corrected."""

    draft: str = Field(default="", max_length=100)
    correct: bool = False
    lost: str = Field(default="", max_length=100)


class SkipBody(BaseModel):
    """Why a case is left without an outline."""

    reason: str = Field(min_length=1, max_length=1000)
    active_seconds: float = Field(default=0.0, ge=0.0, le=1e7, allow_inf_nan=False)


class SaveHead(BaseModel):
    """What stands before the bits of an outline."""

    revision: int = Field(ge=1, le=2**53)
    active_seconds: float = Field(ge=0.0, le=1e7, allow_inf_nan=False)
    quality: str = Field(max_length=20)
    reasons: list[Annotated[str, Field(max_length=100)]] = Field(max_length=10)
    other_reason: str = Field(max_length=1000)


class RefusedError(Exception):
    """A request that ends here, with a status and a sentence for the person at the screen."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def web_application(study: Study, hosts: frozenset[str], *, secure: bool) -> Guard:
    """The application for ``study``. hosts: see ``Guard``. secure: whether TLS is spoken."""
    invitations = Invitations(study)
    annotation = Annotation(study)
    owner = OwnerPages(study)
    rate = EntryRate()

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        owner.close()

    app = FastAPI(
        title="MedAI study",
        version=medai.__version__,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    _answer_errors(app)

    def holder_of(role: str) -> Callable[..., Holder]:
        def holder(cookie: Annotated[str, Cookie(alias=COOKIE)] = "") -> Holder:
            found = invitations.holder(cookie) if 0 < len(cookie) <= 200 else None
            if found is None or found.role != role:
                raise RefusedError(401, "Open your personal link to enter.")
            return found

        return holder

    rater_of, owner_of = holder_of(RATER), holder_of(OWNER)

    def opened_by(key: str, holder: Annotated[Holder, Depends(rater_of)]) -> OpenCase:
        return annotation.case(holder.rater, key)

    rater = Annotated[Holder, Depends(rater_of)]
    open_case = Annotated[OpenCase, Depends(opened_by)]
    the_owner = Annotated[Holder, Depends(owner_of)]

    @app.post("/api/enter")
    def enter(body: EntryBody, request: Request) -> JSONResponse:
        address = request.client.host if request.client else ""
        if not rate.is_allowed(address):
            raise RefusedError(429, "Too many links that aren't valid: wait a minute.")
        entered = invitations.enter(body.token)
        if entered is None:
            rate.note_failure(address)
            raise RefusedError(401, "This link is not valid (any more): ask for a new one.")
        holder, cookie = entered
        answer = JSONResponse({"role": holder.role})
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=_COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        return answer

    @app.get("/api/whoami")
    def whoami(cookie: Annotated[str, Cookie(alias=COOKIE)] = "") -> dict[str, str]:
        found = invitations.holder(cookie) if 0 < len(cookie) <= 200 else None
        return {"role": "" if found is None else found.role}

    @app.get("/api/study")
    def overview(holder: rater) -> dict[str, Any]:
        return annotation.overview(holder.rater)

    @app.post("/api/cases/{number}/open")
    def open_number(number: int, body: OpenBody, holder: rater) -> dict[str, Any]:
        return annotation.open(
            holder.rater, number, draft=body.draft, correct=body.correct, lost=body.lost
        )

    @app.get("/api/open/{key}/slices/{z}", responses={200: _BINARY})
    def one_slice(z: int, opened: open_case) -> Response:
        try:
            content = opened.pixels.slice_bytes(z)
        except IndexError:
            raise RefusedError(404, f"There is no slice {z}.") from None
        return _deflated(content)

    @app.get("/api/open/{key}/masks", responses={200: _BINARY})
    def masks(opened: open_case) -> Response:
        return _deflated(annotation.masks(opened))

    @app.get("/api/open/{key}/region", responses={200: _BINARY})
    def region(opened: open_case) -> Response:
        return _deflated(annotation.region(opened))

    @app.get("/api/open/{key}/predictions", responses={200: _BINARY})
    def predictions(opened: open_case) -> Response:
        return _deflated(annotation.predictions(opened))

    body_of_save = {"requestBody": _BINARY | {"required": True}}

    @app.post("/api/open/{key}/draft", openapi_extra=body_of_save)
    async def draft(opened: open_case, request: Request) -> dict[str, Any]:
        save = _save(await request.body())
        return await run_in_threadpool(annotation.save, opened, save)

    @app.post("/api/open/{key}/submit", openapi_extra=body_of_save)
    async def submit(opened: open_case, request: Request) -> dict[str, Any]:
        save = _save(await request.body())
        return await run_in_threadpool(annotation.submit, opened, save)

    @app.post("/api/open/{key}/skip")
    def skip(body: SkipBody, opened: open_case) -> dict[str, Any]:
        return annotation.skip(opened, body.reason, body.active_seconds)

    @app.get("/api/owner/progress")
    def progress(holder: the_owner) -> dict[str, Any]:
        return owner.progress()

    @app.post("/api/owner/analysis")
    def analyze(holder: the_owner) -> dict[str, Any]:
        owner.analyze()
        return owner.analysis()

    @app.get("/api/owner/analysis")
    def analysis(holder: the_owner) -> dict[str, Any]:
        return owner.analysis()

    @app.get("/api/owner/files/{name:path}", response_class=FileResponse)
    def analysis_file(name: str, holder: the_owner) -> FileResponse:
        path = owner.file(name)
        if path.suffix == ".html":
            return FileResponse(path, headers={"content-security-policy": REPORT_POLICY})
        return FileResponse(path, filename=path.name)

    pages = {f"/{file.name}": file for file in STATIC.iterdir() if file.suffix in _MEDIA_TYPES}
    pages["/"] = STATIC / "index.html"

    def page_of(file: Path) -> Callable[[], Response]:
        content = file.read_bytes()

        def page() -> Response:
            return Response(content, media_type=_MEDIA_TYPES[file.suffix])

        return page

    for address, file in pages.items():
        app.get(address, include_in_schema=False)(page_of(file))
    return Guard(app, hosts)


def openapi_description(study: Study) -> dict[str, Any]:
    """The interface in OpenAPI's words."""
    guard = web_application(study, frozenset(), secure=False)
    app = guard.application
    assert isinstance(app, FastAPI)
    return app.openapi()


def _answer_errors(app: FastAPI) -> None:
    """Every error is one sentence with a status that a page can go by."""
    statuses: tuple[tuple[type[Exception], int], ...] = (
        (CaseGoneError, 410),
        (AlreadyHandedInError, 409),
        (StudyGoneError, 503),
        (OutputError, 503),
        (InputError, 400),
        (MedAIError, 500),
        (TooLargeError, 413),
    )

    def answer(status: int) -> Callable[[Request, Exception], JSONResponse]:
        def handler(request: Request, error: Exception) -> JSONResponse:
            return JSONResponse({"error": str(error) or "The request is too large."}, status)

        return handler

    for kind, status in statuses:
        app.add_exception_handler(kind, answer(status))

    @app.exception_handler(RequestValidationError)
    def misfit(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"error": f"{place}: {first['msg']}."}, 422)

    @app.exception_handler(RefusedError)
    def refused(request: Request, error: RefusedError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, error.status)


def _save(content: bytes) -> Save:
    """A save from its bytes: the length of the head (4, big-endian), the head as JSON, the bits."""
    length = int.from_bytes(content[:4], "big")
    if len(content) < 4 + length or length > 10_000:
        raise InputError("The outline is damaged on its way: its head is cut off.")
    try:
        head = SaveHead(**json.loads(content[4 : 4 + length]))
    except (ValidationError, ValueError, TypeError, RecursionError):
        raise InputError("The outline is damaged on its way: its head can't be read.") from None
    remarks = Remarks(head.quality, tuple(head.reasons), head.other_reason.strip())
    return Save(head.revision, head.active_seconds, remarks, content[4 + length :])


def _deflated(content: bytes) -> Response:
    packed = zlib.compress(content, 1)
    headers = {"content-encoding": "deflate"}
    return Response(packed, media_type="application/octet-stream", headers=headers)
