from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.config import ConfigError, load_config, parse_config

MISTAKES = """\
databse: x.db
network: {concurrency: many, timeout: 20}
defaults:
  interval: soon
feeds:
  - ftp://example.org/feed
  - https://a.example/feed
  - {url: http://a.example/feed/, tags: world}
digest: {formats: [pdf], at: 7:00}
"""


def problems(text: str, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Path("feeds.yaml"), environment or {})
    return str(caught.value).splitlines()


def test_every_mistake_is_named_at_once_with_its_line_and_what_would_be_right() -> None:
    assert problems(MISTAKES) == [
        "feeds.yaml:1: databse: unknown key; did you mean 'database'?",
        "feeds.yaml:2: network.concurrency: must be a whole number",
        "feeds.yaml:2: network.timeout: 20 is not a duration; write for example 30m, 1h, 72h or 30d",
        "feeds.yaml:4: defaults.interval: 'soon' is not a duration; write for example 30m, 1h, 72h or 30d",
        "feeds.yaml:6: feeds[0].url: 'ftp://example.org/feed' is not a web address; it must begin with"
        " http:// or https://",
        "feeds.yaml:8: feeds[2].tags: must be a list; write for example [one, two]",
        "feeds.yaml:8: feeds[2]: http://a.example/feed/ is already on line 7; remove one of the two",
        "feeds.yaml:9: digest.at: '7:00' is not a time of day; write for example 07:00",
        "feeds.yaml:9: digest.formats[0]: must be 'html', 'md', 'json', 'text' or 'atom'",
    ]


def test_headers_that_cannot_be_sent_are_named_each_on_its_line_without_their_values() -> None:
    text = "feeds:\n  - url: https://a.org/feed\n    headers:\n" + "".join(
        f"      {line}\n"
        for line in (
            "X-Api-Key: good",
            "Host: swordfish",
            "transfer-encoding: swordfish",
            "'X Key': swordfish",
            "'X-Schlüssel': swordfish",
            "'': swordfish",
            "X-Broken: ${TOKEN}",
            "X-Empty: ''",
        )
    )
    assert problems(text, {"TOKEN": "swordfish\n"}) == [
        "feeds.yaml:5: feeds[0].headers.Host: 'Host' is set by the program itself",
        "feeds.yaml:6: feeds[0].headers.transfer-encoding: 'transfer-encoding' is set by the program itself",
        "feeds.yaml:7: feeds[0].headers.X Key: 'X Key' has characters that no header's name has",
        "feeds.yaml:8: feeds[0].headers.X-Schlüssel: 'X-Schlüssel' has characters that no header's name has",
        "feeds.yaml:9: feeds[0].headers.: '' has characters that no header's name has",
        "feeds.yaml:10: feeds[0].headers.X-Broken: the value is empty, has control characters, or blanks at"
        " an end",
        "feeds.yaml:11: feeds[0].headers.X-Empty: the value is empty, has control characters, or blanks at"
        " an end",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feeds: [", "this is not YAML"),
        ("- just\n- a list\n", "the file must be a mapping"),
        ("database: a\ndatabase: b\n", "'database' is given twice"),
        ("feeds:\n  - {outlet: a.org}\n", "feeds[0].url: is missing"),
        ("feeds:\n  - {url: https://a.org, outlet: nonsense}\n", "'nonsense' is not a domain"),
        ("feeds:\n  - {url: https://a.org, language: German}\n", "is not a language code"),
        ("digest: {timezone: Mars/Olympus}\n", "is not a time zone"),
        ("network: {proxy: ftp://x}\n", "a proxy begins with"),
        ("network: {max_feed_size: lots}\n", "is not a size"),
        ("network: {user_agent: 'grüße'}\n", "network.user_agent"),
        ("compute: {workers: -1}\n", "write auto, or 1 to 256"),
        ("compute: {workers: true}\n", "write auto, or 1 to 256"),
        ("compute: {kind: dask}\n", "kind: dask and scheduler: tcp://host:8786 belong together"),
        ("compute: {scheduler: 'tcp://host:8786'}\n", "belong together"),
        ("compute: {kind: dask, scheduler: host}\n", "write for example tcp://host:8786"),
        ("compute: {kind: dask, scheduler: 'tcp://h:1', when_away: never}\n", "must be 'local' or 'wait'"),
        ("retention: {articles: 200000d}\n", "longer than a hundred years"),
        ("feeds: {a: b}\n", "feeds: must be a list"),
        ("cluster: 72h\n", "cluster: must be a mapping"),
        ("digest: {mail: {to: [me], sender: a@b.org, host: h}}\n", "is not an e-mail address"),
        (
            "digest: {mail: {to: [a@b.org], sender: a@b.org, host: h, security: none, password: x}}\n",
            "is not sent without TLS",
        ),
        ("defaults: {full_text: maybe}\n", "must be true or false"),
        (
            "feeds:\n  - {url: https://a.org, strip: ['div >']}\n",
            "feeds[0].strip[0]: 'div >' is not a CSS selector",
        ),
        ("feeds:\n  - {url: https://a.org, strip: ['p::before']}\n", "Pseudo-elements are not supported."),
        ("feeds:\n  - {url: https://a.org, strip: .ad}\n", "feeds[0].strip: must be a list"),
        ("websub: {listen: ':80'}\n", "websub.callback: is missing"),
        ("websub: {callback: 'https://a.org/?x', listen: localhost}\n", "write for example 127.0.0.1:8090"),
        ("websub: {callback: 'https://a.org/?x'}\n", "it ends without ? and #"),
        ("websub: {callback: a.org}\n", "is not a web address"),
    ],
)
def test_a_mistake_is_said_in_plain_words(text: str, message: str) -> None:
    assert any(message in line for line in problems(text))


