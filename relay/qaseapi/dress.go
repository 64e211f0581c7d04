package qaseapi

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"qaserelay/rules/failures"
)

const (
	maxShown       = 200 // failing tests whose titles are wanted
	maxPeople      = 5   // that are looked up for one run
	maxListed      = 10  // pages of cases or suites that are read instead of each one
	defectLifetime = 10 * time.Minute
	fieldLifetime  = 24 * time.Hour
	maxDefects     = 100 // of each status
	maxHashes      = 100 // of one defect
)

// dress fills in what a person wants to know of the failing tests: titles and suites, assignees, owners and defects,
// as far as the requests that are left go. What is missing is no failure: the list shows WEB-25 for a title.
func (r *round) dress(ctx context.Context) {
	if len(r.run.Results) == 0 && len(r.run.Recovered) == 0 {
		return
	}
	req := r.base
	req.patient = false
	r.findDefects(ctx, req)
	shown := r.run.Results[:min(len(r.run.Results), maxShown)]
	r.askCases(ctx, req, r.missing(shown))
	r.askSuites(ctx, req, shown)
	r.missing(r.run.Results)
	r.missing(r.run.Recovered)
	r.findPeople(ctx, req)
}

// missing fills in what is known, and returns the ids of the other cases.
func (r *round) missing(results []failures.Result) []int {
	return r.c.Dress(r.q.Source.Name, r.q.Project, results)
}

// askCases asks about cases: by search if there are many, by the list of all cases if that is shorter, else one by one.
func (r *round) askCases(ctx context.Context, req request, ids []int) {
	ids = slices.Compact(ids)
	if len(ids) > 5 && r.c.searchCases(ctx, req, ids) {
		ids = r.unknown(ids)
	}
	if len(ids) > 5 {
		r.listCases(ctx, req, len(ids))
		ids = r.unknown(ids)
	}
	r.each(ids, func(id int) error { return r.c.askCase(ctx, req, id) })
}

// unknown returns the ids of the cases that are not in the cache.
func (r *round) unknown(ids []int) []int {
	results := make([]failures.Result, len(ids))
	for i, id := range ids {
		results[i].CaseID = id
	}
	return r.missing(results)
}

// listCases reads the list of all cases of the project if that takes fewer requests than asking for each.
func (r *round) listCases(ctx context.Context, req request, wanted int) {
	req.endpoint = "case"
	for offset, pages := 0, 1; offset < pages*pageSize; offset += pageSize {
		req.path = fmt.Sprintf("/case/%s?limit=%d&offset=%d", url.PathEscape(r.q.Project), pageSize, offset)
		p, err := fetch(ctx, r.c, req, r.c.readCases)
		if err != nil || len(p.entities) == 0 {
			return
		}
		r.c.keepCases(req, p.entities)
		if pages = (p.total + pageSize - 1) / pageSize; pages > min(wanted, maxListed, r.progress.budget.left()-4) {
			return
		}
	}
}

