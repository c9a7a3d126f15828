"""The newsroom answers over HTTP as forty-six outlets would."""

import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from ruamel.yaml import YAML

from aggregator.demo.newsroom import DemoArticle, load_articles
from aggregator.demo.outlets import OUTLETS
from aggregator.demo.server import NewsroomServer


def article_of(newsroom: NewsroomServer, domain: str) -> DemoArticle:
    return next(article for article in newsroom.articles if article.outlet.domain == domain)


def test_every_feed_and_every_page_answers(newsroom: NewsroomServer, client: httpx.Client) -> None:
    for url, _, _ in newsroom.feeds():
        assert client.get(url).status_code == 200
    for article in newsroom.articles:
        response = client.get(article.link, follow_redirects=True)
        assert response.status_code == 200
        assert str(response.url).partition("?")[0] == article.url
        assert response.headers["content-type"] == f"text/html; charset={article.outlet.encoding}"


def test_a_redirected_link_leads_to_the_page(newsroom: NewsroomServer, client: httpx.Client) -> None:
    article = article_of(newsroom, "spiegel.de")
    response = client.get(article.link)
    assert (response.status_code, response.headers["location"]) == (302, article.url)
    assert article.link != article.url


def test_a_tracked_link_leads_to_the_page_itself(newsroom: NewsroomServer, client: httpx.Client) -> None:
    article = article_of(newsroom, "wsj.com")
    assert "utm_source=rss" in article.link
    assert article.headline in client.get(article.link).text


@pytest.mark.parametrize(
    "url", ["http://example.org/", "http://wsj.com.example.org/feed", "http://127.0.0.2/feed"]
)
def test_a_foreign_host_answers_502(url: str, client: httpx.Client) -> None:
    assert client.get(url).status_code == 502


def test_an_unknown_page_answers_404(client: httpx.Client) -> None:
    assert client.get("http://www.wsj.com/news/nothing-1.html").status_code == 404


def test_a_host_is_known_with_and_without_www(client: httpx.Client) -> None:
    assert client.get("http://wsj.com/feed").content == client.get("http://www.WSJ.com/feed").content


def test_the_front_page_and_robots_txt_answer(client: httpx.Client) -> None:
    assert "/feed" in client.get("http://www.lemonde.fr").text
    assert "Disallow: /private/" in client.get("http://www.lemonde.fr/robots.txt").text


def test_a_known_tag_answers_304_without_a_body(client: httpx.Client) -> None:
    url = "http://www.elpais.com/feed"
    etag = client.get(url).headers["etag"]
    again = client.get(url, headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)


def test_a_known_date_answers_304_and_an_earlier_one_does_not(client: httpx.Client) -> None:
    url = "http://www.elpais.com/feed"
    modified = client.get(url).headers["last-modified"]
    assert client.get(url, headers={"If-Modified-Since": modified}).status_code == 304
    earlier = format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)
    assert client.get(url, headers={"If-Modified-Since": earlier}).status_code == 200


def test_a_tag_outranks_a_date(client: httpx.Client) -> None:
    url = "http://www.elpais.com/feed"
    modified = client.get(url).headers["last-modified"]
    headers = {"If-None-Match": '"other"', "If-Modified-Since": modified}
    assert client.get(url, headers=headers).status_code == 200


def test_an_unreadable_date_answers_the_whole_feed(client: httpx.Client) -> None:
    headers = {"If-Modified-Since": "yesterday"}
    assert client.get("http://www.elpais.com/feed", headers=headers).status_code == 200


def test_a_date_without_a_zone_is_read_as_utc(client: httpx.Client) -> None:
    headers = {"If-Modified-Since": "Fri, 01 Mar 2030 12:00:00 -0000"}
    assert client.get("http://www.elpais.com/feed", headers=headers).status_code == 304


def test_bodies_are_compressed_only_for_clients_that_accept_it(client: httpx.Client) -> None:
    url = "http://www.kommersant.ru/feed"
    plain = client.get(url, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as response:
        packed = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == plain.content
    assert 'encoding="windows-1251"' in plain.content.decode("windows-1251")


def test_a_head_request_has_the_fields_but_no_body(client: httpx.Client) -> None:
    head = client.head("http://www.elpais.com/feed")
    assert head.content == b""
    assert head.headers["etag"] == client.get("http://www.elpais.com/feed").headers["etag"]


def test_reveal_shows_the_earliest_share_of_the_articles(
    newsroom: NewsroomServer, client: httpx.Client
) -> None:
    first, last = newsroom.articles[0], newsroom.articles[-1]
    newsroom.reveal = 0.5
    assert sum(len(newsroom.visible(outlet)) for outlet in OUTLETS.values()) == round(
        len(newsroom.articles) / 2
    )
    assert client.get(first.url).status_code == 200
    assert client.get(last.url).status_code == 404
    before = client.get(last.outlet.feed_url)
    newsroom.reveal = 1.0
    after = client.get(last.outlet.feed_url, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert last.link in after.text
    assert last.link not in before.text


def test_nothing_is_revealed_at_zero(newsroom: NewsroomServer, client: httpx.Client) -> None:
    newsroom.reveal = 0.0
    response = client.get("http://www.elpais.com/feed")
    assert response.status_code == 200
    assert "last-modified" not in response.headers


def test_requests_are_logged_in_order_with_their_status(
    newsroom: NewsroomServer, client: httpx.Client
) -> None:
    client.get("http://www.wsj.com/feed?x=1", headers={"X-Probe": "yes"})
    client.get("http://nowhere.example/")
    wanted = [("GET", "wsj.com", "/feed?x=1", 200), ("GET", "nowhere.example", "/", 502)]
    assert [(r.method, r.host, r.path, r.status) for r in newsroom.requests] == wanted
    assert newsroom.requests[0].headers["x-probe"] == "yes"


def test_the_configuration_names_every_feed_and_the_proxy(newsroom: NewsroomServer) -> None:
    config = YAML(typ="safe").load(newsroom.config_yaml('data/a "quoted": 🗞 name.db'))
    assert config["database"] == 'data/a "quoted": 🗞 name.db'
    assert config["network"] == {"proxy": newsroom.proxy}
    feeds = tuple((feed["url"], feed["outlet"], feed["language"]) for feed in config["feeds"])
    assert feeds == newsroom.feeds()
    assert len(feeds) == len(OUTLETS)


def test_a_server_that_was_left_answers_no_more() -> None:
    with NewsroomServer(datetime(2030, 1, 1, tzinfo=UTC)) as newsroom:
        proxy = newsroom.proxy
    with httpx.Client(proxy=proxy, trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get("http://www.wsj.com/feed")


def test_the_articles_of_a_server_are_fresh_at_the_time_it_is_given() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    with NewsroomServer(now, reveal=0.1) as newsroom:
        assert newsroom.articles == load_articles(now)
        assert now - newsroom.articles[-1].published < timedelta(hours=1)
        assert newsroom.reveal == 0.1
