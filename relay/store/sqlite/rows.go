package sqlite

import (
	"iter"
	"strconv"
	"strings"

	"qaserelay/relay/store"
)

// into inserts rows of one table, several with each statement: that costs about half of inserting them one by one.
type into struct {
	columns int
	sizes   []int // rows of each statement, the largest first
	texts   []string
	doing   string // for errors
}

// newInto makes the statements from the words before and after the rows.
func newInto(doing, before string, columns int, after string) into {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	in := into{columns: columns, sizes: []int{16, 4, 1}, doing: doing}
	for _, n := range in.sizes {
		in.texts = append(in.texts, before+" VALUES "+row+strings.Repeat(", "+row, n-1)+after)
	}
	return in
}

// insert writes the rows whose values follow one another in args.
func (c *conn) insert(in into, args []any) error {
	for i, n := range in.sizes {
		for size := n * in.columns; len(args) >= size; args = args[size:] {
			if _, err := c.exec(in.texts[i], args[:size]...); err != nil {
				return store.Wrap(err, in.doing)
			}
		}
	}
	return nil
}

// inserts are the statements that fill the tables of which each event has rows.
type inserts struct{ events, deliveries, attempts, keys, seen into }

func newInserts() inserts {
	return inserts{
		events: newInto("storing events", `INSERT INTO events
			(id, source, name, project, received_at, decisions, body, hash, replay_of)`, 9, ""),
		deliveries: newInto("storing deliveries", `INSERT INTO deliveries (id, event_id, rule, notifier, order_key, title, state,
			unfinished, next_at, created_at, first_at, updated_at, error, message, fallback_for, wait)`, 16, ""),
		attempts: newInto("recording attempts", `INSERT INTO attempts
			(delivery_id, lease, at, took, status, reason, error, response)`, 8, ""),
		keys: newInto("keeping keys", "INSERT INTO kv (key, value, expires_at)", 3,
			" ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"),
		seen: newInto("remembering bodies", "INSERT INTO dedupe (hash, event_id, expires_at)", 3,
			" ON CONFLICT (hash) DO UPDATE SET event_id = excluded.event_id, expires_at = excluded.expires_at"),
	}
}

// idList is ids as a JSON array, for json_each: a list of any length in one argument.
func idList(ids iter.Seq[store.ID]) string {
	list := []byte{'['}
	for id := range ids {
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, int64(id), 10)
	}
	return string(append(list, ']'))
}
