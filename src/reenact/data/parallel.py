"""Many tasks, one function: in this process, in several processes, or on Ray. Results come as they are ready."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from reenact.core.errors import ReenactError

AHEAD = 2
"""tasks handed out for each worker: one under way, one to go on with"""
TRIES = 2
"""ours: how often a task may lose its process before it is given up"""

Work = Callable[..., Any]
Task = tuple[Any, ...]


def parallel_map(work: Work, tasks: Sequence[Task], lost: Callable[[Task], Any], workers: int, ray: str | None) -> Iterator[Any]:
    """work(*task) of every task, in the order in which they are done.

    workers: at a time. ray: None, `local`, or a cluster's address. lost(task): the result of a task whose process died TRIES
    times. What `work` raises ends it all. Raises ReenactError where Ray is wanted and not there.
    """
    if workers < 1:
        raise ReenactError("`workers` must be 1 or more")
    if ray is not None:
        return _on_ray(work, tasks, lost, workers, ray)
    if workers == 1:
        return (work(*task) for task in tasks)
    return _in_processes(work, tasks, lost, workers)


def _in_processes(work: Work, tasks: Sequence[Task], lost: Callable[[Task], Any], workers: int) -> Iterator[Any]:
    queue, deaths = list(range(len(tasks)))[::-1], [0] * len(tasks)
    while queue:
        # After a death the suspects go one at a time, or an innocent task would be blamed for its neighbour.
        suspects = any(deaths[number] for number in queue)
        running: dict[Future, int] = {}
        pool = ProcessPoolExecutor(1 if suspects else workers, multiprocessing.get_context("spawn"))
        try:
            while queue or running:
                room = 1 if suspects else AHEAD * workers
                while queue and len(running) < room:
                    running[pool.submit(work, *tasks[queue[-1]])] = queue[-1]  # a broken pool raises here: the task stays queued
                    queue.pop()
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    number = running[future]
                    result = future.result()
                    del running[future]
                    yield result
                if suspects and not any(deaths[number] for number in queue):
                    break
        except BrokenProcessPool:
            given_up = []
            for number in running.values():
                deaths[number] += 1
                (given_up if deaths[number] >= TRIES else queue).append(number)
            yield from (lost(tasks[number]) for number in given_up)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _on_ray(work: Work, tasks: Sequence[Task], lost: Callable[[Task], Any], workers: int, address: str) -> Iterator[Any]:
    try:
        import ray
    except ImportError:
        raise ReenactError("`ray` needs Ray: pip install 'reenact[cluster]', or leave it out and give `workers`") from None
    started = not ray.is_initialized()
    if started:
        try:
            if address == "local":
                ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, configure_logging=False)
            else:
                ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ReenactError(f"`ray` {address}: no cluster answers ({' '.join(str(error).split())[:100]})") from None
    try:
        remote = ray.remote(num_cpus=1, max_retries=TRIES - 1)(work)
        queue, running = list(range(len(tasks)))[::-1], {}
        while queue or running:
            while queue and len(running) < AHEAD * workers:
                number = queue.pop()
                running[remote.remote(*tasks[number])] = number
            (ready, *_), _ = ray.wait(list(running), num_returns=1)
            number = running.pop(ready)
            try:
                result = ray.get(ready)
            except ray.exceptions.RayTaskError as error:
                raise error.as_instanceof_cause() from None
            except ray.exceptions.RayError:  # the worker or its machine died
                result = lost(tasks[number])
            yield result
    finally:
        if started:
            ray.shutdown()
