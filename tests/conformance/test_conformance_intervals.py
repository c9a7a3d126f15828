"""Rules B01-B25: when a feed is asked again."""

from __future__ import annotations

import itertools
import math
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest

from aggregator.feeds.freshness import lifetime

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = timedelta(hours=27)
ETAG = ("ETag", '"1"')
SY = "xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'"


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


@pytest.fixture
def busy(site, reply, rss):
    """Let a feed have something new each time it is asked, under a new ETag."""

    def serve(path="/feed", *headers, body=rss, head=""):
        count = itertools.count()

        def answer(_request):
            number = next(count)
            document = body(*(f"{n}" for n in range(max(0, number - 5), number + 1)), head=head)
            return reply(200, document, [("ETag", f'"{number}"'), *headers])

        site.on(path, answer)

    return serve


@pytest.fixture
def first_wait(site, daemon):
    """Return how long a feed is left alone after the first answer."""

    def wait(*answers, length=timedelta(days=60)):
        site.on("/feed", *answers)
        daemon.subscribe(site.url())
        daemon.cycle()
        (due,) = daemon.row("SELECT next_poll_at FROM feeds")
        told = datetime.fromisoformat(due) - daemon.clock.now
        daemon.live(min(told + timedelta(minutes=2), length))
        return site.gaps()[0]

    return wait


def test_b01_no_two_polls_are_less_than_an_hour_apart(site, daemon, busy):
    busy()
    daemon.subscribe(site.url())
    daemon.live(timedelta(hours=56))
    assert len(site.gaps()) >= 50
    assert min(site.gaps()) >= HOUR
    assert len(set(site.gaps())) > 10  # jitter there is


def test_b03_restarts_ask_nobody_before_its_time(site, daemon, busy):
    busy()
    daemon.subscribe(site.url())
    for _ in range(11):
        daemon.live(timedelta(minutes=5))
    assert len(site.log) == 1


@pytest.mark.parametrize("status", [200, 304, 429])
def test_b04_max_age_less_age_is_waited_for(site, daemon, reply, rss, status):
    fresh = [("Cache-Control", "max-age=180000"), ("Age", "3600"), ETAG]
    site.on("/feed", reply(200, rss("a"), [ETAG]), reply(status, rss("b") if status == 200 else b"", fresh))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=5))
    assert site.gaps()[1] >= timedelta(seconds=176400)


@pytest.mark.parametrize("group", ["cc-parse", "age-parse", "expires-parse"])
def test_b05_the_parsing_cases_of_the_cache_tests_give_the_expected_lifetime(suite, now, group):
    """Each counts as kept if it is fresh when the suite asks again, 3 s later."""
    tests = next(one["tests"] for one in suite("http.zip", "cache-tests.json") if one["id"] == group)
    for test in tests:
        first, second = test["requests"][:2]
        headers = [
            (
                name.lower(),
                (http_date(now + timedelta(seconds=value)) if isinstance(value, int) else value).encode(),
            )
            for name, value, *_ in first["response_headers"]
        ]
        kept = (lifetime(headers, now) or 0) > 3
        assert kept == (second["expected_type"] == "cached"), test["id"]
    assert len(tests) >= 15


def test_b06_readers_update_after_cases_give_the_same_next_poll(suite, site, daemon, reply, rss):
    """In reader's grid of whole intervals. A 429 without a usable Retry-After backs off, on purpose."""
    cases = suite("http.zip", "reader_update_after.json")
    daemon.jitter = lambda: 0.0
    different = []
    for number, (name, case) in enumerate(cases.items()):
        path, interval = f"/{number}", timedelta(minutes=case["interval_minutes"])
        site.on(path, reply(case["status"], rss(name), [ETAG, *case["headers"].items()]))
        now = daemon.clock.now = datetime.fromisoformat(case["now"])
        daemon.subscribe(
            f"{{url: '{site.url(path, f'host{number}.example')}', interval: {case['interval_minutes']}m}}"
        )
        daemon.cycle()
        (due,) = daemon.row("SELECT next_poll_at FROM feeds WHERE state <> 'removed'")
        ours, theirs = (datetime.fromisoformat(time) - now for time in (due, case["expected_update_after"]))
        if math.ceil(ours / interval) != math.ceil(theirs / interval):
            assert ours > theirs
            different.append((case["status"], case["headers"].get("retry-after")))
    assert len(cases) == 28
    assert {status for status, _ in different} == {429}
    assert {told for _, told in different} == {None, "xyz", "-200000", "Thu, 31 Dec 2009 23:40:00 GMT"}


