package standin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

type object = map[string]any

// number returns a number of the path or the query, or what is usual.
func number(text string, usual int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return usual
}

// pageOf returns a page of a list: 10 entries unless asked for more, 100 at most.
func pageOf[T any](r *http.Request, total int, list []T, show func(T) any) (any, int) {
	from, limit, ok := bounds(r, len(list))
	if !ok {
		return nil, http.StatusBadRequest
	}
	entities := []any{}
	for _, one := range list[from : from+limit] {
		entities = append(entities, show(one))
	}
	return object{"total": total, "filtered": len(list), "count": len(entities), "entities": entities}, http.StatusOK
}

func bounds(r *http.Request, length int) (from, limit int, ok bool) {
	limit, from = number(r.FormValue("limit"), 10), number(r.FormValue("offset"), 0)
	if limit < 1 || limit > 100 || from < 0 || from > 100_000 {
		return 0, 0, false
	}
	from = min(from, length)
	return from, min(limit, length-from), true
}

// one returns the entry with the id of the path.
func one[T any](r *http.Request, list []T, id func(T) int, show func(T) any) (any, int) {
	i := slices.IndexFunc(list, func(entry T) bool { return strconv.Itoa(id(entry)) == r.PathValue("id") })
	if i < 0 {
		return nil, http.StatusNotFound
	}
	return show(list[i]), http.StatusOK
}

func (s *Server) of(r *http.Request) *Project { return s.find(r.PathValue("code")) }

func (s *Server) projects(r *http.Request) (any, int) {
	return pageOf(r, len(s.world.Projects), s.world.Projects,
		func(p *Project) any { return object{"code": p.Code, "title": p.Title} })
}

func (s *Server) project(r *http.Request) (any, int) {
	p := s.of(r)
	return object{"code": p.Code, "title": p.Title}, http.StatusOK
}

func (s *Server) runs(r *http.Request) (any, int) {
	p := s.of(r)
	runs := slices.DeleteFunc(slices.Clone(p.Runs), func(run Run) bool {
		environment, status := r.FormValue("environment"), r.FormValue("status")
		return environment != "" && strconv.Itoa(p.environment(run.Environment).ID) != environment ||
			status != "" && !slices.Contains(strings.Split(status, ","), run.status()) ||
			run.Start.Unix() < int64(number(r.FormValue("from_start_time"), 0))
	})
	slices.Reverse(runs) // the newest first
	return pageOf(r, len(p.Runs), runs, func(run Run) any { return p.showRun(run, r) })
}

func (s *Server) run(r *http.Request) (any, int) {
	p := s.of(r)
	return one(r, p.Runs, func(run Run) int { return run.ID }, func(run Run) any { return p.showRun(run, r) })
}

func (p *Project) environment(slug string) Environment {
	i := slices.IndexFunc(p.Environments, func(e Environment) bool { return e.Slug == slug })
	if i < 0 {
		return Environment{ID: 99, Title: slug, Slug: slug}
	}
	return p.Environments[i]
}

func (p *Project) showRun(run Run, r *http.Request) any {
	layout := time.RFC3339
	if run.OldDates {
		layout = time.DateTime
	}
	shown := object{"id": run.ID, "title": run.Title, "description": run.Description, "status": 1, "plan_id": nil,
		"status_text": run.status(), "start_time": run.Start.UTC().Format(layout), "end_time": nil, "environment": nil,
		"elapsed_time": run.End.Sub(run.Start).Milliseconds(), "stats": object{"statuses": p.statuses(run)}}
	if run.Plan > 0 {
		shown["plan_id"] = run.Plan
	}
	if !run.End.IsZero() {
		shown["end_time"] = run.End.UTC().Format(layout)
	}
	if run.Environment != "" {
		e := p.environment(run.Environment)
		shown["environment"] = object{"title": e.Title, "slug": e.Slug, "description": "", "host": ""}
	}
	if strings.Contains(r.FormValue("include"), "cases") {
		shown["cases"] = run.Cases
	}
	return shown
}

func (r Run) status() string {
	if r.Status == "" {
		return "failed"
	}
	return r.Status
}

