package qaseapi

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/failures"
)

const (
	caseLifetime = 24 * time.Hour // of cases and suites
	searchPause  = 24 * time.Hour // of a source whose plan has no search
	maxTags      = 20
	maxFields    = 20
	suiteDepth   = 10 // suites in each other that a path shows
)

// knownCase is what is known of a test case.
type knownCase struct {
	title                 string
	suite                 int
	flaky, muted, deleted bool
	tags                  []string
	fields                map[int]string // values of custom fields by their ids
}

// knownSuite is what is known of a suite.
type knownSuite struct {
	title  string
	parent int
}

func thingKey(source, kind, project string, id int) string {
	return event.JoinKey(source, kind, project, strconv.Itoa(id))
}

// projectPath returns the path of a project.
func projectPath(code string) string { return "/project/" + url.PathEscape(code) }

// Learn keeps what an event says of cases and suites, and forgets what it changes. It asks nothing.
func (c *Client) Learn(ev *event.Event) {
	id := event.Int(ev.Payload["id"])
	title, _ := ev.Payload["title"].(string)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch ev.Type() {
	case "case":
		c.learnCase(ev, thingKey(ev.Source, "case", ev.Project, id), title)
	case "suite":
		key := thingKey(ev.Source, "suite", ev.Project, id)
		c.suites.drop(key)
		if title != "" && ev.Action() != "deleted" {
			suite := knownSuite{c.name(title), event.Int(ev.Payload["parent_id"])}
			c.suites.put(key, suite, c.now().Add(caseLifetime))
		}
	case "plan":
		c.small.drop(ev.Source + entityPath("plan", ev.Project, ev.EntityID()))
	case "defect":
		for _, status := range openStatuses {
			c.small.drop(ev.Source + defectPath(ev.Project, status))
		}
	}
}

// learnCase keeps what an event says of a case. One without a title says that something of it has changed. c.mu has
// to be held.
func (c *Client) learnCase(ev *event.Event, key, title string) {
	old, _ := c.cases.get(key, c.now())
	c.cases.drop(key)
	switch {
	case ev.Action() == "deleted":
		old.deleted = true
		if title != "" {
			old.title = c.name(title)
		}
	case title == "":
		return
	default:
		old = knownCase{title: c.name(title), suite: event.Int(ev.Payload["suite_id"]),
			flaky:  event.Int(ev.Payload["is_flaky"]) == 1,
			fields: old.fields}
		tags, _ := ev.Payload["tags"].([]any)
		for _, tag := range tags {
			if text, isText := tag.(string); isText && len(old.tags) < maxTags {
				old.tags = append(old.tags, c.name(text))
			}
		}
	}
	c.cases.put(key, old, c.now().Add(caseLifetime))
}

// Dress fills in what is known of the cases of results, without asking, and returns the ids of the others.
func (c *Client) Dress(source, project string, results []failures.Result) (missing []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range results {
		one := &results[i]
		if one.CaseID == 0 {
			continue
		}
		known, ok := c.cases.get(thingKey(source, "case", project, one.CaseID), c.now())
		if !ok {
			missing = append(missing, one.CaseID)
			continue
		}
		one.Title, one.Flaky, one.Muted, one.Deleted, one.Tags = known.title, known.flaky, known.muted, known.deleted,
			known.tags
		one.Suite = c.suitePath(source, project, known.suite)
	}
	return missing
}

// suitePath returns the titles of a suite and those around it, the outermost first. c.mu has to be held.
func (c *Client) suitePath(source, project string, id int) string {
	var titles []string
	for range suiteDepth {
		suite, known := c.suites.get(thingKey(source, "suite", project, id), c.now())
		if !known || suite.title == "" {
			break
		}
		titles, id = append([]string{suite.title}, titles...), suite.parent
	}
	return strings.Join(titles, " / ")
}

// caseID is a case of an answer with its id.
type caseID struct {
	id int
	knownCase
}

// readCase reads a case, of the list, of a search or by itself.
func (c *Client) readCase(s stream) (one caseID, err error) {
	err = s.object(func(key string) error {
		switch key {
		case "id":
			if one.id != 0 {
				return s.skip()
			}
			return s.number(&one.id)
		case "test_case_id": // of a search, whose id is another one
			return s.number(&one.id)
		case "title":
			return s.text(&one.title)
		case "suite_id":
			return s.number(&one.suite)
		case "is_flaky":
			return s.flag(&one.flaky)
		case "is_muted", "isMuted":
			return s.flag(&one.muted)
		case "tags":
			return readTags(s, &one.tags)
		case "custom_fields":
			return readFields(s, &one.fields)
		}
		return s.skip()
	})
	one.title = c.name(one.title)
	for i := range one.tags {
		one.tags[i] = c.name(one.tags[i])
	}
	return one, err
}

