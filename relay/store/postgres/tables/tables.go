// Package tables holds the steps that build the tables of a store in PostgreSQL.
package tables

import (
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/postgres/words"
)

// Migrations returns the steps that build the tables; step i leads from version i to version i+1. A released step is
// never changed. Times are in milliseconds since 1970, by the clock of the database.
//
// Every change of a delivery writes all indexes that hold it, so they are few, and most hold unfinished deliveries
// only. The order within a stream is that of seq, which is assigned under the lock of the stream: the clocks in ids may
// differ. Deliveries have no index by event but for those that are apart from it: see [DeliveriesOf].
func Migrations() []string {
	return []string{schema1, schema2, schema3, schema4, schema5, schema6}
}

const schema1 = `
CREATE TABLE events (
	id          bigint PRIMARY KEY,
	source      text COLLATE "C" NOT NULL,
	name        text COLLATE "C" NOT NULL,
	project     text COLLATE "C" NOT NULL,
	received_at bigint NOT NULL,
	replay_of   bigint NOT NULL,
	decisions   bytea,
	body        bytea
);
-- Lists filter by reading this narrow index, never the bodies.
CREATE INDEX events_list ON events (id, source, name, project);

CREATE TABLE dedupe (
	hash       bytea PRIMARY KEY,
	event_id   bigint NOT NULL,
	expires_at bigint NOT NULL
);

CREATE TABLE deliveries (
	id           bigint PRIMARY KEY,
	seq          bigint GENERATED ALWAYS AS IDENTITY,
	event_id     bigint NOT NULL,
	fallback_for bigint NOT NULL,
	rule         text COLLATE "C" NOT NULL,
	notifier     text COLLATE "C" NOT NULL,
	order_key    text COLLATE "C" NOT NULL,
	title        text NOT NULL,
	state        text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'dead', 'cancelled')),
	next_at      bigint CHECK ((next_at IS NOT NULL) = (state = 'pending')),
	wait         bigint NOT NULL,
	attempts     integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
	lease        bigint NOT NULL CHECK (lease > 0 OR state IN ('pending', 'cancelled')),
	holder       bigint CHECK ((holder IS NOT NULL) = (state = 'sending')),
	created_at   bigint NOT NULL,
	first_at     bigint NOT NULL,
	updated_at   bigint NOT NULL,
	status       text NOT NULL DEFAULT '',
	error        text NOT NULL,
	message      bytea
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX deliveries_due ON deliveries (notifier, next_at, seq) WHERE state = 'pending';
CREATE INDEX deliveries_lane ON deliveries (notifier, order_key, seq) WHERE state IN ('pending', 'sending');
CREATE INDEX deliveries_oldest ON deliveries (notifier, id) WHERE state IN ('pending', 'sending');
CREATE INDEX deliveries_sending ON deliveries (holder, id) WHERE state = 'sending';
CREATE INDEX deliveries_dead ON deliveries (id, notifier) WHERE state = 'dead';
CREATE INDEX deliveries_cancelled ON deliveries (id, notifier) WHERE state = 'cancelled';
CREATE INDEX deliveries_event ON deliveries (event_id);

-- A delivery has at most one attempt for each lease.
CREATE TABLE attempts (
	delivery_id bigint NOT NULL,
	lease       bigint NOT NULL,
	at          bigint NOT NULL,
	took        bigint NOT NULL,
	status      text NOT NULL,
	reason      text NOT NULL,
	error       text NOT NULL,
	response    text NOT NULL,
	PRIMARY KEY (delivery_id, lease)
);

CREATE TABLE kv (
	key        bytea PRIMARY KEY,
	value      bytea NOT NULL,
	expires_at bigint NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- When the next place of a rate would be if nothing came at once, in microseconds.
CREATE TABLE rates (
	key     bytea PRIMARY KEY,
	next_at bigint NOT NULL,
	taken   boolean NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- The relays that use the store, or have used it.
CREATE TABLE replicas (
	node    integer PRIMARY KEY CHECK (node BETWEEN 0 AND 1023),
	session bigint NOT NULL UNIQUE,
	beat_at bigint NOT NULL,
	ended   boolean NOT NULL
) WITH (fillfactor = 50);
CREATE SEQUENCE sessions;

-- What each writer of each relay has added and taken away; the sum over all is what there is.
CREATE TABLE counts (
	node       integer NOT NULL,
	slot       integer NOT NULL,
	notifier   text COLLATE "C" NOT NULL,
	unfinished bigint NOT NULL,
	dead       bigint NOT NULL,
	bytes      bigint NOT NULL,
	PRIMARY KEY (node, slot, notifier)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE probe (
	node integer PRIMARY KEY,
	at   bigint NOT NULL
);
`

