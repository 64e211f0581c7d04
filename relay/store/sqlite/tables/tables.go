// Package tables holds the steps that build the tables of a store in SQLite.
package tables

import "qaserelay/relay/store/ledger"

// ApplicationID marks a database file as ours ("QREL").
const ApplicationID = 0x5152454c

// Migrations returns the steps that build the tables; step i leads from version i to version i+1. A released step is
// never changed.
//
// Columns that change with every attempt (state, next_at, unfinished) are in as few indexes as possible: next_at only
// in deliveries_due. Indexes that begin with an id only grow at their end, which costs next to nothing. Deliveries have
// no index by event but for those that are apart from it: see [DeliveriesOf].
//
// A delivery that was claimed as it was made is sending here, until its first attempt ends: most are delivered by it, and
// were never in the indexes of what is pending. One that is claimed later stays pending here while it is being sent.
func Migrations() []string {
	return []string{schema1, schema2, schema3, schema4, schema5, schema6, schema7, schema8, schema9, schema10}
}

const schema1 = `
CREATE TABLE events (
	id          INTEGER PRIMARY KEY,
	source      TEXT NOT NULL,
	name        TEXT NOT NULL,
	project     TEXT NOT NULL,
	received_at INTEGER NOT NULL,
	decisions   BLOB,
	body        BLOB
) STRICT;
-- Lists filter by reading this narrow index, never the bodies.
CREATE INDEX events_list ON events (id, source, name, project);

CREATE TABLE dedupe (
	hash       BLOB PRIMARY KEY,
	event_id   INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
	id         INTEGER PRIMARY KEY,
	event_id   INTEGER NOT NULL,
	rule       TEXT NOT NULL,
	notifier   TEXT NOT NULL,
	order_key  TEXT NOT NULL,
	title      TEXT NOT NULL,
	state      TEXT NOT NULL CHECK (state = 'pending' OR state = 'sending' OR state = 'delivered' OR state = 'dead' OR state = 'cancelled'), -- IN would make a table each time
	unfinished INTEGER NOT NULL CHECK (unfinished = (state IN ('pending', 'sending'))),
	next_at    INTEGER CHECK ((next_at IS NOT NULL) = (state = 'pending')),
	attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
	lease      INTEGER NOT NULL DEFAULT 0 CHECK (lease > 0 OR state IN ('pending', 'cancelled')),
	created_at INTEGER NOT NULL,
	first_at   INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	status     TEXT NOT NULL DEFAULT '',
	error      TEXT NOT NULL DEFAULT '',
	message    BLOB
) STRICT;
CREATE INDEX deliveries_due ON deliveries (notifier, next_at) WHERE unfinished = 1;
CREATE INDEX deliveries_lane ON deliveries (notifier, order_key, id) WHERE unfinished = 1;
CREATE INDEX deliveries_dead ON deliveries (id, notifier) WHERE state = 'dead';
CREATE INDEX deliveries_cancelled ON deliveries (id, notifier) WHERE state = 'cancelled';
CREATE INDEX deliveries_event ON deliveries (event_id);
-- Lists filter by reading this narrow index, which only grows at its end: an index for each filter would cost every event more
-- than it saves the few who ask.
CREATE INDEX deliveries_list ON deliveries (id, notifier, rule);

-- A delivery has at most one attempt for each lease.
CREATE TABLE attempts (
	delivery_id INTEGER NOT NULL,
	lease       INTEGER NOT NULL,
	at          INTEGER NOT NULL,
	took        INTEGER NOT NULL,
	status      TEXT NOT NULL,
	reason      TEXT NOT NULL,
	error       TEXT NOT NULL,
	response    TEXT NOT NULL,
	PRIMARY KEY (delivery_id, lease)
) STRICT, WITHOUT ROWID;

CREATE TABLE kv (
	key        TEXT PRIMARY KEY,
	value      BLOB NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE probe (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	at INTEGER NOT NULL
) STRICT;
`

// schema2 keeps each event's hash with it, so that the newest ones need not be in the table dedupe yet.
const schema2 = `
ALTER TABLE events ADD COLUMN hash BLOB;
DROP INDEX events_list;
CREATE INDEX events_list ON events (id, source, name, project, hash);
CREATE TABLE marks (
	name  TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`

// schema3 adds replays, fallbacks, the limit of waiting in order (in milliseconds, NULL is OrderWait), and counts of
// unfinished and dead deliveries. The list of deliveries has their events too, so that it can be filtered by those.
const schema3 = `
ALTER TABLE events ADD COLUMN replay_of INTEGER;
ALTER TABLE deliveries ADD COLUMN fallback_for INTEGER;
ALTER TABLE deliveries ADD COLUMN wait INTEGER CHECK (wait > 0);

DROP INDEX deliveries_list;
CREATE INDEX deliveries_list ON deliveries (id, notifier, rule, event_id);

CREATE TABLE counts (
	notifier   TEXT PRIMARY KEY,
	unfinished INTEGER NOT NULL CHECK (unfinished >= 0),
	bytes      INTEGER NOT NULL CHECK (bytes >= 0), -- of the messages of the unfinished ones
	dead       INTEGER NOT NULL CHECK (dead >= 0),
	since      INTEGER NOT NULL -- no unfinished one has a smaller id
) STRICT, WITHOUT ROWID;
` + CountAll