// statuses counts the newest result of each case of a run.
func (p *Project) statuses(run Run) any {
	if run.Statuses != nil {
		return run.Statuses
	}
	newest, ends := map[int]string{}, map[int]time.Time{}
	for _, one := range p.Results {
		if one.Run == run.ID && one.AfterQuestions == 0 && !one.End.Before(ends[one.Case]) {
			newest[one.Case], ends[one.Case] = one.Status, one.End
		}
	}
	counts := map[string]int{}
	for _, id := range run.Cases {
		if status := newest[id]; status != "" {
			counts[status]++
		} else {
			counts["untested"]++
		}
	}
	return counts
}

func (s *Server) results(r *http.Request) (any, int) {
	p := s.of(r)
	run := r.FormValue("run")
	times := s.askedFor[[2]string{p.Code, run}]
	s.askedFor[[2]string{p.Code, run}]++
	var ids []string
	if list := r.FormValue("case_id"); list != "" {
		ids = strings.Split(list, ",")
	}
	found := slices.DeleteFunc(slices.Clone(p.Results), func(one Result) bool {
		return run != "" && strconv.Itoa(one.Run) != run || r.FormValue("status") != "" &&
			one.Status != r.FormValue("status") ||
			ids != nil && !slices.Contains(ids, strconv.Itoa(one.Case)) || times < one.AfterQuestions ||
			one.AppearsAt.After(time.Now())
	})
	from, limit, ok := bounds(r, len(found))
	if !ok {
		return nil, http.StatusBadRequest
	}
	return long(func(w *bytes.Buffer, flush func()) {
		_ = json.NewEncoder(w).Encode(object{"total": len(p.Results), "filtered": len(found), "count": limit})
		w.Truncate(w.Len() - 2)
		w.WriteString(`,"entities":[`)
		for i, one := range found[from : from+limit] {
			if i > 0 {
				w.WriteByte(',')
			}
			one.write(w, flush)
		}
		w.WriteString("]}")
	}), http.StatusOK
}

// write writes a result in the order of fields that Qase has: the trace is in front of the case.
func (one Result) write(w *bytes.Buffer, flush func()) {
	quoted := func(v any) []byte { data, _ := json.Marshal(v); return data }
	w.WriteString(`{"hash":`)
	w.Write(quoted(one.Hash))
	w.WriteString(`,"result_hash":"x","comment":`)
	w.Write(quoted(one.Comment))
	w.WriteString(`,"stacktrace":"`)
	trace := bytes.Trim(quoted(one.Trace), `"`)
	w.Write(trace)
	for n := len(trace); n < one.TraceBytes; n += 1 << 14 {
		w.WriteString(strings.Repeat(`\tat com.example.Shop.buy(Shop.java:17)\n`, 1<<14/41))
		flush()
	}
	rest := object{"run_id": one.Run, "case_id": one.Case, "status": one.Status, "time_spent_ms": one.Took.Milliseconds(),
		"is_api_result": true, "end_time": one.End.UTC().Format(time.RFC3339)}
	if one.NoCase {
		rest["case_id"] = nil
	}
	if one.IgnoredFieldsAreStrange {
		rest["is_api_result"], rest["attachments"] = object{"a": []any{1, object{}}}, "none"
	}
	w.WriteString(`","steps":[`)
	for i := range one.Steps {
		if i > 0 {
			w.WriteByte(',')
		}
		w.Write(quoted(object{"position": i, "comment": strings.Repeat("a step ", 200),
			"attachments": []any{object{"url": "x"}}}))
	}
	w.WriteString("],")
	flush()
	w.Write(quoted(rest)[1:])
}

func (s *Server) cases(r *http.Request) (any, int) {
	p := s.of(r)
	return pageOf(r, len(p.Cases), p.Cases, showCase)
}

func (s *Server) oneCase(r *http.Request) (any, int) {
	return one(r, s.of(r).Cases, func(c Case) int { return c.ID }, showCase)
}

func showCase(c Case) any {
	tags, fields, flaky := []any{}, []any{}, 0
	for i, tag := range c.Tags {
		tags = append(tags, object{"title": tag, "internal_id": i + 1})
	}
	for id, value := range c.Fields {
		fields = append(fields, object{"id": id, "value": value})
	}
	if c.Flaky {
		flaky = 1
	}
	shown := object{"id": c.ID, "test_case_id": c.ID, "title": c.Title, "suite_id": nil, "is_flaky": flaky, "tags": tags,
		"custom_fields": fields, "is_muted": c.Muted, "steps": []any{object{"action": "click"}}}
	if c.Suite > 0 {
		shown["suite_id"] = c.Suite
	}
	return shown
}

