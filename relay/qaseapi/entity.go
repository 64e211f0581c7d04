package qaseapi

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// question is what is asked about an event: the fields of its entity, or the person who acted.
type question struct {
	key     string
	member  bool
	request request
	id      int // of the member
	ask     func(context.Context, *Client, question) (map[string]any, error)
}

// questions lists what a query asks. An entity without a path in the API is not asked about.
func (c *Client) questions(q Query) (list []question) {
	ev := q.Event
	kinds := []string{"run", "review", "defect", "case", "plan", "suite", "milestone"}
	if q.Entity && slices.Contains(kinds, ev.Type()) && ev.EntityID() != "" {
		list = append(list, question{key: q.EntityKey, ask: askEntity, request: request{source: q.Source,
			project: ev.Project, endpoint: ev.Type(), path: entityPath(ev.Type(), ev.Project, ev.EntityID())}})
	}
	if q.Member && ev.MemberID != 0 {
		list = append(list, question{key: memberKey(q.Source.Name, ev.MemberID), member: true, id: ev.MemberID,
			ask:     askMember,
			request: request{source: q.Source}})
	}
	return list
}

func memberKey(source string, id int) string { return "member:" + source + "/" + strconv.Itoa(id) }

// entityPath returns the path of a thing in a project. The parts are those of events: each stays within its part of the
// path.
func entityPath(kind, project, id string) string {
	return "/" + kind + "/" + url.PathEscape(project) + "/" + url.PathEscape(id)
}

// askEntity returns the fields of an entity, in the form that its events use.
func askEntity(ctx context.Context, c *Client, q question) (map[string]any, error) {
	thing, err := fetch(ctx, c, q.request, readThing)
	if err != nil {
		return nil, err
	}
	return c.fieldsOf(ctx, q.request, thing), nil
}

// thing is what an answer says of an entity.
type thing struct {
	id                   int
	title, description   string
	status, slug         string
	planID, caseID       int
	environment, envName string // the slug, and the title for people
	started, ended       int64  // Unix seconds
	elapsed              int
	statuses             map[string]int
	cases                []int
}

// fieldsOf returns the fields of an entity in the form that events have: the environment is its slug.
func (c *Client) fieldsOf(ctx context.Context, r request, t thing) map[string]any {
	fields := map[string]any{}
	set := func(key string, value any, given bool) {
		if given {
			fields[key] = value
		}
	}
	set("title", t.title, t.title != "")
	set("description", t.description, t.description != "")
	set("case_id", t.caseID, t.caseID > 0)
	set("environment", t.environment, t.environment != "")
	set("environment_title", t.envName, t.envName != "")
	set("started_at", int(t.started), t.started > 0)
	if t.planID > 0 {
		plan := map[string]any{"id": t.planID}
		if p := c.plan(ctx, r, t.planID); p.title != "" {
			plan["title"] = p.title
		}
		fields["plan"] = plan
	}
	return fields
}

// readThing reads a run, a plan, a case or another entity.
func readThing(s stream) (t thing, err error) {
	err = s.object(func(key string) error {
		switch key {
		case "id":
			return s.number(&t.id)
		case "title":
			return s.text(&t.title)
		case "description":
			return s.text(&t.description)
		case "status_text":
			return s.text(&t.status)
		case "slug":
			return s.text(&t.slug)
		case "start_time":
			return s.seconds(&t.started)
		case "end_time":
			return s.seconds(&t.ended)
		case "elapsed_time":
			return s.number(&t.elapsed)
		case "plan_id":
			return s.number(&t.planID)
		case "case_id":
			return s.number(&t.caseID)
		case "environment":
			return readEnvironment(s, &t)
		case "stats":
			return readStats(s, &t)
		case "cases":
			return readIDs(s, &t.cases)
		}
		return s.skip()
	})
	return t, err
}

// readEnvironment reads {"title": …, "slug": …}. Events name an environment by its slug.
func readEnvironment(s stream, t *thing) error {
	err := s.object(func(key string) error {
		switch key {
		case "slug":
			return s.text(&t.environment)
		case "title":
			return s.text(&t.envName)
		}
		return s.skip()
	})
	if t.environment == "" {
		t.environment = t.envName
	}
	return err
}

