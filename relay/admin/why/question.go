package why

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"qaserelay/relay/store"
	"qaserelay/rules/catalog"
	"qaserelay/rules/value"
)

// question is what a text asks about: an id, an entity of Qase, or words.
type question struct {
	text    string
	id      store.ID
	project string // empty is any
	kind    string // of the entity, such as run
	entity  string // its id
	words   []string
}

var (
	projectFirst = regexp.MustCompile(`(?i)^([a-z][a-z0-9_]*)\s+([a-z_]+)\s+#?([\w-]+)$`)
	kindFirst    = regexp.MustCompile(`(?i)^([a-z_]+)\s+#?(\d+)(?:\s+(?:of|in)\s+(?:project\s+)?([a-z][a-z0-9_]*))?$`)
	caseCode     = regexp.MustCompile(`(?i)^([a-z][a-z0-9_]*)-(\d+)$`)
)

// parse reads a question.
func parse(text string) question {
	q := question{text: strings.TrimSpace(text)}
	if id, err := store.ParseID(q.text); err == nil {
		q.id = id
		return q
	}
	if u, err := url.Parse(q.text); err == nil && u.Host != "" && strings.HasPrefix(u.Scheme, "http") {
		q.fromURL(u)
		return q
	}
	if m := projectFirst.FindStringSubmatch(q.text); m != nil && q.isAbout(m[2]) {
		q.project, q.entity = strings.ToUpper(m[1]), m[3]
		return q
	}
	if m := kindFirst.FindStringSubmatch(q.text); m != nil && q.isAbout(m[1]) {
		q.project, q.entity = strings.ToUpper(m[3]), m[2]
		return q
	}
	if m := caseCode.FindStringSubmatch(q.text); m != nil {
		q.project, q.kind, q.entity = strings.ToUpper(m[1]), "case", m[2]
		return q
	}
	q.words = strings.Fields(strings.ToLower(q.text))
	return q
}

// isAbout notes the kind of the entity, if a word names one.
func (q *question) isAbout(word string) bool {
	word = strings.ToLower(word)
	known := slices.ContainsFunc(catalog.All(), func(e catalog.Event) bool { return e.Entity == word })
	if known {
		q.kind = word
	}
	return known
}

// fromURL reads the address of a page of Qase.
func (q *question) fromURL(u *url.URL) {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	at := slices.IndexFunc(parts, func(part string) bool {
		return slices.Contains([]string{"run", "case", "defect", "plan", "project", "milestone", "shared-step"}, part)
	})
	if at < 0 || at+1 >= len(parts) {
		q.words = []string{strings.ToLower(q.text)}
		return
	}
	q.kind, q.project = strings.ReplaceAll(parts[at], "-", "_"), strings.ToUpper(parts[at+1])
	rest := parts[at+2:]
	if project, id, is := strings.Cut(parts[at+1], "-"); is && q.kind == "case" {
		q.project, q.entity = strings.ToUpper(project), id
		return
	}
	for _, part := range rest {
		if part != "view" && part != "dashboard" && part != "edit" {
			q.entity = part
			break
		}
	}
	for _, kind := range []string{"case", "suite"} {
		if id := u.Query().Get(kind); q.kind == "project" && id != "" {
			q.kind, q.entity = kind, id
			break
		}
	}
	if q.kind == "project" {
		q.kind = ""
	}
}

// about describes the question for people.
func (q *question) about() string {
	switch {
	case q.id != 0:
		return q.id.String()
	case q.entity != "" && q.project != "":
		return q.kind + " " + value.Shorten(q.entity, 60) + " of the project " + q.project
	case q.entity != "":
		return q.kind + " " + value.Shorten(q.entity, 60)
	case q.project != "":
		return "the project " + q.project
	}
	return value.Quote(value.Shorten(q.text, 100))
}
