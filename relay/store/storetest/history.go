package storetest

import (
	"fmt"

	"qaserelay/relay/store"
)

func historyCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"events are read by their ids, in their order": func(f *Fixture) {
			var ids []store.ID
			want := map[store.ID]store.StoredEvent{}
			for i := range 3 {
				ev := f.EventOf(fmt.Sprintf("{\"n\":%d,\"t\":\"\xff\"}", i))
				ev.Source, ev.Name, ev.Project = "other", "case.created", fmt.Sprint("P", i)
				f.AcceptOne(ev, store.Plan{Decisions: []byte(`{"d":1}`), Facts: []byte(`{"f":1}`)})
				e, err := f.Event(f.Context(), ev.ID)
				f.NoError(err)
				ids, want[ev.ID] = append(ids, ev.ID), e
			}
			for _, asked := range [][]store.ID{{ids[2], ids[0]}, {ids[0], ids[1] + 1<<40, ids[2]}, {ids[1] + 1<<40}, nil} {
				got, err := f.EventsOf(f.Context(), asked)
				f.NoError(err)
				var all []store.StoredEvent
				for _, id := range asked {
					if e, exists := want[id]; exists {
						all = append(all, e)
					}
				}
				f.Equal(fmt.Sprint("events of ", asked), got, all)
			}
		},
		"the messages of events are those that rules have asked for": func(f *Fixture) {
			var events []store.ID
			want := map[store.ID][]store.Made{}
			for i := range 4 {
				ev, p := f.MakeEvent(), store.Plan{}
				for n := range i {
					d := f.MakeDelivery(fmt.Sprint("n", n), "")
					d.Rule, d.Title = fmt.Sprint("r", i), fmt.Sprint("title ", n)
					p.Deliveries = append(p.Deliveries, d)
					want[ev.ID] = append(want[ev.ID], store.Made{Rule: d.Rule, Notifier: d.Notifier, Title: d.Title})
				}
				if i == 3 {
					instead := f.MakeDelivery("instead", "")
					instead.FallbackFor = p.Deliveries[0].ID
					p.Deliveries = append(p.Deliveries, instead)
				}
				f.AcceptOne(ev, p)
				events = append(events, ev.ID)
			}
			for _, asked := range [][]store.ID{events, events[:2], nil} {
				some := map[store.ID][]store.Made{}
				for _, id := range asked {
					if want[id] != nil {
						some[id] = want[id]
					}
				}
				got, err := f.MessagesOf(f.Context(), asked)
				f.NoError(err)
				f.Equal(fmt.Sprint("messages of ", asked), got, some)
			}
		},
	}
}