@pytest.mark.parametrize(
    "value",
    ["no-store", "no-cache", "max-age=0", "must-revalidate, max-age=0", "private", "no-cache, max-age=60"],
)
def test_b07_no_directive_makes_polling_faster_or_unconditional(site, daemon, reply, rss, value):
    site.on("/feed", reply(200, rss("a"), [ETAG, ("Cache-Control", value)]))
    daemon.subscribe(site.url())
    daemon.live(DAY)
    assert min(site.gaps()) >= HOUR
    assert {request.validators[0] for request in site.asked("/feed")[1:]} == {b'"1"'}


def test_b08_expires_counts_from_the_servers_own_date(first_wait, reply, rss, now):
    skewed = [("Date", http_date(now - HOUR)), ("Expires", http_date(now + 39 * HOUR)), ETAG]
    assert 40 * HOUR <= first_wait(reply(200, rss("a"), skewed)) < 46 * HOUR


@pytest.mark.parametrize("expires", ["0", "Thu, 01 Jan 2015 00:00:00 GMT", "soon", "-1"])
def test_b08_an_invalid_or_past_expires_means_the_floor(first_wait, reply, rss, expires):
    assert HOUR <= first_wait(reply(200, rss("a"), [ETAG, ("Expires", expires)])) < 2 * HOUR


def test_b08_max_age_beats_expires(first_wait, reply, rss, now):
    both = [ETAG, ("Expires", http_date(now + 20 * DAY)), ("Cache-Control", "max-age=7200")]
    assert 2 * HOUR <= first_wait(reply(200, rss("a"), both)) < 3 * HOUR


@pytest.mark.parametrize(
    ("status", "header", "value"),
    [
        *[
            (200, "Cache-Control", f"max-age={n}")
            for n in ("315360000", "9223372036854775808", "-1", "1e309")
        ],
        *[(429, "Retry-After", n) for n in ("315360000", "9223372036854775808", "-1", "1e309")],
        (200, "Expires", "Fri, 31 Dec 9999 23:59:59 GMT"),
        (429, "Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_b09_absurd_waits_are_capped_at_a_month(site, daemon, reply, rss, status, header, value):
    site.on("/feed", reply(status, rss("a"), [(header, value), ETAG]), reply(200, rss("a", "b"), [ETAG]))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=32))
    assert HOUR <= site.gaps()[0] <= timedelta(days=31)
    assert daemon.row("SELECT state FROM feeds") == ("active",)


def test_b10_after_a_429_nothing_is_asked_for_as_long_as_told_restarts_or_not(site, daemon, reply, rss):
    site.on("/feed", reply(429, b"", [("Retry-After", "7200")]), reply(200, rss("a"), [ETAG]))
    daemon.subscribe(site.url())
    for _ in range(12):
        daemon.live(timedelta(minutes=10))
    daemon.live(timedelta(minutes=30))
    assert len(site.log) == 2
    assert site.gaps()[0] >= timedelta(seconds=7200)


@pytest.mark.parametrize(
    ("value", "least"),
    [
        ("Sun, 01 Mar 2026 18:00:00 GMT", 6),
        ("Sun, 01 Mar 2026 18:00:00 +0100", 5),
        ("Sun, 01 Mar 2026 18:00:00", 6),
        ("Sun, 01 Feb 2026 18:00:00 GMT", 1),
        ("in a while", 1),
    ],
)
def test_b11_retry_after_may_be_a_date(first_wait, reply, rss, value, least):
    wait = first_wait(reply(429, b"", [("Retry-After", value)]), reply(200, rss("a"), [ETAG]))
    assert least * HOUR <= wait < (least + 2) * HOUR


def test_b12_while_the_server_says_429_the_waits_grow(site, daemon, reply):
    site.on("/feed", reply(429))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=4))
    gaps = site.gaps()[:5]
    assert gaps[0] >= HOUR
    assert all(later >= 1.5 * earlier or later >= DAY for earlier, later in itertools.pairwise(gaps))


def test_b13_a_503_with_retry_after_is_waited_for_like_a_429(first_wait, reply, rss):
    wait = first_wait(reply(503, b"", [("Retry-After", "18000")]), reply(200, rss("a"), [ETAG]))
    assert 5 * HOUR <= wait < 6 * HOUR


