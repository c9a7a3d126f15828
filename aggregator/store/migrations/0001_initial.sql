-- The database of aggregator: a public interface. Within a major version columns are only added.
-- Times are UTC text, 2026-01-02T03:04:05Z. Lists are JSON text. Ids are never reused.
-- A column marked (operational) serves the service itself and may change; all others are stable.

CREATE TABLE about (
    key    TEXT PRIMARY KEY,  -- id: a random number of this database, by which its Atom feeds are told from others'; demo: the file holds the demo's fiction; analysed_by: version and encoder that the stored features are of.
    value  TEXT NOT NULL      -- What is to be known under that key.
) STRICT, WITHOUT ROWID;

INSERT INTO about (key, value) VALUES ('id', lower(hex(randomblob(16))));

CREATE TABLE outlets (
    domain  TEXT PRIMARY KEY,  -- The registrable domain that identifies the newsroom: wsj.com, no "www.".
    name    TEXT NOT NULL,     -- What people call it: The Wall Street Journal.
    family  TEXT,              -- Owner group; outlets of one family do not count as independent of each other.
    kind    TEXT               -- newspaper, agency, broadcaster, magazine, online ...; NULL where unknown.
) STRICT;

CREATE TABLE feeds (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT, -- Number of the feed; never reused.
    url                 TEXT NOT NULL UNIQUE,              -- Address as feeds.yaml gives it.
    title               TEXT,                              -- The feed's own title, from its last readable document.
    outlet              TEXT REFERENCES outlets (domain),  -- Outlet of entries whose own address does not tell it.
    language            TEXT,                              -- ISO 639-1 code from feeds.yaml or the feed: a hint, no more.
    tags                TEXT NOT NULL DEFAULT '[]',        -- JSON list of the tags given in feeds.yaml.
    state               TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'failing', 'gone', 'removed')), -- active; failing: the last poll failed, asked again later; gone: the server said 410; removed: no longer in feeds.yaml.
    next_poll_at        TEXT,                              -- When it is due; NULL means at once, or never if gone or removed.
    last_polled_at      TEXT,                              -- Last time it was asked.
    last_success_at     TEXT,                              -- Last time it answered with something usable (304 included).
    failures            INTEGER NOT NULL DEFAULT 0,        -- Failed polls in a row.
    last_error          TEXT,                              -- One sentence on what is wrong; NULL when healthy.
    failing_since       TEXT,                              -- First of the failed polls in a row.
    added_at            TEXT NOT NULL,                     -- When the feed first stood in feeds.yaml.
    home_url            TEXT,                              -- The web page the feed belongs to, as the feed says.
    moved_to            TEXT,                              -- Address it has permanently moved to and is polled at now.
    etag                BLOB,                              -- (operational) ETag of the last usable answer, byte for byte.
    last_modified       BLOB,                              -- (operational) Last-Modified of the last usable answer, byte for byte.
    validators_url      TEXT,                              -- (operational) Address that issued those two.
    body_hash           TEXT,                              -- (operational) Hash of the last usable body.
    full_poll_at        TEXT,                              -- (operational) Last successful request without validators.
    entry_gap_seconds   REAL,                              -- (operational) Smoothed time between two new entries.
    redirect_to         TEXT,                              -- (operational) Permanent redirect seen, not yet believed.
    redirect_count      INTEGER NOT NULL DEFAULT 0,        -- (operational) How often it was seen in a row.
    redirect_since      TEXT,                              -- (operational) When it was first seen.
    hints               TEXT NOT NULL DEFAULT '{}',        -- (operational) JSON: what its last document says about when to ask (ttl, skipHours ...).
    fresh_seconds       REAL                               -- (operational) For how long its last answer said it stays fresh.
) STRICT;
CREATE INDEX feeds_due ON feeds (next_poll_at) WHERE state IN ('active', 'failing');