// CountAll fills the table counts.
const CountAll = `INSERT INTO counts (notifier, unfinished, bytes, dead, since)
SELECT notifier, sum(unfinished), sum(unfinished * coalesce(length(message), 0)), sum(state = 'dead'),
	coalesce(min(CASE unfinished WHEN 1 THEN id END), 0)
FROM deliveries WHERE unfinished = 1 OR state = 'dead' GROUP BY notifier;
`

// schema4 makes deliveries pending that were being sent when claims were still written.
const schema4 = `
UPDATE deliveries SET state = 'pending', next_at = iif(order_key <> '' AND EXISTS (
	SELECT 1 FROM deliveries b INDEXED BY deliveries_lane
	WHERE b.unfinished = 1 AND b.notifier = deliveries.notifier AND b.order_key = deliveries.order_key AND b.id < deliveries.id), max(created_at + coalesce(wait, 3600000), updated_at), updated_at)
WHERE unfinished = 1 AND next_at IS NULL;
`

// schema5 adds slots, which are keys with a due time, their items, and events that slots have made. The counts of no
// notifier have the bytes of the items.
const schema5 = `
ALTER TABLE kv ADD COLUMN due_at INTEGER;
CREATE INDEX kv_due ON kv (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE items (
	key      TEXT NOT NULL,
	event_id INTEGER NOT NULL,
	data     BLOB NOT NULL,
	PRIMARY KEY (key, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_event ON items (event_id);
ALTER TABLE events ADD COLUMN kind TEXT NOT NULL DEFAULT '';
`

// schema6 adds what else was known of an event when it was decided, such as answers of the Qase API.
const schema6 = "ALTER TABLE events ADD COLUMN facts BLOB;"

// schema7 adds outlines of events, which lists read from an index that has them all, in place of the bodies. What earlier
// releases have stored is outlined while the relay runs. It adds audit entries, tallies, and what was seen last.
const schema7 = `
ALTER TABLE events ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN rules TEXT NOT NULL DEFAULT '';
DROP INDEX events_list;
CREATE INDEX events_outline ON events (id, source, name, project, hash, kind, replay_of, outcome, rules, subject);
INSERT INTO kv (key, value, expires_at)
	SELECT '` + ledger.FillKey + `', CAST('{"before":' || (last + 1) || '}' AS BLOB), 9223372036854775807
	FROM (SELECT max(id) AS last FROM events) WHERE last IS NOT NULL;
INSERT INTO marks (name, value) SELECT 'tallied', last FROM (SELECT max(id) AS last FROM events) WHERE last IS NOT NULL;
CREATE TABLE audit (
	id      INTEGER PRIMARY KEY,
	at      INTEGER NOT NULL,
	who     TEXT NOT NULL,
	how     TEXT NOT NULL,
	peer    TEXT NOT NULL,
	verb    TEXT NOT NULL,
	object  TEXT NOT NULL,
	details TEXT NOT NULL,
	outcome TEXT NOT NULL
) STRICT;
CREATE TABLE tally (
	kind   TEXT NOT NULL,
	bucket INTEGER NOT NULL, -- the minute or hour since 1970
	a      TEXT NOT NULL,
	b      TEXT NOT NULL,
	n      INTEGER NOT NULL,
	PRIMARY KEY (kind, bucket, a, b)
) STRICT, WITHOUT ROWID;
CREATE TABLE seen (
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	id   INTEGER NOT NULL,
	PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
`

// schema8 adds the index of words. It keeps no texts, and knows no order of words. Stored events are indexed while the
// relay runs. The table unindexed has those that are to be indexed (again) although the index is further: n changes with
// each reason.
const schema8 = `
CREATE VIRTUAL TABLE search USING fts5(words, content = '', contentless_delete = 1, detail = 'none', tokenize = 'ascii');
CREATE VIRTUAL TABLE indexed_words USING fts5vocab('search', 'instance');
CREATE TABLE unindexed (
	id INTEGER PRIMARY KEY,
	n  INTEGER NOT NULL
) STRICT;
`

// schema9 has the indexes of what is unfinished hold what is pending. The counts have the ids of the deliveries that are
// sending, each of 8 bytes, which a start makes pending. They are counted anew, since they now say whether a notifier has
// anything to send.
const schema9 = `
DROP INDEX deliveries_due;
DROP INDEX deliveries_lane;
CREATE INDEX deliveries_due ON deliveries (notifier, next_at) WHERE state = 'pending';
CREATE INDEX deliveries_lane ON deliveries (notifier, order_key, id) WHERE state = 'pending';
ALTER TABLE counts ADD COLUMN sending BLOB;
DELETE FROM counts;
` + CountAll + CountItems

// CountItems adds the items to the table counts.
const CountItems = `INSERT INTO counts (notifier, unfinished, bytes, dead, since)
SELECT '', 0, sum(length(data)), 0, 0 FROM items HAVING count(*) > 0;
`

// schema10 has the index by event hold what is apart only.
const schema10 = `
DROP INDEX deliveries_event;
CREATE INDEX deliveries_apart ON deliveries (event_id) WHERE ` + apart + `;
`