// maxStatuses is how many statuses of one run are read: those of Qase and of the workspace.
const maxStatuses = 100

// readStats reads {"statuses": {"failed": 3}}.
func readStats(s stream, t *thing) error {
	return s.object(func(key string) error {
		if key != "statuses" {
			return s.skip()
		}
		t.statuses = map[string]int{}
		return s.object(func(status string) error {
			n := 0
			err := s.number(&n)
			if n > 0 && len(t.statuses) < maxStatuses {
				t.statuses[status] = n
			}
			return err
		})
	})
}

// maxRunCases is how many cases of a run are read.
const maxRunCases = 50_000

// readIDs reads a list of ids.
func readIDs(s stream, to *[]int) error {
	*to = []int{}
	return s.list(func() error {
		id := 0
		err := s.number(&id)
		if id > 0 && len(*to) < maxRunCases {
			*to = append(*to, id)
		}
		return err
	})
}

// askMember returns the name and the email address of a team member. Whether Qase names them by the id of an author
// or of a user is not documented, so both are tried.
func askMember(ctx context.Context, c *Client, q question) (map[string]any, error) {
	p, err := c.askPerson(ctx, q.request, q.id)
	if err != nil {
		return nil, err
	}
	return map[string]any{"name": c.name(p.name), "email": c.name(p.email)}, nil
}

type person struct{ name, email string }

func (c *Client) askPerson(ctx context.Context, r request, id int) (p person, err error) {
	for _, endpoint := range []string{"author", "user"} {
		r.project, r.endpoint, r.path = "", endpoint, "/"+endpoint+"/"+strconv.Itoa(id)
		p, err = fetch(ctx, c, r, readPerson)
		var f *failure
		if !errors.As(err, &f) || f.cause != missing {
			break
		}
	}
	return p, err
}

func readPerson(s stream) (p person, err error) {
	err = s.object(func(key string) error {
		switch key {
		case "name":
			return s.text(&p.name)
		case "email":
			return s.text(&p.email)
		}
		return s.skip()
	})
	return p, err
}

const planLifetime = time.Hour

// plan is what an answer says of a test plan.
type plan struct {
	title     string
	assignees map[int]int // members by the cases that they test
}

// plan returns a plan, or an empty one if it is not known and cannot be asked about.
func (c *Client) plan(ctx context.Context, r request, id int) plan {
	r.endpoint, r.path, r.patient = "plan", entityPath("plan", r.project, strconv.Itoa(id)), false
	return remember(ctx, c, r, planLifetime, readPlan)
}

// remember asks a question whose answer serves for a while, also that there is none.
func remember[T any](ctx context.Context, c *Client, r request, lifetime time.Duration,
	read func(stream) (T, error)) (result T) {
	key := r.source.Name + r.path
	c.mu.Lock()
	known, asked := c.small.get(key, c.now())
	c.mu.Unlock()
	if asked {
		result, _ = known.(T)
		return result
	}
	result, err := fetch(ctx, c, r, read)
	if f := failureOf(err); f != nil {
		if f.cause != missing && f.cause != refused && f.cause != rejected {
			return result
		}
		lifetime = min(lifetime, answerLifetime)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.small.put(key, result, c.now().Add(lifetime))
	return result
}

// maxPlanCases is how many cases of a plan are read.
const maxPlanCases = 10_000

func readPlan(s stream) (p plan, err error) {
	p.assignees = map[int]int{}
	err = s.object(func(key string) error {
		switch key {
		case "title":
			return s.text(&p.title)
		case "cases":
			return s.list(func() error {
				var id, assignee int
				err := s.object(func(key string) error {
					switch key {
					case "case_id":
						return s.number(&id)
					case "assignee_id":
						return s.number(&assignee)
					}
					return s.skip()
				})
				if id > 0 && assignee > 0 && len(p.assignees) < maxPlanCases {
					p.assignees[id] = assignee
				}
				return err
			})
		}
		return s.skip()
	})
	return p, err
}