func (s *Server) suites(r *http.Request) (any, int) {
	p := s.of(r)
	return pageOf(r, len(p.Suites), p.Suites, showSuite)
}

func (s *Server) suite(r *http.Request) (any, int) {
	return one(r, s.of(r).Suites, func(one Suite) int { return one.ID }, showSuite)
}

func showSuite(one Suite) any {
	shown := object{"id": one.ID, "title": one.Title, "parent_id": nil}
	if one.Parent > 0 {
		shown["parent_id"] = one.Parent
	}
	return shown
}

func (s *Server) plan(r *http.Request) (any, int) {
	return one(r, s.of(r).Plans, func(p Plan) int { return p.ID }, func(p Plan) any {
		cases := []any{}
		for id, member := range p.Assignees {
			cases = append(cases, object{"case_id": id, "assignee_id": member})
		}
		return object{"id": p.ID, "title": p.Title, "cases": cases, "average_time": 1}
	})
}

func (s *Server) defects(r *http.Request) (any, int) {
	p := s.of(r)
	found := slices.DeleteFunc(slices.Clone(p.Defects), func(d Defect) bool {
		return r.FormValue("status") != "" && d.status() != r.FormValue("status")
	})
	return pageOf(r, len(p.Defects), found, showDefect)
}

func (s *Server) defect(r *http.Request) (any, int) {
	return one(r, s.of(r).Defects, func(d Defect) int { return d.ID }, showDefect)
}

func (d Defect) status() string {
	if d.Status == "" {
		return "open"
	}
	return d.Status
}

func showDefect(d Defect) any {
	return object{"id": d.ID, "title": d.Title, "status": d.status(), "runs": d.Runs, "results": d.Results,
		"actual_result": "", "severity": "major"}
}

func (s *Server) environments(r *http.Request) (any, int) {
	p := s.of(r)
	found := slices.DeleteFunc(slices.Clone(p.Environments), func(e Environment) bool {
		return r.FormValue("slug") != "" && e.Slug != r.FormValue("slug")
	})
	return pageOf(r, len(p.Environments), found, func(e Environment) any {
		return object{"id": e.ID, "title": e.Title, "slug": e.Slug}
	})
}

func (s *Server) fields(r *http.Request) (any, int) {
	var all []Field
	for _, p := range s.world.Projects {
		all = append(all, p.Fields...)
	}
	return pageOf(r, len(all), all, func(f Field) any { return object{"id": f.ID, "title": f.Title, "type": f.Type} })
}

func (s *Server) author(r *http.Request) (any, int) {
	return s.person(r, func(m Member) bool { return m.NotAuthor })
}

func (s *Server) user(r *http.Request) (any, int) {
	return s.person(r, func(m Member) bool { return m.NotMember })
}

func (s *Server) person(r *http.Request, left func(Member) bool) (any, int) {
	return one(r, slices.DeleteFunc(slices.Clone(s.world.Members), left), func(m Member) int { return m.ID },
		func(m Member) any { return object{"id": m.ID, "name": m.Name, "email": m.Email} })
}

// idsOf finds the ids of a question such as: entity = "case" and project = "WEB" and id in [25, 31].
var idsOf = regexp.MustCompile(`^entity = "case" and project = "([^"]*)" and id in \[([\d, ]+)\]$`)

func (s *Server) search(r *http.Request) (any, int) {
	parts := idsOf.FindStringSubmatch(r.FormValue("query"))
	switch {
	case s.world.NoSearch:
		return nil, http.StatusPaymentRequired
	case parts == nil || s.find(parts[1]) == nil || len(r.FormValue("query")) > 1000:
		return nil, http.StatusBadRequest
	}
	p := s.find(parts[1])
	wanted := strings.Split(strings.ReplaceAll(parts[2], " ", ""), ",")
	found := slices.DeleteFunc(slices.Clone(p.Cases), func(c Case) bool {
		return !slices.Contains(wanted, strconv.Itoa(c.ID))
	})
	return pageOf(r, len(found), found, showCase)
}
