package relay_test

import (
	"fmt"
	"net/http/httptest"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/qaseapi/standin"
)

// BenchmarkAskingEvents compares the time until events are acknowledged of a source without a token, of one with a token
// whose rules read nothing that the Qase API says, and of events that wait for which tests failed, in turns.
func BenchmarkAskingEvents(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(relay.GCPercent))
	api := httptest.NewServer(standin.New(standin.World{Projects: []*standin.Project{nights()}}))
	defer api.Close()
	machineOf := func(token, rule string) *machine {
		return start(b, b.TempDir(), fmt.Sprintf(`
sources: [{name: qase, secrets: [s3cret]%s}]
people: [{name: Ana, email: ana@example.com, member_id: 40}]
notifiers: [{name: ops, type: holding}]
rules: [{name: done, when: event_name == "run.completed" && %s, title: "{{ .payload.failed }} failed", body: "-", notify: [ops]}]
`, token, rule), holding())
	}
	token := fmt.Sprintf(", api_token: t0ken, api_url: %q", api.URL+"/v1")
	machines := []*machine{machineOf("", "payload.failed > 0"), machineOf(token, "payload.failed > 0"),
		machineOf(token, "failures.new_total > 0")}
	var calls [3][]time.Duration
	load := &load{connections: 16}
	for b.Loop() {
		for i := range 12 {
			_, took := load.run(b, machines[i%3].hook, 25)
			calls[i%3] = append(calls[i%3], took...)
		}
	}
	for i, name := range []string{"plain", "with-token", "asking"} {
		slices.Sort(calls[i])
		b.ReportMetric(calls[i][len(calls[i])/2].Seconds()*1000, name+"-p50-ms")
	}
	b.ReportMetric(0, "ns/op")
}