def test_an_empty_file_is_a_configuration_of_defaults() -> None:
    config = parse_config("", Path("feeds.yaml"), {})
    assert config.feeds == ()
    assert config.defaults.interval == timedelta(hours=1)


def test_feeds_may_be_empty_and_a_bare_url_is_a_feed() -> None:
    assert parse_config("feeds: []\n", Path("f"), {}).feeds == ()
    (feed,) = parse_config("feeds:\n  - https://a.example/feed\n", Path("f"), {}).feeds
    assert feed.url == "https://a.example/feed"


def test_words_that_yaml_1_1_would_twist_stay_as_they_are_written() -> None:
    config = parse_config("defaults: {language: no}\ndigest: {at: 07:00}\n", Path("f"), {})
    assert config.defaults.language == "no"
    assert config.digest.at == "07:00"


def test_secrets_come_from_the_environment_and_from_files_and_are_never_printed(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("swordfish\n")
    file = tmp_path / "feeds.yaml"
    file.write_text(
        "network: {proxy: 'http://me:${PROXY_PASSWORD}@proxy.example:3128'}\n"
        "feeds:\n  - {url: https://a.example/feed, auth: {username: me, password_file: password}}\n"
    )
    config = load_config(file, {"PROXY_PASSWORD": "hunter2"})
    assert config.network.proxy is not None
    assert config.network.proxy.get_secret_value() == "http://me:hunter2@proxy.example:3128"
    assert config.feeds[0].auth is not None
    assert config.feeds[0].auth.password.get_secret_value() == "swordfish"
    assert "hunter2" not in repr(config)
    assert "swordfish" not in repr(config)


def test_a_secret_that_cannot_be_had_is_a_problem_with_its_line() -> None:
    text = "feeds:\n  - {url: 'https://a.example/${TOKEN}', auth: {username: me, password_file: gone}}\n"
    said = problems(text)
    assert any("the environment variable TOKEN is not set" in line for line in said)
    assert any("the file gone cannot be read" in line for line in said)


def test_aliases_that_multiply_beyond_reason_are_refused() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True):
        bomb += f"{name}: &{name} [" + ", ".join([f"*{before}"] * 10) + "]\n"
    assert any("beyond reason" in line for line in problems(bomb))


def test_yaml_that_asks_for_python_objects_builds_none() -> None:
    said = problems("database: !!python/object/apply:os.system ['touch pwned']\n")
    assert said
    assert not Path("pwned").exists()


def test_relative_paths_belong_to_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "feeds.yaml"
    file.write_text("database: news.db\n")
    config = load_config(file)
    assert config.database == tmp_path / "news.db"
    assert config.digest.directory == tmp_path / "data/digests"


def test_a_file_that_is_missing_or_no_text_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="aggregator init"):
        load_config(tmp_path / "feeds.yaml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "binary")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


def test_the_starter_set_and_the_sample_are_right() -> None:
    root = Path(__file__).parents[2]
    starter = load_config(root / "feeds.yaml", {})
    assert len(starter.feeds) >= 25
    assert len({feed.language for feed in starter.feeds}) >= 5
    load_config(root / "aggregator" / "config" / "sample.yaml", {})
