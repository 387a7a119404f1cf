"""Memory is kept between batches."""

from __future__ import annotations

import ctypes
import platform
from typing import Any

import pyarrow as pa
import pytest

from transforms.memory import ARROW_POOL, keep_memory

IS_GNU = platform.libc_ver()[0] == "glibc"


@pytest.mark.skipif(not IS_GNU, reason="another C library than GNU's")
def test_gnus_c_library_takes_all_settings_and_arrow_keeps_what_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ARROW_POOL, raising=False)
    assert keep_memory()
    assert pa.default_memory_pool().backend_name == "jemalloc"


@pytest.mark.skipif(not IS_GNU, reason="another C library than GNU's")
def test_the_allocator_that_the_environment_names_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pa.default_memory_pool()
    monkeypatch.setenv(ARROW_POOL, "system")
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        assert keep_memory()
        assert pa.default_memory_pool().backend_name == "system"
    finally:
        pa.set_memory_pool(before)


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pa.default_memory_pool().backend_name

    def other(_: object) -> Any:
        return object()

    monkeypatch.setattr(ctypes, "CDLL", other)
    assert not keep_memory()
    assert pa.default_memory_pool().backend_name == before