// readTags reads tags: texts, or objects with a title.
func readTags(s stream, to *[]string) error {
	return s.list(func() error {
		title := ""
		err := s.either(&title, func(key string) error {
			if key == "title" {
				return s.text(&title)
			}
			return s.skip()
		})
		if title != "" && len(*to) < maxTags {
			*to = append(*to, title)
		}
		return err
	})
}

// readFields reads [{"id": 3, "value": "…"}].
func readFields(s stream, to *map[int]string) error {
	*to = map[int]string{}
	return s.list(func() error {
		id, text := 0, ""
		err := s.object(func(key string) error {
			switch key {
			case "id":
				return s.number(&id)
			case "value":
				return s.text(&text)
			}
			return s.skip()
		})
		if text != "" && len(text) <= maxReason && len(*to) < maxFields {
			(*to)[id] = text
		}
		return err
	})
}

func (c *Client) readCases(s stream) (page[caseID], error) { return readPage(s, c.readCase) }

// keepCases keeps cases of an answer.
func (c *Client) keepCases(r request, cases []caseID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range cases {
		c.cases.put(thingKey(r.source.Name, "case", r.project, one.id), one.knownCase, c.now().Add(caseLifetime))
	}
}

// askCase asks about one case. One that Qase does not have was deleted.
func (c *Client) askCase(ctx context.Context, r request, id int) error {
	r.endpoint, r.path = "case", entityPath("case", r.project, strconv.Itoa(id))
	one, err := fetch(ctx, c, r, c.readCase)
	f, lifetime := failureOf(err), caseLifetime
	if f != nil && f.cause != missing {
		return err
	}
	if f != nil {
		one, lifetime = caseID{knownCase: knownCase{deleted: true}}, answerLifetime
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cases.put(thingKey(r.source.Name, "case", r.project, id), one.knownCase, c.now().Add(lifetime))
	return nil
}

// maxQuery is the length of the longest question in QQL that Qase documents.
const maxQuery = 1000

// searchCases asks about many cases at once, which not every plan of Qase can, and reports whether it could be asked.
func (c *Client) searchCases(ctx context.Context, r request, ids []int) (answered bool) {
	key := event.JoinKey(r.source.Name, "search")
	c.mu.Lock()
	_, resting := c.small.get(key, c.now())
	c.mu.Unlock()
	if resting || strings.ContainsAny(r.project, `"\`) {
		return false
	}
	for len(ids) > 0 {
		query := fmt.Sprintf("entity = \"case\" and project = \"%s\" and id in [%d", r.project, ids[0])
		n := 1
		for ; n < min(len(ids), pageSize) && len(query) < maxQuery-20; n++ {
			query += fmt.Sprintf(", %d", ids[n])
		}
		ids = ids[n:]
		r.endpoint, r.path = "search", "/search?limit=100&query="+url.QueryEscape(query+"]")
		p, err := fetch(ctx, c, r, c.readCases)
		if f := failureOf(err); f != nil {
			if f.cause == refused || f.cause == rejected || f.cause == missing {
				c.mu.Lock()
				c.small.put(key, true, c.now().Add(searchPause))
				c.mu.Unlock()
			}
			return false
		}
		c.keepCases(r, p.entities)
	}
	return true
}

// askSuite asks about one suite.
func (c *Client) askSuite(ctx context.Context, r request, id int) error {
	r.endpoint, r.path = "suite", entityPath("suite", r.project, strconv.Itoa(id))
	one, err := fetch(ctx, c, r, c.readSuite)
	if f := failureOf(err); f != nil && f.cause != missing && f.cause != refused {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.suites.put(thingKey(r.source.Name, "suite", r.project, id), one.knownSuite, c.now().Add(caseLifetime))
	return nil
}

type suiteID struct {
	id int
	knownSuite
}

func (c *Client) readSuite(s stream) (one suiteID, err error) {
	err = s.object(func(key string) error {
		switch key {
		case "id":
			return s.number(&one.id)
		case "title":
			return s.text(&one.title)
		case "parent_id":
			return s.number(&one.parent)
		}
		return s.skip()
	})
	one.title = c.name(one.title)
	return one, err
}

// askSuites asks for a page of the suites of a project, and returns how many there are.
func (c *Client) askSuites(ctx context.Context, r request, offset int) (total int, err error) {
	r.endpoint = "suite"
	r.path = fmt.Sprintf("/suite/%s?limit=%d&offset=%d", url.PathEscape(r.project), pageSize, offset)
	p, err := fetch(ctx, c, r, c.readSuites)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range p.entities {
		c.suites.put(thingKey(r.source.Name, "suite", r.project, one.id), one.knownSuite, c.now().Add(caseLifetime))
	}
	return p.total, nil
}

func (c *Client) readSuites(s stream) (page[suiteID], error) { return readPage(s, c.readSuite) }
