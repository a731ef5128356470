"""Laws that hold for every metric, on facts drawn at random."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.lake import Facts
from data.publish import frame_of
from metrics.answer import answer, many, rows
from metrics.figure import Figure, Number
from metrics.metric import PERIODS, Metric
from metrics.registry import METRICS
from metrics.window import Window
from tests.metrics.factories import DAY, HOUR, LATER, NOON, Row, some_facts, table, tail