// schema2 adds slots, which are keys with a due time, their items, and events that slots have made. The counts of no
// notifier have the bytes of the items.
const schema2 = `
ALTER TABLE kv ADD COLUMN due_at bigint;
CREATE INDEX kv_due ON kv (due_at, key) WHERE due_at IS NOT NULL;
CREATE TABLE items (
	key      bytea NOT NULL,
	event_id bigint NOT NULL,
	data     bytea NOT NULL,
	PRIMARY KEY (key, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX items_event ON items (event_id);
ALTER TABLE events ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT '';
`

// schema3 adds what else was known of an event when it was decided, such as answers of the Qase API.
const schema3 = "ALTER TABLE events ADD COLUMN facts bytea;"

// schema4 adds outlines, which lists read instead of an index of events, audit entries, tallies, and what was seen last.
// What earlier releases have stored is outlined while the relay runs. Each writer of each relay has tallies of its own,
// as it has counts; the sum over all, and the largest of what was seen, is what there is.
const schema4 = `
CREATE TABLE outlines (
	id        bigint PRIMARY KEY,
	source    text COLLATE "C" NOT NULL,
	name      text COLLATE "C" NOT NULL,
	project   text COLLATE "C" NOT NULL,
	kind      text COLLATE "C" NOT NULL DEFAULT '',
	replay_of bigint NOT NULL DEFAULT 0,
	subject   text NOT NULL DEFAULT '',
	outcome   text COLLATE "C" NOT NULL DEFAULT '',
	rules     text COLLATE "C" NOT NULL DEFAULT ''
);
INSERT INTO outlines (id, source, name, project, kind, replay_of)
	SELECT id, source, name, project, kind, replay_of FROM events ORDER BY id;
DROP INDEX events_list;
INSERT INTO kv (key, value, expires_at)
	SELECT '` + ledger.FillKey + `', convert_to('{"before":' || (last + 1) || '}', 'UTF8'), 9223372036854775807
	FROM (SELECT max(id) AS last FROM events) e WHERE last IS NOT NULL;
CREATE TABLE audit (
	id      bigint PRIMARY KEY,
	at      bigint NOT NULL,
	who     text COLLATE "C" NOT NULL,
	how     text NOT NULL,
	peer    text NOT NULL,
	verb    text COLLATE "C" NOT NULL,
	object  text COLLATE "C" NOT NULL,
	details text NOT NULL,
	outcome text NOT NULL
);
CREATE TABLE tally (
	kind   text COLLATE "C" NOT NULL,
	bucket bigint NOT NULL, -- the minute or hour since 1970
	a      text COLLATE "C" NOT NULL,
	b      text COLLATE "C" NOT NULL,
	node   integer NOT NULL DEFAULT 0,
	slot   integer NOT NULL DEFAULT 0,
	n      bigint NOT NULL,
	PRIMARY KEY (kind, bucket, a, b, node, slot)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE seen (
	kind text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	node integer NOT NULL DEFAULT 0,
	slot integer NOT NULL DEFAULT 0,
	id   bigint NOT NULL,
	PRIMARY KEY (kind, name, node, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
`

// schema5 adds the index of words. What earlier releases have stored is indexed while the relay runs.
const schema5 = words.Schema

// schema6 has the index by event hold what is apart only, and that of the oldest deliveries what is pending: one that is
// sent at once is in neither.
const schema6 = `
DROP INDEX deliveries_event;
CREATE INDEX deliveries_apart ON deliveries (event_id) WHERE ` + apart + `;
DROP INDEX deliveries_oldest;
CREATE INDEX deliveries_oldest ON deliveries (notifier, created_at) WHERE state = 'pending';
`
