package sqlite

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/listing"
	"qaserelay/relay/store/sqlite/conn"
)

// The marks of the index: the event up to which all are indexed but those in the table unindexed, and the event from
// which on they are. Without the first mark there is no index; without the second one nothing is left before it.
const (
	indexedUpTo = "indexed"
	indexedFrom = "indexed_from"
)

// stepEvents is how many events one step indexes. The writer is busy with each for about 10 µs.
const stepEvents = 256

// indexing is what the writer knows of the index. Ids are made before they are stored, so a smaller one may be stored
// later, when the index is further already: such events are noted in the table unindexed.
type indexing struct {
	on    bool
	last  store.ID   // the largest id of an event that is stored
	again []store.ID // to be noted
}

// stored notes a new event.
func (x *indexing) stored(id store.ID) {
	if id < x.last {
		x.changed(id)
	}
	x.last = max(x.last, id)
}

// changed notes an event that is not what is indexed of it.
func (x *indexing) changed(id store.ID) { x.again = append(x.again, id) }

func (w *writer) loadIndex(c *conn.Conn) error {
	const q = "SELECT coalesce(max(id), 0), EXISTS (SELECT 1 FROM marks WHERE name = ?) FROM events"
	err := c.Each(q, []any{indexedUpTo}, func(r conn.Row) { w.index.last, w.index.on = r.ID(0), r.Int(1) == 1 })
	return engine.Wrap(err, "looking how far events are indexed")
}

// saveUnindexed writes which events are to be indexed although the index is further.
func (t *tx) saveUnindexed() error {
	const note = "INSERT INTO unindexed (id, n) VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET n = n + 1"
	for _, id := range t.index.again {
		if !t.index.on {
			break
		}
		if _, err := t.Exec(note, id); err != nil {
			return engine.Wrap(err, "noting an event to be indexed")
		}
	}
	t.index.again = nil
	return nil
}

// match asks the index. The answer is one row, so that ctx ends the search.
func (s *Store) match(ctx context.Context, a ledger.Ask) (ids []store.ID, err error) {
	words, err := s.matchText(ctx, a.Terms)
	if err != nil {
		return nil, err
	}
	asked := ctx
	if a.Within > 0 {
		quick, cancel := context.WithTimeout(ctx, a.Within)
		defer cancel()
		ctx = quick
	}
	w := listing.Where{Conds: []string{"search MATCH ?"}, Args: []any{words.text}}
	w = w.Within("rowid", a.Span)
	q := "SELECT group_concat(rowid) FROM (SELECT rowid FROM search" + w.Text() + a.Span.Order("rowid") + " LIMIT ?)"
	text := ""
	err = s.list(ctx, q, append(w.Args, a.Limit), func(r conn.Row) { text = r.Str(0) })
	switch {
	case asked.Err() != nil:
		return nil, asked.Err()
	case ctx.Err() != nil && words.merged:
		return nil, store.ErrTooManyWords
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	for number := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' }) {
		id, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, err
		}
		ids = append(ids, store.ID(id))
	}
	return ids, err
}

// matchText is a question to the index. It is merged if the index joins all events of the words that begin as a term
// does before it returns the first one.
type matchText struct {
	text   string
	merged bool
}

// maxAlike is how many words that begin as a term does are asked for one by one, which the index can do event by event.
const maxAlike = 100

func (s *Store) matchText(ctx context.Context, terms []store.Term) (m matchText, err error) {
	var parts []string
	for _, t := range terms {
		part := `"` + t.Text + `"`
		if t.Prefix {
			alike, err := s.wordsLike(ctx, t.Text)
			if err != nil {
				return m, err
			}
			if part += "*"; len(alike) > maxAlike {
				m.merged = true
			} else if len(alike) > 0 {
				part = `("` + strings.Join(alike, `" OR "`) + `")`
			}
		}
		parts = append(parts, part)
	}
	m.text = strings.Join(parts, " AND ")
	return m, nil
}

// wordsLike returns the first words of the index that begin with a text. It jumps from word to word, since a frequent
// one has an entry for each event; a space is before all that can follow in a word.
func (s *Store) wordsLike(ctx context.Context, text string) (alike []string, err error) {
	const q = "SELECT term FROM indexed_words WHERE term >= ? LIMIT 1"
	err = s.readers.Read(ctx, func(ctx context.Context, c *conn.Conn) error {
		for from := text; len(alike) <= maxAlike; {
			next := ""
			if err := c.Query(ctx, q, []any{from}, func(r conn.Row) error { next = r.Str(0); return nil }); err != nil {
				return err
			}
			if !strings.HasPrefix(next, text) {
				return nil
			}
			alike, from = append(alike, next), next+" "
		}
		return nil
	})
	return alike, err
}

