"""The routes. `build` gives the ASGI application."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import mimetypes
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.compose import NAMES as PARTS
from reenact.motion.expression import PRESETS, SPREAD_MIN, expression_map
from reenact.pipeline.control import ALIGNMENTS
from reenact.provenance.keys import installed
from reenact.runtime.onnx_method import OnnxMethod
from reenact.serve.auth import Guard
from reenact.serve.jobs import FINAL, Job, QueueFull
from reenact.serve.limits import read_form, read_json, read_text
from reenact.serve.live_socket import LiveSocket
from reenact.serve.portraits import Sent
from reenact.serve.server import Server, lifespan_of
from reenact.serve.viewer import watch
from reenact.tracking.receiver import KINDS

STATIC = Path(__file__).resolve().parent / "static"
OPENAPI = Path(__file__).resolve().parent / "openapi.json"
COMMENT_SECONDS = 15.0
"""a comment on a silent stream of events, so that nobody between takes it for dead"""


def build(server: Server) -> ASGIApp:
    """The application, with its guard around it."""
    mimetypes.add_type("text/javascript", ".mjs")
    mimetypes.add_type("text/javascript", ".js")
    routes = Routes(server)
    app = Starlette(
        routes=routes.all(),
        lifespan=lifespan_of(server),
        exception_handlers={HTTPException: _http_error, ReenactError: _reenact_error},  # type: ignore[dict-item]
    )
    return Guard(app, server.settings)


async def _http_error(_: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": str(error.detail)}, error.status_code, headers=error.headers)


async def _reenact_error(_: Request, error: ReenactError) -> Response:
    return JSONResponse({"error": str(error)}, 422)


class Routes:
    """One function a route."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def all(self) -> list[Route | Mount | WebSocketRoute]:
        """Every route there is; openapi.json describes those under /api and the two of health."""
        return [
            Route("/", self.page, methods=["GET"]),
            Route("/view", self.view, methods=["GET"]),
            Route("/healthz", self.healthy, methods=["GET"]),
            Route("/readyz", self.is_ready, methods=["GET"]),
            Route("/api/info", self.info, methods=["GET"]),
            Route("/api/openapi.json", self.openapi, methods=["GET"]),
            Route("/api/portraits", self.add_portrait, methods=["POST"]),
            Route("/api/portraits/{id}", self.remove_portrait, methods=["DELETE"]),
            Route("/api/portraits/{id}/face", self.choose_face, methods=["POST"]),
            Route("/api/portraits/{id}/picture", self.portrait_picture, methods=["GET"]),
            Route("/api/files", self.add_file, methods=["POST"]),
            Route("/api/files/{id}", self.remove_file, methods=["DELETE"]),
            Route("/api/jobs", self.list_jobs, methods=["GET"]),
            Route("/api/jobs", self.add_job, methods=["POST"]),
            Route("/api/jobs/{id}", self.job, methods=["GET"]),
            Route("/api/jobs/{id}", self.remove_job, methods=["DELETE"]),
            Route("/api/jobs/{id}/events", self.events, methods=["GET"]),
            Route("/api/jobs/{id}/result", self.result, methods=["GET"]),
            Route("/api/verify", self.verify, methods=["POST"]),
            Route("/api/rtc", self.add_peer, methods=["POST"]),
            Route("/api/rtc/{id}", self.remove_peer, methods=["DELETE"]),
            WebSocketRoute("/api/live", self.live),
            WebSocketRoute("/api/view", self.viewer),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]

    async def page(self, request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def view(self, request: Request) -> Response:
        return FileResponse(STATIC / "view.html")

    async def healthy(self, request: Request) -> Response:
        return JSONResponse({"healthy": True})

    async def is_ready(self, request: Request) -> Response:
        seats = self._server.seats
        held = {"ready": seats.ready, **({"error": seats.failed} if seats.failed else {})}
        return JSONResponse(held, 200 if seats.ready else 503)

    async def info(self, request: Request) -> Response:
        seats, settings = self._server.seats, self._server.settings
        if seats.failed:
            raise HTTPException(503, seats.failed)
        if not seats.ready:
            return JSONResponse({"ready": False})
        limits = {
            "image_mb": settings.max_image_mb,
            "video_mb": settings.max_video_mb,
            "minutes": settings.max_minutes,
            "jobs": settings.jobs,
            "keep_hours": settings.keep_hours,
        }
        return JSONResponse(
            {
                "ready": True,
                "version": importlib.metadata.version("reenact"),
                **_about(seats.method),
                "sessions": {"all": settings.sessions, "free": seats.free},
                "limits": limits,
                "smooth": settings.smooth,
                "rtc": settings.rtc,
                "transport": settings.transport,
                "ice_servers": settings.ice_servers,
                "phones": list(KINDS),
                "portraits": [sent.shown() for sent in self._server.portraits.kept()],
            }
        )

    async def openapi(self, request: Request) -> Response:
        return Response(OPENAPI.read_bytes(), media_type="application/json")

    async def add_portrait(self, request: Request) -> Response:
        form = await read_form(request, self._server.settings.max_image_mb)
        face = form.fields.get("face", "1")
        if not face.isdecimal() or len(face) > 3:
            raise ReenactError("face must be a whole number: 1 is the largest face")
        if "consent" not in form.fields:
            raise ReenactError("consent is missing: self, permission or nobody")
        sent = await asyncio.to_thread(self._server.portraits.add, form.file, int(face), form.fields["consent"])
        return JSONResponse(sent.shown(), 201, headers={"location": f"/api/portraits/{sent.id}"})

    async def remove_portrait(self, request: Request) -> Response:
        if not self._server.portraits.remove(request.path_params["id"]):
            raise HTTPException(404, "this portrait is no longer here")
        return Response(status_code=204)

    async def choose_face(self, request: Request) -> Response:
        """The same photo with another face meant: a portrait of its own."""
        face = (await read_json(request)).get("face")
        if isinstance(face, bool) or not isinstance(face, int):
            raise ReenactError("face must be a whole number: 1 is the largest face")
        photo = self._portrait(request.path_params["id"], 404)
        sent = self._server.portraits.choose(photo.id, face)
        return JSONResponse(sent.shown(), 201, headers={"location": f"/api/portraits/{sent.id}"})

    async def portrait_picture(self, request: Request) -> Response:
        sent = self._portrait(request.path_params["id"], 404)
        return Response(await asyncio.to_thread(sent.picture), media_type="image/jpeg")

    async def add_file(self, request: Request) -> Response:
        return JSONResponse(await self._server.files.save(request), 201)

    async def remove_file(self, request: Request) -> Response:
        self._server.files.remove(request.path_params["id"])
        return Response(status_code=204)

    async def list_jobs(self, request: Request) -> Response:
        return JSONResponse({"jobs": [self._shown(job) for job in self._server.jobs.all()]})

    async def add_job(self, request: Request) -> Response:
        asked = await read_json(request)
        if unknown := [name for name in asked if name not in ("kind", "portrait", "driving", "film", "options")]:
            raise ReenactError(f"a job has no {unknown[0]!r}: give kind, portrait, driving, film and options")
        options = asked.get("options") or {}
        if not isinstance(options, dict):
            raise ReenactError("options must be an object")
        photo = self._portrait(str(asked["portrait"])) if asked.get("portrait") else None
        if photo is not None and photo.face != 1 and asked.get("kind") not in ("encode", "dub", "verify"):
            options = {"face": photo.face, **options}
        driving = self._server.files.path(str(asked["driving"])) if asked.get("driving") else None
        kind = str(asked.get("kind"))
        film = str(asked["film"]) if asked.get("film") else None
        job = await self._submit(kind, options, None if photo is None else photo.photo, driving, film)
        return JSONResponse(self._shown(job), 202, headers={"location": f"/api/jobs/{job.id}"})

    async def job(self, request: Request) -> Response:
        return JSONResponse(self._shown(self._job(request)))

    async def remove_job(self, request: Request) -> Response:
        await self._server.jobs.remove(self._job(request).id)
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        job = self._job(request)
        return StreamingResponse(self._events(job.id), media_type="text/event-stream")

    async def result(self, request: Request) -> Response:
        job = self._job(request)
        if job.state != "done" or job.result is None:
            raise HTTPException(409, f"the job is {job.state}: there is no result")
        path = self._server.jobs.folder(job.id) / job.result
        return FileResponse(path, filename=f"reenact-{job.kind}{path.suffix}")

    async def verify(self, request: Request) -> Response:
        jobs, files = self._server.jobs, self._server.files
        sent = str((await files.save(request))["id"])
        try:
            job = await self._submit("verify", {}, driving=files.path(sent))
        finally:
            files.remove(sent)
        try:
            last = [job async for job in jobs.changes(job.id)][-1]
            if last.state != "done" or last.result is None:
                raise HTTPException(422, last.error or "the file could not be read")
            return Response((jobs.folder(job.id) / last.result).read_bytes(), media_type="application/json")
        finally:
            await jobs.remove(job.id)

    async def add_peer(self, request: Request) -> Response:
        settings, offer = self._server.settings, await read_text(request, "application/sdp")
        if not settings.rtc:
            raise HTTPException(501, "no WebRTC here: pip install 'reenact[webrtc]', and no --transport websocket")
        client = request.headers.get("reenact-session", "")
        live = next((one for one in self._server.seats.lives if one.client == client and one.outbox is not None), None)
        if live is None:
            raise HTTPException(409, "open the live socket first, and name its session in Reenact-Session")
        from reenact.serve.rtc import Peer  # the extra `webrtc`

        if live.peer is not None:
            await live.peer.close()
        peer = Peer(live, settings.ice_servers)
        answer = await peer.answer(offer)
        return Response(answer, 201, {"location": f"/api/rtc/{peer.id}"}, "application/sdp")

    async def remove_peer(self, request: Request) -> Response:
        """204 for one that has ended by itself, too: a page's own goodbye may arrive first, and its DELETE asks for the same."""
        for live in self._server.seats.lives:
            if live.peer is not None and live.peer.id == request.path_params["id"]:
                await live.peer.close()
                live.resume()
        return Response(status_code=204)

    async def live(self, websocket: WebSocket) -> None:
        await LiveSocket(websocket, self._server.rooms).serve()

    async def viewer(self, websocket: WebSocket) -> None:
        await watch(websocket, self._server.seats)

    def _portrait(self, id: str, missing: int = 422) -> Sent:
        try:
            return self._server.portraits.get(id)
        except ReenactError as error:
            raise HTTPException(missing, str(error)) from None

    def _job(self, request: Request) -> Job:
        try:
            return self._server.jobs.get(request.path_params["id"])
        except KeyError:
            raise HTTPException(404, "there is no such job") from None

    async def _submit(
        self, kind: str, options: dict[str, Any], photo: Image | None = None, driving: Path | None = None, film: str | None = None
    ) -> Job:
        try:
            return await self._server.jobs.submit(kind, options, photo, driving, film)
        except QueueFull:
            line = f"{self._server.settings.jobs} jobs wait already: try again when one has ended"
            raise HTTPException(429, line, headers={"retry-after": "10"}) from None
        except OSError as error:
            raise HTTPException(507, f"the job cannot be stored ({error.strerror}): remove finished jobs") from None

    def _shown(self, job: Job) -> dict[str, Any]:
        return {**job.shown(), "waiting_for": self._server.jobs.place(job.id) if job.state not in FINAL else 0}

    async def _events(self, id: str) -> AsyncIterator[str]:
        changes = self._server.jobs.changes(id)
        coming: asyncio.Task[Job] | None = None
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(changes))
                done, _ = await asyncio.wait([coming], timeout=COMMENT_SECONDS)
                if not done:
                    yield ": still here\n\n"
                    continue
                try:
                    job = coming.result()
                except StopAsyncIteration:
                    return
                coming = None
                yield f"event: job\ndata: {json.dumps(self._shown(job))}\n\n"
        finally:
            if coming is not None:
                coming.cancel()


@cache
def _about(method: OnnxMethod) -> dict[str, Any]:
    """What does not change while the server runs."""
    try:
        spread = expression_map(method).spread
        moves = [bool(value >= SPREAD_MIN) for value in spread[1:]]
    except ReenactError:
        moves = [False] * (len(BLENDSHAPE_NAMES) - 1)
    shapes = [{"name": name, "moves": moved} for name, moved in zip(BLENDSHAPE_NAMES[1:], moves, strict=True)]
    return {
        "method": method.name,
        "fingerprint": method.fingerprint,
        "precision": method.precision,
        "renderer": method.renderer,
        "size": method.size,
        "blendshapes": [*shapes, {"name": "tongueOut", "moves": False}],
        "presets": list(PRESETS),
        "parts": list(PARTS),
        "alignments": list(ALIGNMENTS),
        "signed": installed(),
    }