CREATE TABLE clusters (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT, -- Number of the cluster; never reused, resolvable for ever by cluster_redirects.
    title               TEXT NOT NULL,                     -- Headline of the origin's article, else of its earliest own account in the language most are in.
    first_published_at  TEXT NOT NULL,                     -- Time of its earliest article.
    last_published_at   TEXT NOT NULL,                     -- Time of its latest article.
    article_count       INTEGER NOT NULL,                  -- Articles in it.
    outlet_count        INTEGER NOT NULL,                  -- Different outlets among them.
    independent_count   INTEGER NOT NULL,                  -- Outlets left after copies, families and pure relays are collapsed.
    languages           TEXT NOT NULL DEFAULT '[]',        -- JSON list of the articles' languages, most frequent first.
    origin_article_id   INTEGER REFERENCES articles (id) ON DELETE SET NULL, -- Article that had the report first and is cited for it; NULL where it is not among the feeds.
    origin_outlet       TEXT REFERENCES outlets (domain),  -- Outlet that had the report first and is cited for it; NULL where the event is everybody's.
    created_at          TEXT NOT NULL,                     -- When the id was given out.
    updated_at          TEXT NOT NULL                      -- When its articles last changed.
) STRICT;
CREATE INDEX clusters_by_time ON clusters (last_published_at);
CREATE INDEX clusters_by_origin ON clusters (origin_article_id) WHERE origin_article_id IS NOT NULL;

CREATE TABLE articles (
    id              INTEGER PRIMARY KEY AUTOINCREMENT, -- Number of the article; never reused.
    url             TEXT NOT NULL UNIQUE,              -- Canonical address: one row a page, however many entries point to it.
    outlet          TEXT NOT NULL REFERENCES outlets (domain), -- Outlet that published it, by its address.
    title           TEXT NOT NULL,                     -- Headline, plain text.
    text            TEXT NOT NULL DEFAULT '',          -- The article's text, paragraphs separated by line breaks.
    lang            TEXT,                              -- ISO 639-1 code detected from the text.
    author          TEXT,                              -- Author as the page or the feed names it.
    published_at    TEXT,                              -- When the outlet says it was published, never later than first_seen_at; NULL where it does not say.
    first_seen_at   TEXT NOT NULL,                     -- When the service first saw it.
    status          TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'full', 'teaser', 'blocked', 'gone', 'failed')), -- pending: not fetched yet; full; teaser: only what the feed or a paywall shows; blocked: consent wall, bot challenge, robots.txt; gone: 404 or 410; failed: given up.
    word_count      INTEGER NOT NULL DEFAULT 0,        -- Words in text.
    cluster_id      INTEGER REFERENCES clusters (id),  -- The report it covers; NULL until it has been clustered.
    copy_of         INTEGER REFERENCES articles (id) ON DELETE SET NULL, -- Earliest article whose text this one republishes; NULL for an own account.
    detail          TEXT,                              -- One sentence on why status is not full; NULL otherwise.
    fetched_at      TEXT,                              -- When the page was last read.
    fetch_url       TEXT,                              -- (operational) Address to fetch, as the entry gives it.
    attempts        INTEGER NOT NULL DEFAULT 0,        -- (operational) Attempts to fetch it that failed.
    next_fetch_at   TEXT,                              -- (operational) When its page is due to be fetched; NULL: it is not.
    in_flight       INTEGER NOT NULL DEFAULT 0,        -- (operational) 1: being fetched, or the process was killed while it was.
    cut_off         INTEGER NOT NULL DEFAULT 0,        -- (operational) How often the process was killed while it alone was being fetched; 1 also when there were others.
    links           TEXT NOT NULL DEFAULT '[]',        -- (operational) JSON list of addresses that the text links to.
    analysed_by     TEXT,                              -- (operational) Version of the analysis whose features and citations are stored; NULL: to be analysed.
    clustered_at    TEXT,                              -- When it was first put into a cluster; NULL: it is in none yet.
    to_cluster      INTEGER NOT NULL DEFAULT 0         -- (operational) 1: waits to be clustered, for the first time or again.
) STRICT;
CREATE INDEX articles_by_cluster ON articles (cluster_id);
CREATE INDEX articles_by_time ON articles (coalesce(published_at, first_seen_at));
CREATE INDEX articles_by_outlet ON articles (outlet);
CREATE INDEX articles_copies ON articles (copy_of) WHERE copy_of IS NOT NULL;
CREATE INDEX articles_to_fetch ON articles (next_fetch_at) WHERE next_fetch_at IS NOT NULL;
CREATE INDEX articles_in_flight ON articles (id) WHERE in_flight = 1;
CREATE INDEX articles_to_analyse ON articles (id) WHERE status <> 'pending' AND analysed_by IS NULL;
CREATE INDEX articles_to_cluster ON articles (id) WHERE to_cluster = 1;

