package qaseapi

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/qaseapi/standin"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
)

func (b *bench) whatIs(run int) Query {
	return Query{Source: b.source, Event: b.event(run), EntityKey: fmt.Sprint("run", run), Entity: true, Member: true}
}

func TestWhatWasFoundIsKnownWithoutAsking(t *testing.T) {
	b := newBench(t, shop())
	q := b.whatIs(7)
	if entity, member, complete := b.Known(q); entity != nil || member != nil || complete || len(b.api.Requests()) != 0 {
		t.Errorf("known are %v, %v, %t", entity, member, complete)
	}
	entity, member := b.Find(t.Context(), q)
	if entity["title"] != "Nightly" || entity["environment"] != "stg" || entity["environment_title"] != "Staging" ||
		!reflect.DeepEqual(member, map[string]any{"name": "Bob Bar", "email": "bob@bar.io"}) {
		t.Errorf("found %v, %v", entity, member)
	}
	asked := len(b.api.Requests())
	known, who, complete := b.Known(q)
	if !reflect.DeepEqual(known, entity) ||
		!reflect.DeepEqual(who, member) || !complete || len(b.api.Requests()) != asked {
		t.Errorf("known are %v, %v, %t", known, who, complete)
	}
	b.pass(answerLifetime)
	if _, _, complete := b.Known(q); complete {
		t.Error("an old answer is complete")
	}
}

func TestWhatCannotBeFoundIsCompleteWithNothing(t *testing.T) {
	b := newBench(t, shop())
	unknown := b.whatIs(8)
	unknown.Member = false
	if entity, _ := b.Find(t.Context(), unknown); entity != nil {
		t.Errorf("found %v", entity)
	}
	if entity, _, complete := b.Known(unknown); entity != nil || !complete {
		t.Errorf("a run that Qase does not have: %v, %t", entity, complete)
	}
	b.api.Trouble(standin.Trouble{Status: 500})
	b.Find(t.Context(), b.whatIs(9))
	asked := len(b.api.Requests())
	entity, member := b.Find(t.Context(), b.whatIs(10))
	_, _, complete := b.Known(b.whatIs(11))
	if entity != nil || member != nil || !complete || len(b.api.Requests()) != asked {
		t.Errorf("a source that rests: %v, %v, %t", entity, member, complete)
	}
	if n := strings.Count(b.log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings: %s", n, b.log.String())
	}
	b.api.Trouble()
	b.pass(errorPause)
	if entity, _ := b.Find(t.Context(), b.whatIs(7)); entity["title"] != "Nightly" {
		t.Errorf("after the pause: %v", entity)
	}
}

func TestASlowAnswerServesTheNextEvent(t *testing.T) {
	b := newBench(t, shop())
	hold := make(chan struct{})
	b.api.Trouble(standin.Trouble{Hold: hold})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if entity, _ := b.Find(ctx, b.whatIs(7)); entity != nil {
		t.Errorf("found %v", entity)
	}
	close(hold)
	b.api.Trouble()
	if entity, member := b.Find(t.Context(), b.whatIs(7)); entity["title"] != "Nightly" || member["name"] != "Bob Bar" {
		t.Errorf("found %v, %v", entity, member)
	}
	if n := b.api.Asked("/v1/run"); n != 1 {
		t.Errorf("the run was asked for %d times", n)
	}
}

func TestDatesOfBothFormsAreRead(t *testing.T) {
	for _, old := range []bool{false, true} {
		p := shop()
		p.Runs[0].OldDates = old
		b := newBench(t, p)
		if entity, _ := b.Find(t.Context(), b.whatIs(7)); entity["started_at"] != int(end.Add(-30*time.Minute).Unix()) {
			t.Errorf("started at %v", entity["started_at"])
		}
	}
}

func TestAMemberWhoIsNoAuthorIsFoundAmongTheUsers(t *testing.T) {
	b := newBench(t, shop())
	q := b.whatIs(7)
	q.Entity, q.Event.MemberID = false, 41
	if _, member := b.Find(t.Context(), q); member["name"] != "Ana López" {
		t.Errorf("found %v", member)
	}
	q.Event.MemberID = 99
	if _, member := b.Find(t.Context(), q); member != nil {
		t.Errorf("found %v", member)
	}
}

func TestAClosedClientAsksNothing(t *testing.T) {
	b := newBench(t, shop())
	b.Close()
	entity, member := b.Find(t.Context(), b.whatIs(7))
	run, again := b.results(2)
	if _, _, complete := b.Known(b.whatIs(7)); entity != nil || member != nil || run.Known || !complete {
		t.Errorf("found %v, %v, %+v, %s", entity, member, run, again)
	}
	if n := len(b.api.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// learn hands an event of a case or suite to the client.
func (b *bench) learn(name, payload string) {
	ev, err := event.Parse("qase", fmt.Appendf(nil, `{"event_name":%q,"payload":%s,"project_code":"WEB"}`, name,
		payload), end)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Learn(ev)
}

func TestEventsOfCasesAndSuitesFillTheCache(t *testing.T) {
	b := newBench(t, shop())
	b.learn("suite.created", `{"id":11,"title":"Shop","parent_id":null}`)
	b.learn("suite.created", `{"id":12,"title":"Auth","parent_id":11}`)
	b.learn("case.created", `{"id":25,"title":"Login\nworks","suite_id":12,"is_flaky":1,"tags":["smoke"]}`)
	b.learn("case.updated", `{"id":31,"title":"Pay","suite_id":12}`)
	b.learn("case.updated", `{"id":31}`) // something of it is another now
	b.learn("case.deleted", `{"id":40}`)
	results := []failures.Result{{CaseID: 25}, {CaseID: 31}, {CaseID: 40}, {}}
	missing := b.Dress("qase", "WEB", results)
	if one := results[0]; one.Title != "Login works" || one.Suite != "Shop / Auth" || !one.Flaky ||
		one.Tags[0] != "smoke" {
		t.Errorf("got %+v", one)
	}
	if fmt.Sprint(missing) != "[31]" || !results[2].Deleted || len(b.api.Requests()) != 0 {
		t.Errorf("missing are %v, got %+v", missing, results[2])
	}
	b.learn("suite.updated", `{"id":11,"title":"Store"}`)
	b.learn("suite.deleted", `{"id":12}`)
	b.learn("case.created", `{"id":{},"title":[]}`)
	if b.Dress("qase", "WEB", results); results[0].Suite != "" {
		t.Errorf("got %+v", results[0])
	}
}

func TestTitlesThatAreKnownCostNoRequest(t *testing.T) {
	b := newBench(t, shop())
	b.learn("case.created", `{"id":25,"title":"Login"}`)
	b.learn("case.created", `{"id":31,"title":"Pay"}`)
	if run, _ := b.results(2); run.Results[0].Title != "Login" || b.api.Asked("/v1/case")+b.api.Asked("/v1/search") != 0 {
		t.Errorf("run %+v, requests %v", run, b.api.Requests())
	}
}

func TestAChangedDefectIsAskedForAgain(t *testing.T) {
	p := shop()
	b := newBench(t, p)
	b.results(2)
	b.api.Change(func(*standin.World) { p.Defects[0].Status = "resolved" })
	if run, _ := b.results(2); len(run.Defects) != 2 {
		t.Errorf("defects %+v", run.Defects)
	}
	b.learn("defect.resolved", `{"id":12}`)
	if run, _ := b.results(2); len(run.Defects) != 1 {
		t.Errorf("defects %+v", run.Defects)
	}
}
