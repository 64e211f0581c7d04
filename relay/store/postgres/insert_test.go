//go:build unix

package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest"
)

// testPlans looks at the plan of the statement that stores deliveries, for tables of several sizes, and where all of
// them have ended: then the planner thinks that every index is nearly empty.
func testPlans(t *testing.T, s *schemas) {
	f := storetest.NewFixture(t, postgresPlace(s.take(t)))
	p := f.Store.(*Store)
	look := func(when string) {
		for _, counted := range []bool{false, true} {
			plan := p.planOfInsert(t, counted)
			if !strings.Contains(plan, "using deliveries_lane on") || strings.Count(plan, " on deliveries d") != 1 {
				t.Errorf("%s, counted by the planner %v:\n%s", when, counted, plan)
			}
		}
	}
	look("without deliveries")
	var ids []store.ID
	for _, n := range []int{3, 3000} {
		made := make([]store.NewDelivery, n)
		for i := range made {
			made[i] = f.MakeDelivery("n", fmt.Sprint("key ", i, strings.Repeat(" of many", 20)))
			ids = append(ids, made[i].ID)
		}
		f.AcceptDeliveries(made...)
		look(fmt.Sprint("with ", len(ids), " deliveries"))
	}
	_, err := f.Cancel(f.Context(), ids, "")
	f.NoError(err)
	look("when all have ended")
}

// planOfInsert returns the plan that a new connection of an intake makes.
func (s *Store) planOfInsert(t *testing.T, counted bool) (plan string) {
	ctx := context.Background()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	own := conn.Hijack()
	defer func() { _ = own.Close(ctx) }()
	if counted {
		if _, err := own.Exec(ctx, "VACUUM ANALYZE deliveries"); err != nil {
			t.Fatal(err)
		}
	}
	nulls := strings.Repeat("NULL, ", 15) + "NULL"
	err = pgx.BeginFunc(ctx, own, func(tx pgx.Tx) error {
		for _, q := range []string{plansOnce, "PREPARE insertion AS " + insertDeliveries} {
			if _, err := tx.Exec(ctx, q); err != nil {
				return err
			}
		}
		rows, err := tx.Query(ctx, "EXPLAIN EXECUTE insertion ("+nulls+")", pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// testNewLeases makes a delivery that may be claimed, and two that have to wait for it.
func testNewLeases(t *testing.T, s *schemas) {
	f := storetest.NewFixture(t, postgresPlace(s.take(t)))
	p := f.Store.(*Store)
	has := func(d store.NewDelivery) bool { _, found := p.leases.stream(d.ID); return found }
	made := []store.NewDelivery{f.MakeDelivery("n", "k"), f.MakeDelivery("n", "k"), f.MakeDelivery("n", "k")}
	for i := range made {
		made[i].Claim = true
	}
	f.AcceptDeliveries(made[0])
	f.AcceptDeliveries(made[1:]...)
	f.Equal("leases", []bool{has(made[0]), has(made[1]), has(made[2])}, []bool{true, false, false})
}
