//go:build unix

package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qaserelay/relay/store"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/pgtest"
)

// manyDeliveries fills tables: 100,000 events, each with a delivery beside it, of which a half are pending and thousands
// sending, and 10,000 with a fallback that is apart.
const manyDeliveries = `
	INSERT INTO events (id, source, name, project, received_at, replay_of, decisions, body)
		SELECT 16 * n, 'qase', 'run.completed', 'WEB', n, 0, '[]', '{"n": 1, "title": "a run of some tests"}'
		FROM generate_series(1, 100000) n;
	INSERT INTO outlines (id, source, name, project) SELECT id, source, name, project FROM events;
	INSERT INTO deliveries (id, event_id, fallback_for, rule, notifier, order_key, title, state, next_at, holder, wait, lease,
		created_at, first_at, updated_at, error, message)
		SELECT CASE fallback WHEN 0 THEN 16 * n + 1 ELSE 16 * (100001 + n) END, 16 * n, fallback * (16 * n + 1), 'r',
			'n' || n % 3, 'k' || n % 1000, 'a title', state, CASE state WHEN 'pending' THEN n END,
			CASE state WHEN 'sending' THEN 1 END, 1000, 1, n, n, n, '', convert_to(repeat('message', 60), 'UTF8')
		FROM (SELECT n, 0 AS fallback, (ARRAY['pending', 'sending', 'dead', 'delivered', 'delivered'])[
				CASE WHEN n > 50000 THEN 1 WHEN n % 20 = 0 THEN 2 WHEN n % 20 = 1 THEN 3 ELSE 4 END] AS state
			FROM generate_series(1, 100000) n
			UNION ALL SELECT n, 1, 'delivered' FROM generate_series(1, 50000) n WHERE n % 5 = 1) d;
	ANALYZE events; ANALYZE outlines; ANALYZE deliveries;`

// asked gathers the queries of a connection.
type asked struct{ queries map[string][]any }

func (a *asked) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "deliveries") {
		a.queries[q.SQL] = q.Args
	}
	return ctx
}

func (*asked) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// testLookups makes sure that no query about the deliveries of events reads all deliveries, whether it is planned for its
// arguments or for any.
func testLookups(t *testing.T, c *pgtest.Cluster) {
	url := c.Schema(t, "plans")
	if err := openPostgres(t, url, nil).Close(); err != nil {
		t.Fatal(err)
	}
	c.Exec(t, "SET search_path = plans;"+manyDeliveries)
	queries := map[string][]any{}
	s := tracedReader(t, url, &asked{queries})
	askAboutEvents(t, s)
	if len(queries) < 10 {
		t.Errorf("%d queries", len(queries))
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	// All rows are read in their order, or through an index of all deliveries or of those that wait, without a condition.
	readsAll := regexp.MustCompile(`(?m)Seq Scan on deliveries|using deliveries_(pkey|apart|oldest|due|lane) .*\n *[^I ].*`)
	for q, args := range queries {
		for how, plan := range map[string]string{"its arguments": planFor(t, conn, q, args), "any": planForAny(t, conn, q, len(args))} {
			t.Logf("%s\nplanned for %s:\n%s", q, how, plan)
			if all := readsAll.FindString(plan); all != "" {
				t.Errorf("%s\nplanned for %s has %s:\n%s", q, how, all, plan)
			}
		}
	}
}

// tracedReader opens the database of a URL with a connection that a has the queries of.
func tracedReader(t *testing.T, url string, a *asked) *Store {
	t.Helper()
	r, err := OpenReader(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	s := r.(*Store)
	s.pool.Close()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = a
	if s.pool, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// askAboutEvents asks all questions about the deliveries of events, and about the oldest deliveries.
func askAboutEvents(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	var events []store.ID
	for n := range 500 {
		events = append(events, store.ID(16*(1+n*97)))
	}
	ev, err := s.Event(ctx, events[6])
	check(ev, err)
	for _, f := range []store.DeliveryFilter{{Limit: 50}, {State: store.Dead, Limit: 50}, {Notifier: "n1", Reason: "x"}} {
		of := f
		of.Event = events[7]
		_, _, err := s.Deliveries(ctx, of)
		check(nil, err)
		check(s.DeliveriesOf(ctx, events, f))
	}
	check(s.MessagesOf(ctx, events))
	check(s.DeliveryStates(ctx, events))
	_, _, err = s.IndexRows(ctx, events)
	check(nil, err)
	check(s.Fill(ctx, ledger.FillState{Before: events[400]}, func(*store.StoredEvent) store.Outline { return store.Outline{} }))
	check(s.Backlog(ctx))
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	check(conn.Exec(ctx, fallbacksOf, []int64{int64(ev.Deliveries[0])}))
	check(s.purgeRange(ctx, conn.Conn(), idRange{0, 500 * 16}, 100))
}

func planFor(t *testing.T, conn *pgx.Conn, q string, args []any) string {
	t.Helper()
	return explain(t, conn, "EXPLAIN "+q, args...)
}

func planForAny(t *testing.T, conn *pgx.Conn, q string, args int) string {
	t.Helper()
	if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = force_generic_plan; PREPARE asked AS "+q); err != nil {
		t.Fatal(q, err)
	}
	defer func() { _, _ = conn.Exec(t.Context(), "DEALLOCATE asked") }()
	nulls := ""
	if args > 0 {
		nulls = "(NULL" + strings.Repeat(", NULL", args-1) + ")"
	}
	return explain(t, conn, "EXPLAIN EXECUTE asked"+nulls)
}

func explain(t *testing.T, conn *pgx.Conn, q string, args ...any) string {
	t.Helper()
	rows, _ := conn.Query(t.Context(), q, args...)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", q, err))
	}
	return strings.Join(lines, "\n")
}
