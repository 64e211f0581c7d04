package failures

import (
	"fmt"
	"time"
)

// Vars returns the variables failures and trend of conditions and templates.
func (r *Report) Vars() (failures, trend map[string]any) {
	failures = map[string]any{"known": r.known(), "complete": r.known() && r.Facts.Complete, "total": r.Total,
		"new_total": r.NewTotal, "fixed_total": r.FixedTotal, "flaky_total": r.FlakyTotal, "defect_total": r.DefectTotal,
		"muted_total": r.Muted, "compared": nil, "error": "", "owners": r.owners()}
	if r.Facts != nil {
		failures["error"] = r.Facts.Error
	}
	list, fresh, still := []any{}, []any{}, []any{}
	for _, f := range r.List[:min(len(r.List), maxListed)] {
		vars := r.vars(f)
		list = append(list, vars)
		switch {
		case f.Muted:
		case f.New:
			fresh = append(fresh, vars)
		default:
			still = append(still, vars)
		}
	}
	failures["list"], failures["new"], failures["still"] = list, fresh, still
	failures["fixed"], failures["flaky"] = r.all(r.Fixed), r.all(r.Flaky)
	if c := r.Compared; c != nil {
		failures["compared"] = map[string]any{"run": c.ID, "title": c.Title, "url": r.runURL(c.ID, ""),
			"finished_at": r.time(c.FinishedAt)}
	}
	rates := make([]any, len(r.rates))
	for i, rate := range r.rates {
		rates[i] = rate
	}
	return failures, map[string]any{"rates": rates, "line": Line(r.rates)}
}

func (r *Report) all(some []*Failure) []any {
	list := []any{}
	for _, f := range some[:min(len(some), maxListed)] {
		list = append(list, r.vars(f))
	}
	return list
}

// vars returns a failing test as conditions and templates see it.
func (r *Report) vars(f *Failure) map[string]any {
	vars := map[string]any{"case_id": nil, "code": f.Code, "title": f.Title, "suite": f.Suite, "reason": f.Reason,
		"status": f.Status, "url": r.URL(f), "case_url": nil, "new": f.New, "never_passed": f.NeverPassed, "since": nil,
		"red_runs": f.RedRuns, "flaky": f.IsFlaky, "rate": f.Rate, "defect": nil, "owner": nil, "muted": f.Muted,
		"attempts": max(f.Attempts, 1), "times": f.rows(), "duration": time.Duration(f.DurationMS) * time.Millisecond}
	if f.CaseID > 0 {
		vars["case_id"], vars["case_url"] = f.CaseID, fmt.Sprintf("%s/case/%s", r.QaseURL, f.Code)
	}
	if f.Since > 0 {
		vars["since"] = r.time(f.Since)
	}
	if f.Defect != nil {
		vars["defect"] = map[string]any{"id": f.Defect.ID, "title": f.Defect.Title, "status": f.Defect.Status,
			"url": r.defectURL(f.Defect)}
	}
	if f.Owner != nil {
		vars["owner"] = f.Owner
	}
	return vars
}

func (r *Report) defectURL(d *Defect) string {
	return fmt.Sprintf("%s/defect/%s/view/%d", r.QaseURL, r.Project, d.ID)
}

func (r *Report) time(seconds int64) time.Time { return time.Unix(seconds, 0).In(r.Location) }

// maxGroupOwners is how many owners a run may have whose failures have one reason. If there are more, it has none: the
// reason is nobody's test.
const maxGroupOwners = 5

// owners returns the people of the failing tests, each once.
func (r *Report) owners() []any {
	owners, known := []any{}, map[string]bool{}
	for _, f := range r.List[:min(len(r.List), maxListed)] {
		if f.Owner == nil || f.Muted {
			continue
		}
		if key := fmt.Sprint(f.Owner["email"], f.Owner["member_id"], f.Owner["name"]); !known[key] {
			known[key] = true
			owners = append(owners, f.Owner)
		}
	}
	if r.alike && len(owners) > maxGroupOwners {
		return []any{}
	}
	return owners
}