// indexPlace returns how far the index is.
func (s *Store) indexPlace(ctx context.Context) (p ledger.Place, err error) {
	_, p, err = s.indexMarks(ctx)
	return p, err
}

// indexMarks returns the event up to which events are indexed, and from which on.
func (s *Store) indexMarks(ctx context.Context) (upTo store.ID, p ledger.Place, err error) {
	err = s.list(ctx, "SELECT name, value FROM marks WHERE name IN (?, ?)", []any{indexedUpTo, indexedFrom}, func(r conn.Row) {
		if r.Str(0) == indexedUpTo {
			upTo, p.On = r.ID(1), true
		} else {
			p.From = r.ID(1)
		}
	})
	return upTo, p, err
}

// unindexed returns the first new events of a span, and those that are to be indexed again.
func (s *Store) unindexed(ctx context.Context, sp listing.Span, limit int) (ids []store.ID, err error) {
	upTo, _, err := s.indexMarks(ctx)
	if err != nil {
		return nil, err
	}
	var w listing.Where
	w.Add("id > ?", upTo)
	fresh, again := w.Within("id", sp), new(listing.Where).Within("id", sp)
	q := "SELECT id FROM (SELECT id FROM events" + byOutline + fresh.Text() + sp.Order("1") + " LIMIT ?)" +
		" UNION SELECT id FROM (SELECT id FROM unindexed" + again.Text() + sp.Order("1") + " LIMIT ?)" + sp.Order("1") + " LIMIT ?"
	args := append(append(append(fresh.Args, limit), again.Args...), limit, limit)
	err = s.list(ctx, q, args, func(r conn.Row) { ids = append(ids, r.ID(0)) })
	return ids, err
}

// idleFor is how long a step waits at most until nothing else is written.
const idleFor = 100 * time.Millisecond

// IndexEvents implements store.Search.
func (s *Store) IndexEvents(ctx context.Context, on bool) (store.IndexState, error) {
	upTo, place, err := s.indexMarks(ctx)
	switch {
	case err != nil:
	case on && !place.On:
		err = s.step(ctx, func(t *tx) error { return t.startIndex() })
	case !on && place.On:
		err = s.step(ctx, func(t *tx) error { return t.dropIndex() })
	case on:
		err = s.indexStep(ctx, upTo, place)
	}
	if err != nil {
		return store.IndexState{}, engine.Wrap(err, "indexing events")
	}
	return s.IndexState(ctx)
}

// startIndex begins with an empty index: new events are indexed from now on, and the stored ones from the newest back.
func (t *tx) startIndex() error {
	t.index.on = true
	err := t.mark(indexedUpTo, int64(t.index.last))
	if err == nil && t.index.last != 0 {
		err = t.mark(indexedFrom, int64(t.index.last)+1)
	}
	return err
}

func (t *tx) dropIndex() error {
	t.index.on = false
	_, err1 := t.Exec("INSERT INTO search (search) VALUES ('delete-all')")
	_, err2 := t.Exec("DELETE FROM unindexed")
	_, err3 := t.Exec("DELETE FROM marks WHERE name IN (?, ?)", indexedUpTo, indexedFrom)
	return errors.Join(err1, err2, err3)
}

// indexRound is what one step indexes.
type indexRound struct {
	upTo, from store.ID // the marks when it is done, or zero to leave them
	whole      bool     // nothing is left before
	again      map[store.ID]int64
	rows       []ledger.IndexRow
}

// indexStep indexes the next events: those that were noted, new ones, and then stored ones.
func (s *Store) indexStep(ctx context.Context, upTo store.ID, place ledger.Place) error {
	r := &indexRound{again: map[store.ID]int64{}}
	if err := s.addNoted(ctx, r, upTo, place.From); err != nil {
		return err
	}
	if err := s.addFresh(ctx, r, upTo); err != nil {
		return err
	}
	if place.From != 0 && len(r.rows) < stepEvents {
		if err := s.addOlder(ctx, r, place.From); err != nil {
			return err
		}
	}
	if len(r.rows)+len(r.again) == 0 && r.upTo == 0 && r.from == 0 && !r.whole {
		return nil
	}
	s.writer.AwaitIdle(ctx, idleFor)
	return s.step(ctx, func(t *tx) error { return t.writeIndex(r) })
}

