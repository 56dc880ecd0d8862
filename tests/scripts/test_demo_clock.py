"""The demo's clock: whatever day it is played on, the callers' Friday has to be a day on which somebody works."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.knowledge.shop_file import read_shop_file
from agent.model import local

SCRIPTS = Path(__file__).parents[2] / "scripts"
SHOPS = [read_shop_file(path) for path in sorted((SCRIPTS / "samples").glob("*.yaml"), reverse=True)]
demo_start = runpy.run_path(str(SCRIPTS / "_clock.py"))["demo_start"]


def test_from_every_hour_of_a_year_it_begins_soon_on_a_tuesday_of_a_week_without_closures():
    moment, last = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 10, 1, tzinfo=UTC)
    while moment < last:
        start = demo_start(SHOPS, since=moment)
        assert timedelta(0) <= start - moment <= timedelta(days=22), moment
        here = local(start, SHOPS[0])
        assert (here.weekday(), here.hour, here.minute) == (1, 10, 0), moment
        for shop in SHOPS:
            friday = (local(start, shop) + timedelta(days=3)).date()
            assert shop.hours.on(friday), (shop.business_name, moment)
        moment += timedelta(hours=7)


def test_thanksgiving_week_is_passed_over():
    assert demo_start(SHOPS, since=datetime(2026, 11, 23, 8, tzinfo=UTC)) == datetime(2026, 12, 1, 20, tzinfo=UTC)
