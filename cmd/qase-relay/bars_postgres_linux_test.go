package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store/pgtest"
)

// overPostgres prints how many events a second a relay takes over SQLite, one over PostgreSQL, and three relays together
// over one PostgreSQL, with the processor time of the relays and of PostgreSQL.
func overPostgres(b *testing.B) {
	const turns = 5
	const to, when = "http://127.0.0.1:9/", `event_name == "run.completed" && payload.failed > 0`
	c := pgtest.New(b, "shared_buffers=512MB", "max_wal_size=4GB")
	sets := [3][]*server{{serveBeside(b, to, when)}, {serveBeside(b, to, when, "--store", c.Schema(b, "one"))}}
	for url := c.Schema(b, "three"); len(sets[2]) < 3; {
		sets[2] = append(sets[2], serveBeside(b, to, when, "--store", url))
	}
	var rows [3][]shared
	for range turns {
		for i, relays := range sets {
			awaitCalm(b, c)
			rows[i] = append(rows[i], share(b, c, relays, fewer(12_000)))
		}
	}
	b.Logf("%-24s %10s %10s %12s", "64 callers", "events/s", "relay µs", "postgres µs")
	for i, name := range []string{"SQLite", "PostgreSQL", "PostgreSQL, three relays"} {
		slices.SortFunc(rows[i], func(a, b shared) int { return int(a.rate - b.rate) })
		f := rows[i][turns/2]
		b.Logf("%-24s %10.0f %10.1f %12.1f", name, f.rate, f.relay, f.postgres)
	}
	one := rows[1][turns/2].rate
	b.ReportMetric(100*one/rows[0][turns/2].rate, "postgres-%-of-sqlite")
	b.ReportMetric(100*rows[2][turns/2].rate/one, "three-%-of-one")
}

// shared are the figures of relays that share 64 callers. Times are in microseconds an event.
type shared struct{ rate, relay, postgres float64 }

func share(b *testing.B, c *pgtest.Cluster, relays []*server, events int) shared {
	b.Helper()
	used := func() (relay, postgres time.Duration) {
		for _, s := range relays {
			user, system := s.times(b)
			relay += user + system
		}
		return relay, familyTime(b, c.PID())
	}
	relay, postgres := used()
	start := time.Now()
	var callers sync.WaitGroup
	for _, s := range relays {
		callers.Go(func() { post(b, s.address, 64/len(relays), events/len(relays), runCall) })
	}
	callers.Wait()
	took := time.Since(start)
	relayEnd, postgresEnd := used()
	each := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(events) }
	return shared{float64(events) / took.Seconds(), each(relayEnd - relay), each(postgresEnd - postgres)}
}

// awaitCalm waits until the database has done what earlier events left to do, for 20 s at most.
func awaitCalm(b *testing.B, c *pgtest.Cluster) {
	b.Helper()
	const look, calm = 200 * time.Millisecond, 10 * time.Millisecond
	for range 100 {
		before := familyTime(b, c.PID())
		time.Sleep(look)
		if familyTime(b, c.PID())-before <= calm {
			return
		}
	}
}

// familyTime returns the processor time of a process and of those that it has started and that still run.
func familyTime(b *testing.B, pid int) (sum time.Duration) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range append(strings.Fields(string(text)), strconv.Itoa(pid)) {
		if id, err := strconv.Atoi(name); err == nil {
			user, system, _ := processTimes(id) // one that has ended since has none
			sum += user + system
		}
	}
	return sum
}