CREATE TABLE article_urls (
    url         TEXT PRIMARY KEY,                                            -- An address under which an article was found.
    article_id  INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE  -- The article it leads to.
) STRICT, WITHOUT ROWID;
CREATE INDEX article_urls_by_article ON article_urls (article_id);

CREATE TABLE entries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT, -- Number of the entry; never reused.
    feed_id         INTEGER NOT NULL REFERENCES feeds (id), -- Feed it stands in.
    guid            TEXT NOT NULL,                     -- What identifies it within its feed: the feed's guid, else its link, else a hash of title and date.
    url             TEXT,                              -- Its link, as given; NULL where it has none that is http or https.
    title           TEXT NOT NULL,                     -- Headline in the feed, plain text.
    summary         TEXT NOT NULL DEFAULT '',          -- Summary in the feed, plain text.
    author          TEXT,                              -- Author as the feed names it.
    published_at    TEXT,                              -- Publication time by the feed, never later than first_seen_at.
    updated_at      TEXT,                              -- Time of the last update by the feed.
    first_seen_at   TEXT NOT NULL,                     -- When it was first seen in the feed.
    article_id      INTEGER REFERENCES articles (id) ON DELETE SET NULL, -- The article behind its link.
    source_url      TEXT,                              -- RSS <source>: feed or page the entry was taken from.
    published_raw   TEXT,                              -- The feed's own date string.
    content         TEXT NOT NULL DEFAULT '',          -- (operational) HTML body in the feed, kept until the article has been read.
    alias           TEXT NOT NULL,                     -- (operational) The guid without scheme, case of the host and end slash.
    place           TEXT NOT NULL,                     -- (operational) The link's alias, else title and date: where guids cannot be trusted.
    digest          TEXT NOT NULL,                     -- (operational) Hash of the stored version's content.
    earlier         TEXT NOT NULL DEFAULT '[]',        -- (operational) JSON list of earlier versions' hashes, newest first.
    revisions       INTEGER NOT NULL DEFAULT 0,        -- (operational) How often it was updated.
    UNIQUE (feed_id, guid)
) STRICT;
CREATE INDEX entries_by_article ON entries (article_id);
CREATE INDEX entries_by_alias ON entries (feed_id, alias);
CREATE INDEX entries_by_place ON entries (feed_id, place);
CREATE INDEX entries_by_time ON entries (coalesce(published_at, first_seen_at));

CREATE TABLE article_revisions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- Number of the revision.
    article_id  INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE, -- The article.
    title       TEXT NOT NULL,                      -- Its title until then.
    text        TEXT NOT NULL,                      -- Its text until then.
    seen_at     TEXT NOT NULL                       -- When a newer version replaced it.
) STRICT;
CREATE INDEX article_revisions_by_article ON article_revisions (article_id);

CREATE TABLE article_moves (
    article_id  INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE, -- The article.
    until       TEXT NOT NULL,                      -- When it was put elsewhere.
    cluster_id  INTEGER NOT NULL,                   -- Its cluster until then; cluster_redirects knows what became of it.
    copy_of     INTEGER,                            -- The article whose text it was held to republish until then.
    PRIMARY KEY (article_id, until)
) STRICT, WITHOUT ROWID;
CREATE INDEX article_moves_by_cluster ON article_moves (cluster_id);

