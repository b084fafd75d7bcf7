"""Functions in processes: AWS's own runtime client against our Runtime API."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.localstack.plugin.hostmode.runtime_api import FunctionProcess, Invocation, Outcome

HANDLER = """
import os, sys, time

calls = 0

def handler(event, context):
    global calls
    calls += 1
    match event:
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"raise": text}:
            raise ValueError(text)
        case {"exit": code}:
            os._exit(code)
        case {"echo": text}:
            return text
    left = context.get_remaining_time_in_millis()
    return {"id": context.aws_request_id, "arn": context.invoked_function_arn, "left": left, "calls": calls}
"""

Start = Callable[[str], FunctionProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    processes: list[FunctionProcess] = []

    def begin(source: str) -> FunctionProcess:
        (tmp_path / "function.py").write_text(source)
        process = FunctionProcess(sys.executable, "function.handler", tmp_path, {}, tmp_path / "log")
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.stop()


def invoke(process: FunctionProcess, event: object, *, seconds: float = 20) -> Outcome:
    return process.invoke(Invocation("id-1", "arn:of-it", "Root=1", json.dumps(event), time.time() + seconds))


def test_a_function_gets_event_and_context_and_its_process_serves_again(start: Start) -> None:
    process = start(HANDLER)
    for calls in (1, 2):
        outcome = invoke(process, {})
        answer = json.loads(outcome.body)
        assert not outcome.failed
        assert (answer["id"], answer["arn"], answer["calls"]) == ("id-1", "arn:of-it", calls)
        assert 0 < answer["left"] <= 20_000


def test_large_events_and_answers_arrive_whole(start: Start) -> None:
    text = "ü" * 1_500_000
    assert json.loads(invoke(start(HANDLER), {"echo": text}).body) == text


def test_what_a_function_raises_is_an_error_and_the_process_lives_on(start: Start) -> None:
    process = start(HANDLER)
    outcome = invoke(process, {"raise": "Unauthorized"})
    assert outcome.failed
    assert json.loads(outcome.body)["errorMessage"] == "Unauthorized"
    assert not invoke(process, {}).failed


def test_a_function_that_overruns_its_deadline_is_stopped(start: Start) -> None:
    process = start(HANDLER)
    assert not invoke(process, {}).failed
    outcome = invoke(process, {"sleep": 60}, seconds=0.3)
    assert (outcome.failed, json.loads(outcome.body)["errorType"]) == (True, "Sandbox.Timedout")
    assert not process.is_alive


def test_a_process_that_dies_is_an_error_with_its_exit_code(start: Start) -> None:
    process = start(HANDLER)
    outcome = invoke(process, {"exit": 3})
    told = json.loads(outcome.body)
    assert (outcome.failed, told["errorType"]) == (True, "Runtime.ExitError")
    assert told["errorMessage"].endswith("exit status: 3")
    assert not process.is_alive


def test_code_that_cannot_be_imported_is_an_error_that_says_why(start: Start) -> None:
    outcome = invoke(start("import nothing_like_this"), {})
    assert outcome.failed
    assert "nothing_like_this" in json.loads(outcome.body)["errorMessage"]