// each calls ask for each id, several at once, until one fails.
func (r *round) each(ids []int, ask func(id int) error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	stopped := false
	next := func() (id int, more bool) {
		mu.Lock()
		defer mu.Unlock()
		if stopped || len(ids) == 0 || r.progress.budget.left() == 0 {
			return 0, false
		}
		id, ids = ids[0], ids[1:]
		return id, true
	}
	for range min(maxAtOnce, len(ids)) {
		all.Go(func() {
			for id, more := next(); more; id, more = next() {
				if ask(id) != nil {
					mu.Lock()
					stopped = true
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
}

// askSuites asks about the suites of cases and those around them.
func (r *round) askSuites(ctx context.Context, req request, shown []failures.Result) {
	listed := false
	for range suiteDepth {
		ids := r.unknownSuites(shown)
		if len(ids) > 3 && !listed {
			listed = true
			for offset, total := 0, 1; offset < min(total, 3*pageSize); offset += pageSize {
				var err error
				if total, err = r.c.askSuites(ctx, req, offset); err != nil {
					return
				}
			}
			continue
		}
		if len(ids) == 0 || r.progress.budget.left() == 0 {
			return
		}
		r.each(ids, func(id int) error { return r.c.askSuite(ctx, req, id) })
	}
}

// unknownSuites returns the ids of suites of cases, or around those, of which nothing is known.
func (r *round) unknownSuites(shown []failures.Result) (ids []int) {
	c, source := r.c, r.q.Source.Name
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range shown {
		known, _ := c.cases.get(thingKey(source, "case", r.q.Project, one.CaseID), c.now())
		id := known.suite
		for range suiteDepth {
			if id == 0 {
				break
			}
			suite, known := c.suites.get(thingKey(source, "suite", r.q.Project, id), c.now())
			if !known {
				ids = append(ids, id)
				break
			}
			id = suite.parent
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// openStatuses are the statuses of defects that are not resolved.
var openStatuses = []string{"open", "in_progress"}

func defectPath(project, status string) string {
	return fmt.Sprintf("/defect/%s?status=%s&limit=%d", url.PathEscape(project), status, maxDefects)
}

// findDefects fills in the open defects of the project, those first that results of this run are linked to.
func (r *round) findDefects(ctx context.Context, req request) {
	if len(r.run.Results) == 0 {
		return
	}
	hashes := map[string]bool{}
	for _, one := range r.run.Results {
		hashes[one.Hash] = one.Hash != ""
	}
	req.endpoint = "defect"
	for _, status := range openStatuses {
		req.path = defectPath(r.q.Project, status)
		r.run.Defects = append(r.run.Defects, remember(ctx, r.c, req, defectLifetime, r.c.readDefects)...)
	}
	own := func(d failures.Defect) bool {
		return slices.ContainsFunc(d.Hashes, func(hash string) bool { return hashes[hash] })
	}
	slices.SortStableFunc(r.run.Defects, func(a, b failures.Defect) int {
		switch x, y := own(a), own(b); {
		case x && !y:
			return -1
		case y && !x:
			return 1
		}
		return b.ID - a.ID
	})
}

// readDefects reads a list of defects. Those that no result is linked to are left out.
func (c *Client) readDefects(s stream) ([]failures.Defect, error) {
	p, err := readPage(s, c.readDefect)
	return slices.DeleteFunc(p.entities, func(d failures.Defect) bool { return len(d.Hashes) == 0 }), err
}

func (c *Client) readDefect(s stream) (one failures.Defect, err error) {
	err = s.object(func(key string) error {
		switch key {
		case "id":
			return s.number(&one.ID)
		case "title":
			return s.text(&one.Title)
		case "status":
			return s.text(&one.Status)
		case "results":
			return s.list(func() error {
				hash := ""
				err := s.text(&hash)
				if hash != "" && len(one.Hashes) < maxHashes {
					one.Hashes = append(one.Hashes, c.name(hash))
				}
				return err
			})
		}
		return s.skip()
	})
	one.Title, one.Status = c.name(one.Title), c.name(one.Status)
	return one, err
}

// findPeople fills in who looks after the failing tests: the assignees of the plan, and the owners of a custom field.
func (r *round) findPeople(ctx context.Context, req request) {
	var assignees map[int]int
	if r.thing.planID > 0 {
		assignees = r.c.plan(ctx, req, r.thing.planID).assignees
	}
	field := r.ownerField(ctx, req)
	people := map[int]*failures.Person{}
	for i := range r.run.Results {
		one := &r.run.Results[i]
		if member := assignees[one.CaseID]; member > 0 {
			one.Assignee = r.person(ctx, req, people, member)
		}
		if field == 0 {
			continue
		}
		r.c.mu.Lock()
		known, _ := r.c.cases.get(thingKey(r.q.Source.Name, "case", r.q.Project, one.CaseID), r.c.now())
		r.c.mu.Unlock()
		switch owner := strings.TrimSpace(known.fields[field]); {
		case owner == "":
		case strings.Contains(owner, "@"):
			one.Owner = &failures.Person{Email: r.c.name(owner)}
		default:
			if member, err := strconv.Atoi(owner); err == nil && member > 0 {
				one.Owner = r.person(ctx, req, people, member)
			} else {
				one.Owner = &failures.Person{Name: r.c.name(owner)}
			}
		}
	}
}

// person returns a member, with the name and the email address if they are known or can still be asked for.
func (r *round) person(ctx context.Context, req request, people map[int]*failures.Person, id int) *failures.Person {
	if p := people[id]; p != nil {
		return p
	}
	p := &failures.Person{MemberID: id}
	people[id] = p
	key := memberKey(r.q.Source.Name, id)
	r.c.mu.Lock()
	known, asked := r.c.found.get(key, r.c.now())
	r.c.mu.Unlock()
	if !asked && len(people) <= maxPeople {
		known = r.c.question(question{key: key, member: true, id: id, ask: askMember, request: req})
	}
	fields := known.wait(ctx)
	p.Name, _ = fields["name"].(string)
	p.Email, _ = fields["email"].(string)
	return p
}

// ownerField returns the id of the custom field that the settings name, or 0.
func (r *round) ownerField(ctx context.Context, req request) int {
	title := r.q.Source.Failures.OwnerField
	if title == "" {
		return 0
	}
	req.endpoint, req.path = "custom_field", "/custom_field?entity=case&limit=100"
	fields := remember(ctx, r.c, req, fieldLifetime, readFieldIDs)
	return fields[strings.ToLower(strings.TrimSpace(title))]
}

// readFieldIDs reads the ids of custom fields, by their titles in lower case.
func readFieldIDs(s stream) (map[string]int, error) {
	p, err := readPage(s, readThing)
	fields := make(map[string]int, len(p.entities))
	for _, one := range p.entities {
		fields[strings.ToLower(strings.TrimSpace(one.title))] = one.id
	}
	return fields, err
}