CREATE TABLE citations (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- Number of the citation.
    article_id  INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE, -- The article that cites.
    outlet      TEXT REFERENCES outlets (domain),   -- The outlet it names as its source; NULL where the outlet list does not know the name.
    name        TEXT NOT NULL,                      -- The name as written.
    quote       TEXT NOT NULL,                      -- The sentence that names it.
    confidence  REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1), -- How sure the rule is, 0 to 1.
    rule        TEXT NOT NULL                       -- Name of the rule that found it.
) STRICT;
CREATE INDEX citations_by_article ON citations (article_id);
CREATE INDEX citations_by_outlet ON citations (outlet);

CREATE TABLE cluster_redirects (
    old_id  INTEGER PRIMARY KEY,                      -- A cluster id that was given out and is no longer in use.
    new_id  INTEGER NOT NULL REFERENCES clusters (id), -- The cluster in use that took its place; never itself redirected.
    at      TEXT NOT NULL,                            -- When that happened.
    reason  TEXT NOT NULL                             -- merged: both told one report; joined: a person said so; rebuilt; pruned.
) STRICT;
CREATE INDEX cluster_redirects_by_new ON cluster_redirects (new_id);

CREATE TABLE cluster_links (
    article_id  INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE, -- The article that joined.
    other_id    INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE, -- The article by which it joined.
    cluster_id  INTEGER NOT NULL REFERENCES clusters (id) ON DELETE CASCADE, -- The cluster they are in.
    score       REAL NOT NULL,    -- Probability, 0 to 1, that both tell the same report.
    threshold   REAL NOT NULL,    -- Score that was asked for.
    signals     TEXT NOT NULL,    -- JSON object: each signal's value.
    version     TEXT NOT NULL,    -- Version of the algorithm.
    at          TEXT NOT NULL,    -- When it was decided.
    PRIMARY KEY (article_id, other_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX cluster_links_by_cluster ON cluster_links (cluster_id);
CREATE INDEX cluster_links_by_other ON cluster_links (other_id);

CREATE TABLE cluster_constraints (
    article_id  INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE, -- One article, the smaller id.
    other_id    INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE, -- The other.
    together    INTEGER NOT NULL CHECK (together IN (0, 1)), -- 1: a person said they belong together; 0: that they do not.
    at          TEXT NOT NULL,                        -- When the person said so.
    PRIMARY KEY (article_id, other_id),
    CHECK (article_id < other_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX cluster_constraints_by_other ON cluster_constraints (other_id);

CREATE TABLE features (
    article_id  INTEGER PRIMARY KEY REFERENCES articles (id) ON DELETE CASCADE, -- (operational) The article.
    encoder     TEXT NOT NULL,    -- (operational) Name and version of the sentence encoder.
    data        BLOB NOT NULL     -- (operational) What clustering compares, in the analysis' own form.
) STRICT;

CREATE TABLE polls (
    id              INTEGER PRIMARY KEY AUTOINCREMENT, -- Number of the poll.
    feed_id         INTEGER NOT NULL REFERENCES feeds (id), -- Feed that was asked.
    at              TEXT NOT NULL,             -- When.
    outcome         TEXT NOT NULL CHECK (outcome IN ('ok', 'not_modified', 'same_body', 'http_error', 'rate_limited', 'gone', 'not_a_feed', 'refused_address', 'dns', 'connect', 'tls', 'timeout', 'too_large', 'too_many_redirects', 'protocol', 'robots', 'paused')), -- What it came to; ok, not_modified and same_body are successes.
    status          INTEGER,                   -- HTTP status; NULL where there was no answer.
    bytes           INTEGER NOT NULL DEFAULT 0, -- Size of the body, decoded.
    duration        REAL NOT NULL DEFAULT 0,   -- Seconds from request to the last byte.
    new_entries     INTEGER NOT NULL DEFAULT 0, -- Entries that were new.
    changed_entries INTEGER NOT NULL DEFAULT 0, -- Entries whose content had changed.
    detail          TEXT                       -- One sentence on what went wrong or was odd; NULL where nothing was.
) STRICT;
CREATE INDEX polls_by_feed ON polls (feed_id, at);
CREATE INDEX polls_by_time ON polls (at);

CREATE TABLE cycles (
    id              INTEGER PRIMARY KEY AUTOINCREMENT, -- Number of the cycle.
    started_at      TEXT NOT NULL,             -- When it began.
    finished_at     TEXT,                      -- When it ended; NULL while it runs, or if it was killed.
    polled          INTEGER NOT NULL DEFAULT 0, -- Feeds asked.
    failed          INTEGER NOT NULL DEFAULT 0, -- Feeds that could not be polled.
    new_entries     INTEGER NOT NULL DEFAULT 0, -- Entries that were new.
    articles        INTEGER NOT NULL DEFAULT 0, -- Pages fetched and read.
    clustered       INTEGER NOT NULL DEFAULT 0 -- Articles that were given a cluster.
) STRICT;

CREATE TABLE host_pauses (
    host   TEXT PRIMARY KEY,  -- (operational) A host that asked to be left alone (429).
    until  TEXT NOT NULL      -- (operational) Not to be asked before.
) STRICT, WITHOUT ROWID;

CREATE TABLE websub (
    id               INTEGER PRIMARY KEY AUTOINCREMENT, -- (operational) Number of the subscription at a hub.
    feed_id          INTEGER NOT NULL REFERENCES feeds (id), -- (operational) Feed whose changes the hub tells of.
    hub              TEXT NOT NULL,                     -- (operational) The hub's address, as the feed gives it.
    topic            TEXT NOT NULL,                     -- (operational) The feed's own address (rel=self), by which the hub knows it.
    callback         TEXT NOT NULL UNIQUE,              -- (operational) Our address for this subscription; unguessable, known to the hub only.
    secret           TEXT,                              -- (operational) What the hub signs deliveries with; NULL where it has no https.
    stage            TEXT NOT NULL CHECK (stage IN ('wanted', 'held', 'denied', 'leaving')), -- (operational) wanted: not verified yet; held: the hub verified it; denied: the hub refused; leaving: being ended.
    requested_at     TEXT,                              -- (operational) Last request to the hub; NULL: none is pending.
    next_request_at  TEXT,                              -- (operational) When the hub is to be asked (again).
    requests         INTEGER NOT NULL DEFAULT 0,        -- (operational) Requests since it was last verified.
    lease_until      TEXT,                              -- (operational) Until when the hub tells of changes.
    delivered_at     TEXT                               -- (operational) Last delivery that was the hub's own.
) STRICT;
CREATE UNIQUE INDEX websub_by_feed ON websub (feed_id) WHERE stage <> 'leaving';

CREATE TABLE deliveries (
    day         TEXT NOT NULL,               -- The day whose digest it is.
    kind        TEXT NOT NULL,               -- The way it goes: mail or file.
    target      TEXT NOT NULL,               -- To whom it is mailed; of files: all, those of a day are written together.
    begun_at    TEXT NOT NULL,               -- When it was tried first.
    sent_at     TEXT,                        -- When it was taken; NULL: it was not yet.
    attempts    INTEGER NOT NULL DEFAULT 0,  -- (operational) Attempts that were begun.
    next_at     TEXT,                        -- (operational) When it is tried again; NULL: it is not.
    last_error  TEXT,                        -- Why the last attempt failed.
    PRIMARY KEY (day, kind, target)
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE articles_fts USING fts5 (
    title, text, content = 'articles', content_rowid = 'id', tokenize = "unicode61 remove_diacritics 2"
);
-- Pages that were not read yet have no text: they come into the index when they are, once and not twice.
CREATE TRIGGER articles_fts_insert AFTER INSERT ON articles WHEN new.status <> 'pending' BEGIN
    INSERT INTO articles_fts (rowid, title, text) VALUES (new.id, new.title, new.text);
END;
CREATE TRIGGER articles_fts_delete AFTER DELETE ON articles WHEN old.status <> 'pending' BEGIN
    INSERT INTO articles_fts (articles_fts, rowid, title, text) VALUES ('delete', old.id, old.title, old.text);
END;
CREATE TRIGGER articles_fts_update AFTER UPDATE OF title, text, status ON articles
WHEN (old.title, old.text, old.status = 'pending') IS NOT (new.title, new.text, new.status = 'pending') BEGIN
    INSERT INTO articles_fts (articles_fts, rowid, title, text)
        SELECT 'delete', old.id, old.title, old.text WHERE old.status <> 'pending';
    INSERT INTO articles_fts (rowid, title, text)
        SELECT new.id, new.title, new.text WHERE new.status <> 'pending';
END;

CREATE VIEW coverage AS
-- One row per clustered article: who covered which report, and how long after the first.
SELECT
    articles.cluster_id,
    articles.id AS article_id,
    articles.outlet,
    outlets.name AS outlet_name,
    articles.title,
    articles.url,
    articles.lang,
    coalesce(articles.published_at, articles.first_seen_at) AS published_at,
    CAST(round((julianday(coalesce(articles.published_at, articles.first_seen_at))
        - julianday(clusters.first_published_at)) * 86400) AS INTEGER) AS lag_seconds,
    articles.copy_of,
    articles.status,
    articles.word_count
FROM articles
JOIN clusters ON clusters.id = articles.cluster_id
JOIN outlets ON outlets.domain = articles.outlet;

CREATE VIEW arrivals AS
-- One row per report and outlet: its first article there, and the how-manieth outlet it was.
SELECT
    cluster_id,
    outlet,
    outlet_name,
    article_id,
    lang,
    published_at,
    min(lag_seconds) AS lag_seconds,
    row_number() OVER (PARTITION BY cluster_id ORDER BY min(lag_seconds), min(article_id)) AS place
FROM coverage
GROUP BY cluster_id, outlet;

CREATE VIEW reports AS
-- One row per cluster: what was reported, who had it first, who covered it, when.
SELECT
    clusters.id AS cluster_id,
    clusters.title AS headline,
    coalesce(outlets.name, clusters.origin_outlet) AS origin,
    clusters.article_count AS articles,
    clusters.outlet_count AS outlets,
    clusters.independent_count AS independent,
    (SELECT group_concat(value, ' ') FROM json_each(clusters.languages)) AS languages,
    clusters.first_published_at,
    clusters.last_published_at,
    clusters.origin_outlet,
    clusters.origin_article_id
FROM clusters
LEFT JOIN outlets ON outlets.domain = clusters.origin_outlet
WHERE clusters.article_count > 0;

CREATE VIEW feed_health AS
-- One row per feed: how it fares, and what it brought in the last seven days before its latest poll.
SELECT
    feeds.id AS feed_id,
    feeds.url,
    feeds.title,
    feeds.outlet,
    feeds.state,
    feeds.failures,
    feeds.last_error,
    feeds.failing_since,
    feeds.last_success_at,
    feeds.next_poll_at,
    (SELECT count(*) FROM polls WHERE polls.feed_id = feeds.id
        AND polls.at >= strftime('%Y-%m-%dT%H:%M:%SZ', feeds.last_polled_at, '-7 days')) AS polls_7d,
    (SELECT count(*) FROM polls WHERE polls.feed_id = feeds.id
        AND polls.at >= strftime('%Y-%m-%dT%H:%M:%SZ', feeds.last_polled_at, '-7 days')
        AND polls.outcome NOT IN ('ok', 'not_modified', 'same_body')) AS failed_7d,
    (SELECT coalesce(sum(polls.new_entries), 0) FROM polls WHERE polls.feed_id = feeds.id
        AND polls.at >= strftime('%Y-%m-%dT%H:%M:%SZ', feeds.last_polled_at, '-7 days')) AS new_entries_7d
FROM feeds;