// addNoted adds events between the marks that are to be indexed all the same.
func (s *Store) addNoted(ctx context.Context, r *indexRound, upTo, from store.ID) error {
	const q = "SELECT id, n FROM unindexed WHERE id <= ? AND id >= ? ORDER BY id LIMIT ?"
	var ids []store.ID
	err := s.list(ctx, q, []any{upTo, from, stepEvents}, func(row conn.Row) {
		ids = append(ids, row.ID(0))
		r.again[row.ID(0)] = row.Int(1)
	})
	if err != nil {
		return err
	}
	rows, of, err := s.IndexRows(ctx, ids)
	for _, id := range ids[of:] {
		delete(r.again, id)
	}
	r.rows = append(r.rows, rows...)
	return err
}

// addFresh adds the first new events.
func (s *Store) addFresh(ctx context.Context, r *indexRound, upTo store.ID) error {
	ids, err := s.idsOf(ctx, "SELECT id FROM events"+byOutline+" WHERE id > ? ORDER BY id LIMIT ?", upTo, stepEvents)
	if err != nil || len(ids) == 0 {
		return err
	}
	rows, of, err := s.IndexRows(ctx, ids)
	r.rows, r.upTo = append(r.rows, rows...), ids[of-1]
	return err
}

// addOlder adds the last stored events before those that are indexed, as far as they are outlined.
func (s *Store) addOlder(ctx context.Context, r *indexRound, from store.ID) error {
	value, err := s.Get(ctx, ledger.FillKey)
	if err != nil {
		return err
	}
	filled, filling := ledger.ReadFillState(value)
	ids, err := s.idsOf(ctx, "SELECT id FROM events"+byOutline+" WHERE id < ? AND id >= ? ORDER BY id DESC LIMIT ?", from,
		filled.Before, stepEvents-len(r.rows))
	switch {
	case err != nil:
		return err
	case len(ids) == 0:
		r.whole = !filling
		return nil
	}
	rows, of, err := s.IndexRows(ctx, ids)
	r.rows, r.from = append(r.rows, rows...), ids[of-1]
	return err
}

func (s *Store) idsOf(ctx context.Context, query string, args ...any) (ids []store.ID, err error) {
	err = s.list(ctx, query, args, func(row conn.Row) { ids = append(ids, row.ID(0)) })
	return ids, err
}

// writeIndex writes one step. Events that were deleted since are left out. Only events that were noted can be in the index
// already. No statement here needs a savepoint, at which FTS5 would write each event by itself.
func (t *tx) writeIndex(r *indexRound) error {
	if !t.index.on {
		return nil
	}
	exist := map[store.ID]bool{}
	ids := func(yield func(store.ID) bool) {
		for _, row := range r.rows {
			if !yield(row.ID) {
				return
			}
		}
	}
	err := t.Each("SELECT id FROM events WHERE id IN (SELECT value FROM json_each(?))", []any{conn.IDList(ids)},
		func(row conn.Row) { exist[row.ID(0)] = true })
	if err != nil {
		return engine.Wrap(err, "looking for events to be indexed")
	}
	for id := range r.again {
		if _, err := t.Exec("DELETE FROM search WHERE rowid = ?", id); err != nil {
			return engine.Wrap(err, "indexing an event again")
		}
	}
	for _, row := range r.rows {
		if !exist[row.ID] {
			continue
		}
		if _, err := t.Exec("INSERT INTO search (rowid, words) VALUES (?, ?)", row.ID, row.Words); err != nil {
			return engine.Wrap(err, "indexing an event")
		}
	}
	return t.markIndexed(r)
}

// markIndexed moves the marks.
func (t *tx) markIndexed(r *indexRound) error {
	for id, n := range r.again {
		if _, err := t.Exec("DELETE FROM unindexed WHERE id = ? AND n = ?", id, n); err != nil {
			return err
		}
	}
	for name, id := range map[string]store.ID{indexedUpTo: r.upTo, indexedFrom: r.from} {
		if id == 0 {
			continue
		}
		if err := t.mark(name, int64(id)); err != nil {
			return err
		}
	}
	if r.whole {
		_, err := t.Exec("DELETE FROM marks WHERE name = ?", indexedFrom)
		return err
	}
	return nil
}

// purgeIndex deletes from the index what was deleted of a range of events.
func (t *tx) purgeIndex(after, last store.ID) error {
	const gone = " WHERE id > ?1 AND id <= ?2 AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = "
	for _, q := range []string{
		"DELETE FROM search WHERE rowid IN (SELECT id FROM search_docsize" + gone + "search_docsize.id))",
		"DELETE FROM unindexed" + gone + "unindexed.id)",
	} {
		if _, err := t.Exec(q, after, last); err != nil {
			return engine.Wrap(err, "deleting from the index")
		}
	}
	return nil
}