def test_b14_a_429_pauses_the_whole_host(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a"), [ETAG]))
    site.on("/busy", reply(429, b"", [("Retry-After", "14400")]))
    others = [site.url(f"/feed?{number}") for number in range(20)]
    daemon.subscribe(*others)
    daemon.cycle()
    daemon.subscribe(site.url("/busy"), *others)
    daemon.cycle(after=timedelta(minutes=30))
    asked = len(site.log)
    daemon.live(timedelta(minutes=239))
    assert len(site.log) == asked
    daemon.live(DAY + 4 * HOUR)
    assert len({request.target for request in site.log[asked:]}) == 21


def test_b15_fifty_feeds_of_one_host_are_asked_two_at_a_time_and_spaced(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a"), [ETAG]))
    daemon.subscribe(*(site.url(f"/feed?{number}") for number in range(50)))
    daemon.cycle()
    assert len(site.log) == 50
    assert site.most_open <= 2
    starts = sorted(request.at for request in site.log)
    assert starts[-1] - starts[0] >= 48 * timedelta(seconds=0.5)


@pytest.mark.parametrize("trouble", ["500", "timeout", "reset", "dns", "tls"])
def test_b16_a_failure_is_not_tried_again_at_once_and_backs_off_to_a_day(
    site, daemon, names, reply, rss, hang, trouble
):
    good = reply(200, rss("a"), [ETAG])
    answers = {"500": reply(500), "timeout": hang, "reset": b""}
    url = site.url()
    if trouble == "tls":
        site.listen("https", "someone.else.example")
        url = site.url(scheme="https")
    if trouble == "dns":
        names.addresses["feeds.example"] = [[]]
    site.on("/feed", answers.get(trouble, good))
    settings = "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8], timeout: 50ms}"
    daemon.subscribe(url, settings=settings)
    daemon.live(timedelta(days=5))
    times = [datetime.fromisoformat(at) for (at,) in daemon.rows("SELECT at FROM polls ORDER BY id")]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert min(gaps) >= HOUR
    assert all(later >= 1.5 * earlier or later >= DAY for earlier, later in itertools.pairwise(gaps))
    assert DAY <= gaps[-1] <= 1.1 * DAY + LOOK
    assert trouble in ("dns", "tls") or len(site.log) == len(times)


LOOK = timedelta(minutes=1)


def test_b16_a_success_ends_the_backing_off(site, daemon, reply, rss):
    site.on("/feed", *[reply(500)] * 6, reply(200, rss("a"), [ETAG]), reply(500), reply(304))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=6))
    assert site.gaps()[5] > 16 * HOUR
    assert site.gaps()[7] < 2 * HOUR
    assert daemon.row("SELECT failures, last_error FROM feeds") == (0, None)


def test_b17_a_feed_that_is_gone_is_never_asked_again(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a"), [ETAG]), reply(410))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=30))
    daemon.live(timedelta(days=400))
    assert len(site.log) == 2
    state, error = daemon.row("SELECT state, last_error FROM feeds")
    assert (state, error) == ("gone", "The server answered 410 Gone.")
    assert daemon.row("SELECT count(*) FROM entries") == (1,)


def test_b18_a_404_is_asked_once_a_day_for_ever_and_recovers(site, daemon, reply, rss):
    site.on("/feed", *[reply(404)] * 30, reply(200, rss("a"), [ETAG]))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=35))
    assert all(DAY <= gap <= 1.1 * DAY + LOOK for gap in site.gaps()[5:29])
    assert daemon.row("SELECT state FROM feeds") == ("active",)


@pytest.mark.parametrize("status", [401, 403, 451])
def test_b19_a_refusal_backs_off_is_shown_and_no_password_is_tried(site, daemon, reply, status):
    site.on("/feed", reply(status, b"", [("WWW-Authenticate", 'Basic realm="x"')]))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=3))
    assert all(later >= earlier for earlier, later in itertools.pairwise(site.gaps()[:4]))
    assert site.gaps()[-1] >= 16 * HOUR
    assert str(status) in daemon.row("SELECT last_error FROM feeds")[0]
    assert not any("authorization" in request.headers for request in site.log)


@pytest.mark.parametrize(
    ("head", "least"),
    [
        ("<ttl>720</ttl>", 12),
        (f"<sy:updatePeriod {SY}>daily</sy:updatePeriod><sy:updateFrequency {SY}>2</sy:updateFrequency>", 12),
        ("<ttl>60</ttl>", 1),
    ],
)  # fmt: skip
def test_b20_the_documents_wish_is_a_floor(first_wait, reply, rss, head, least):
    assert first_wait(reply(200, rss("a", head=head), [ETAG])) >= least * HOUR


def test_b20_the_longest_of_all_wishes_counts(first_wait, reply, rss):
    answer = reply(200, rss("a", head="<ttl>300</ttl>"), [ETAG, ("Cache-Control", "max-age=36000")])
    assert first_wait(answer) >= 10 * HOUR


