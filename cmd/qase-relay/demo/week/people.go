package week

import (
	"time"
)

// Activities of people: they edit test cases, review each other's changes, and file defects.

// edits returns changes of some test cases by one person.
func (t *Traffic) edits(p *project, start time.Time) (all []Event) {
	who := t.person()
	add := func(minutes int, name string, payload map[string]any) {
		all = append(all, Event{At: start.Add(time.Duration(minutes) * time.Minute), name: name, project: p.code, member: who.id,
			payload: payload})
	}
	if t.rand.IntN(3) == 0 {
		p.newCase++
		add(0, "case.created", map[string]any{"id": p.newCase, "title": t.caseTitle(p) + " again", "suite_id": 10,
			"priority": map[string]any{"id": 2, "title": "Medium"}, "severity": map[string]any{"id": 4, "title": "Normal"}})
	}
	for i := range 1 + t.rand.IntN(4) {
		add(2*i+1, "case.updated", map[string]any{"id": firstCase + t.rand.IntN(len(p.cases))})
	}
	return all
}

// review returns the events of a change of a test case that is reviewed.
func (t *Traffic) review(p *project, start time.Time) (all []Event) {
	p.review++
	id, author, reviewer := p.review, t.person(), t.reviewer()
	add := func(minutes int, name string, who member, payload map[string]any) {
		payload["id"] = id
		all = append(all, Event{At: start.Add(time.Duration(minutes) * time.Minute), name: name, project: p.code, member: who.id,
			payload: payload})
	}
	person := func(m member) map[string]any { return map[string]any{"email": m.email, "name": m.name} }
	add(0, "review.created", author, map[string]any{"title": t.caseTitle(p), "case_id": firstCase + t.rand.IntN(len(p.cases)),
		"project": p.code, "created_by": person(author), "created": start.UTC().Format(time.DateTime)})
	add(1, "review.reviewer_added", author, map[string]any{"reviewer": person(reviewer)})
	if reviewer.email == Gone || t.rand.IntN(4) == 0 {
		return all
	}
	add(25+t.rand.IntN(60), "review.approval_status_changed", reviewer, map[string]any{"status": "approved",
		"updated_by": person(reviewer)})
	add(95, "review.merged", author, map[string]any{"merged_by": person(author)})
	return all
}

// defect returns a defect, and its end unless it stays open.
func (t *Traffic) defect(p *project, start time.Time) []Event {
	p.defect++
	severity := []string{"minor", "normal", "major", "critical"}[t.rand.IntN(4)]
	if p.defect%7 == 0 {
		severity = "blocker"
	}
	title := t.caseTitle(p) + []string{" fails on a slow network", " shows a blank page", " is off by one", " loses input"}[t.rand.IntN(4)]
	all := []Event{{At: start, name: "defect.created", project: p.code, member: t.person().id, payload: map[string]any{
		"id": p.defect, "title": title, "severity": severity, "actual_result": reasons()[t.rand.IntN(len(reasons()))],
		"attachments": []any{}}}}
	if t.rand.IntN(3) > 0 {
		after := time.Duration(60+t.rand.IntN(600)) * time.Minute
		all = append(all, Event{At: start.Add(after), name: "defect.resolved", project: p.code, member: t.person().id,
			payload: map[string]any{"id": p.defect}})
	}
	return all
}

func (t *Traffic) caseTitle(p *project) string { return p.cases[t.rand.IntN(len(p.cases))].Title }

// person returns one of those who still work here.
func (t *Traffic) person() member { return members()[t.rand.IntN(4)] }

// reviewer returns a person who is asked for a review; now and then it is one who has left.
func (t *Traffic) reviewer() member {
	if t.rand.IntN(12) == 0 {
		return members()[4]
	}
	return t.person()
}
