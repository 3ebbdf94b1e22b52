"""The face on camera in a browser: one page, one socket, jobs behind REST. The only place that imports Starlette and uvicorn.

settings: what was asked for; auth: Host, Origin, token, headers; limits: what is sent to us, counted; portraits, files: what was
sent; jobs, worker, kinds: the package's functions in a process of their own; seats, live_socket, steering, outbox, wire, viewer,
recorder: the live picture; app, server, run: the routes and what lives behind them.
"""