def test_b20_skipped_hours_and_days_are_left_out(site, daemon, busy):
    hours = "".join(f"<hour>{hour}</hour>" for hour in range(20, 24))
    busy(head=f"<skipHours>{hours}</skipHours><skipDays><day>Tuesday</day></skipDays>")
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=3))
    moments = [request.at for request in site.asked("/feed")[1:]]
    assert len(moments) > 20
    assert not any(moment.hour >= 20 or moment.weekday() == 1 for moment in moments)


def test_b20_all_hours_or_days_are_none(site, daemon, busy):
    hours = "".join(f"<hour>{hour}</hour>" for hour in range(24))
    busy(head=f"<skipHours>{hours}</skipHours>")
    daemon.subscribe(site.url())
    daemon.live(DAY)
    assert len(site.log) > 10


@pytest.mark.parametrize(
    "head",
    [
        *[f"<ttl>{value}</ttl>" for value in ("-5", "abc", "99999999", "")],
        "<skipHours><hour>24</hour><hour>99</hour><hour>x</hour></skipHours>",
        "<skipDays><day>Funday</day></skipDays>",
        "<sy:updateFrequency xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'>0</sy:updateFrequency>",
    ],
)
def test_b21_nonsense_among_the_wishes_is_ignored(site, daemon, reply, rss, head):
    site.on("/feed", reply(200, rss("a", head=head), [ETAG]))
    daemon.subscribe(site.url())
    assert daemon.cycle().failed == 0
    (due,) = daemon.row("SELECT next_poll_at FROM feeds")
    assert HOUR <= datetime.fromisoformat(due) - daemon.clock.now <= DAY


def test_b22_a_thousand_feeds_due_at_the_start_are_each_asked_once_and_spaced(site, daemon, reply, rss):
    """20 hosts with 50 feeds: at most two starts a second and host."""
    site.on("/feed", reply(200, rss("a"), [ETAG]))
    daemon.subscribe(*(site.url(f"/feed?{n}", f"host{n % 20}.example") for n in range(1000)))
    daemon.cycle()
    assert len(site.log) == len({(request.host, request.target) for request in site.log}) == 1000
    assert site.most_open <= 64
    starts = [request.at for request in site.log if request.host == "host0.example"]
    assert max(starts) - min(starts) >= 48 * timedelta(seconds=0.5)


def test_b23_after_three_days_of_sleep_each_feed_is_asked_once(site, daemon, busy):
    for path in ("/a", "/b"):
        busy(path)
    daemon.subscribe(site.url("/a"), site.url("/b"))
    daemon.live(HOUR)
    asked = len(site.log)
    daemon.clock.move(timedelta(days=3))
    daemon.live(timedelta(minutes=50))
    assert sorted(request.target for request in site.log[asked:]) == ["/a", "/b"]


@pytest.mark.parametrize("days", [1, 30, 365])
def test_b24_a_clock_set_back_stops_no_polling(site, daemon, busy, days):
    busy()
    daemon.subscribe(site.url())
    daemon.live(3 * HOUR)
    daemon.clock.now -= timedelta(days=days)
    began, asked = daemon.clock.now, len(site.log)
    daemon.live(3 * HOUR)
    later = [request.at - began for request in site.log[asked:]]
    assert later[0] <= HOUR
    assert all(b - a >= HOUR for a, b in itertools.pairwise(later))


def test_b24_nor_does_it_keep_a_host_paused_or_a_page_unread(site, daemon, reply, rss):
    """Both were seen by a clock that was a year ahead."""
    site.on("/feed", reply(200, rss("page", links=site.url("", "paper.example")), [("ETag", '"1"')]))
    site.on("/slow", reply(429, b"", [("Retry-After", "7200")]), reply(200, rss("a"), [("ETag", '"1"')]))
    site.on("/page", reply(500))
    settings = "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8]}"
    daemon.subscribe(site.url(), site.url("/slow", "slow.example"), settings=settings)
    daemon.clock.now += timedelta(days=365)
    daemon.cycle()
    daemon.clock.now -= timedelta(days=365)
    site.on("/page", reply(404))
    daemon.live(2 * HOUR)
    assert len(site.asked("/slow")) >= 2
    assert daemon.row("SELECT status FROM articles") == ("gone",)


@pytest.mark.parametrize("day", ["2026-03-28T20:00:00+00:00", "2026-10-24T20:00:00+00:00"])
def test_b25_the_change_of_summer_time_changes_no_gap(site, daemon, busy, monkeypatch, day):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    busy()
    daemon.clock.now = datetime.fromisoformat(day)
    daemon.subscribe(site.url())
    daemon.live(12 * HOUR)
    assert len(site.gaps()) >= 10
    assert all(HOUR <= gap <= 1.1 * HOUR + LOOK for gap in site.gaps())
