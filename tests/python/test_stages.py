"""Stages add up, whatever lies within what, and nothing is noted where nobody asked."""

from __future__ import annotations

import time

import pytest

from cnnvis.stages import noted, running, stage, timed


def spend(ms: float) -> None:
    end = time.perf_counter() + ms / 1e3
    while time.perf_counter() < end:
        pass


def test_a_stage_within_another_is_not_counted_twice() -> None:
    begun = time.perf_counter()
    with noted() as stages, stage("outer"):
        spend(2)
        for _ in range(3):
            with stage("inner"):
                spend(2)
    took = (time.perf_counter() - begun) * 1e3
    assert stages.spent["inner"] >= 6
    assert stages.spent["outer"] >= 2
    assert sum(stages.spent.values()) <= took


def test_an_error_ends_a_stage_and_the_notes() -> None:
    with pytest.raises(ValueError, match="no"), noted() as stages, stage("failing"):
        raise ValueError("no")
    assert set(stages.spent) == {"failing"}
    assert running() is None


def test_notes_within_notes_are_the_outer_ones() -> None:
    with noted() as outer:
        with noted() as inner:
            assert inner is outer
        assert running() is outer
    assert running() is None


def test_without_notes_a_timed_function_is_itself() -> None:
    assert timed("spend", spend) is spend
    with stage("unseen"):
        spend(0)
    with noted() as stages:
        timed("spend", spend)(1)
    assert stages.spent["spend"] >= 1
