package demo

import (
	"slices"
	"strings"
	"time"

	"qaserelay/relay/qaseapi/standin"
)

// titles are those of the cases of the plan, from the id 1 on.
const titles = `Open the shop|Search|Put into the basket|Pay by card|Pay by invoice|Pay by voucher|Log in|Log out|Send a receipt|
Change the address|Cancel an order|Check out with an expired card|Check out as a guest|Check out twice`

// world returns what Qase knows: two runs of one plan, a night apart. In the second one, case 2 fails newly, 4 still
// fails, 9 is fixed, and 12, which had failed, is not part of it.
func world(now time.Time) standin.World {
	p := &standin.Project{Code: "WEB", Title: "Shop", Suites: []standin.Suite{{ID: 1, Title: "Shop"},
		{ID: 2, Parent: 1, Title: "Checkout"}}, Plans: []standin.Plan{{ID: 3, Title: "Checkout"}},
		Environments: []standin.Environment{{ID: 1, Title: "Staging", Slug: "staging"}}}
	var ids []int
	for i, title := range strings.Split(titles, "|") {
		ids = append(ids, i+1)
		p.Cases = append(p.Cases, standin.Case{ID: i + 1, Suite: 1 + i/4%2, Title: strings.TrimSpace(title)})
	}
	reasons := map[int]string{2: "expected 3 results, got 0", 4: "timeout after 30 s", 9: "no email within 60 s",
		12: "expected 402, got 500"}
	add := func(run int, end time.Time, ids, failed, blocked []int) {
		p.Runs = append(p.Runs, standin.Run{ID: run, Title: "Nightly regression", Environment: "staging", Plan: 3, Cases: ids,
			Start: end.Add(-30 * time.Minute), End: end})
		for _, id := range ids {
			r := standin.Result{Run: run, Case: id, Status: "passed", End: end}
			if slices.Contains(failed, id) {
				r.Status, r.Comment = "failed", reasons[id]
			} else if slices.Contains(blocked, id) {
				r.Status = "blocked"
			}
			p.Results = append(p.Results, r)
		}
	}
	add(7, now.Add(-night), ids, []int{4, 9, 12}, []int{14})
	add(9, now, slices.DeleteFunc(slices.Clone(ids), func(id int) bool { return id == 12 }), []int{2, 4}, nil)
	return standin.World{Projects: []*standin.Project{p}}
}
