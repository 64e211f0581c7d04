package week

import (
	"fmt"
	"strings"

	"qaserelay/relay/qaseapi/standin"
)

// project is a project with what has happened in it so far.
type project struct {
	code, title                  string
	cases                        []standin.Case
	plans                        []plan
	run, defect, review, newCase int // the last ids that were used
	failing                      map[int]string
}

// plan is a test plan, and how its runs are.
type plan struct {
	id                 int
	title, run         string
	environment        string // the slug
	member             int    // who runs it; 0 is automation
	from, count        int    // its cases
	flaky              []int  // cases that fail now and then
	breaks, recovers   float64
	hours              []int // when a run starts on a working day
	minutes            int   // how long one takes
	weekends, abortive bool
}

// firstCase is the id of the first case of each project. The demo's own cases have lower ones.
const firstCase = 101

const webCases = `Search by article number|Filter by size|Sort by price|Zoom into a picture|Compare two articles|Wish list|
Share an article|Gift card balance|Two addresses|Delivery on a date|Pickup in a store|Newsletter|Cookie banner|
Reset the password|Delete the account|Language switch`

const apiCases = `POST /payments returns 201|POST /payments twice with one key|Refund a part|Refund more than paid|
Webhook signature|3-D Secure challenge|Expired card|Currency with three digits|List payments by date|Cursor of the last page|
Rate limit answers 429|Token of another shop|Capture after seven days|Void an authorization`

const iosCases = `Start without network|Sync after a day offline|Edit the same note twice|Push while in background|
Dark mode|Dynamic type|VoiceOver reads the basket|Face ID fallback|Deep link into an article|Rotate on the iPad|
Low storage|Update from 5.2|Share sheet|Widget refresh`

// projects returns the three projects as they are when the week begins.
func projects() []*project {
	return []*project{
		{code: "WEB", title: "Shop", cases: casesOf(webCases), run: 100, defect: 40, review: 20, newCase: 400, plans: []plan{
			{id: 4, title: "Storefront", run: "Storefront regression", environment: "staging", from: 101, count: 16,
				breaks: 0.25, recovers: 0.4, hours: []int{2, 12}, minutes: 34, weekends: true},
			{id: 5, title: "Release candidate", run: "Release candidate", environment: "production", member: 12, from: 105,
				count: 8, breaks: 0.15, recovers: 0.6, hours: []int{10, 15}, minutes: 48, abortive: true}}},
		{code: "API", title: "Payments", cases: casesOf(apiCases), run: 310, defect: 12, review: 8, newCase: 300, plans: []plan{
			{id: 11, title: "Contracts", run: "Contract tests", environment: "staging", from: 101, count: 14, breaks: 0.2,
				recovers: 0.5, hours: []int{3, 8, 10, 12, 14, 16, 18}, minutes: 6, weekends: true},
			{id: 12, title: "Load", run: "Load profile", environment: "perf", from: 109, count: 5, breaks: 0.1, recovers: 0.7,
				hours: []int{4}, minutes: 55}}},
		{code: "IOS", title: "App", cases: casesOf(iosCases), run: 60, defect: 5, review: 14, newCase: 500, plans: []plan{
			{id: 20, title: "Offline mode", run: "Offline mode", environment: "devices", from: 101, count: 9,
				flaky: []int{102, 104}, breaks: 0.1, recovers: 0.5, hours: []int{1, 9, 13, 17}, minutes: 21, weekends: true},
			{id: 21, title: "Release 5.3", run: "Release 5.3", environment: "testflight", member: 63, from: 104, count: 11,
				breaks: 0.2, recovers: 0.4, hours: []int{11, 16}, minutes: 70, abortive: true}}},
	}
}

func casesOf(titles string) (all []standin.Case) {
	for i, title := range strings.Split(titles, "|") {
		all = append(all, standin.Case{ID: firstCase + i, Suite: 10 + i/5, Title: strings.TrimSpace(title)})
	}
	return all
}

// standin returns the project as the API knows it.
func (p *project) standin() *standin.Project {
	s := &standin.Project{Code: p.code, Title: p.title, Cases: p.cases}
	for i, one := range p.plans {
		s.Plans = append(s.Plans, standin.Plan{ID: one.id, Title: one.title})
		s.Environments = append(s.Environments, standin.Environment{ID: 10 + i, Title: one.environment, Slug: one.environment})
		for _, id := range one.flaky {
			s.Cases[id-firstCase].Flaky = true
		}
	}
	for i := range (len(p.cases) + 4) / 5 {
		s.Suites = append(s.Suites, standin.Suite{ID: 10 + i, Title: fmt.Sprintf("%s %d", p.title, i+1)})
	}
	return s
}

// Join adds the projects of the week to a world. A project that is there already gets the cases and plans.
func Join(w *standin.World) {
	for _, one := range projects() {
		s := one.standin()
		joined := false
		for _, there := range w.Projects {
			if there.Code == s.Code {
				there.Cases, there.Plans = append(there.Cases, s.Cases...), append(there.Plans, s.Plans...)
				there.Suites, joined = append(there.Suites, s.Suites...), true
				there.Environments = append(there.Environments, s.Environments[1:]...) // both have staging
			}
		}
		if !joined {
			w.Projects = append(w.Projects, s)
		}
	}
	for _, m := range members() {
		w.Members = append(w.Members, standin.Member{ID: m.id, Name: m.name, Email: m.email})
	}
}

// member is a person of the team.
type member struct {
	id          int
	name, email string
}

// members returns the team. Eva has left, and her mailbox is gone.
func members() []member {
	return []member{{12, "Ana López", "ana@example.com"}, {40, "Bob Bar", "bob@example.com"},
		{51, "Chen Wei", "chen@example.com"}, {63, "Dana Roth", "dana@example.com"}, {34, "Eva Lund", Gone}}
}

// Gone is an address whose mailbox is gone.
const Gone = "eva@old.example.com"
