package admin

import (
	"errors"
	"fmt"
	"net/http"

	"qaserelay/relay"
	"qaserelay/relay/store"
)

// Replays says what came of events that were decided about again.
type Replays struct {
	DryRun  bool     `json:"dry_run"`
	Replays []Replay `json:"replays"`
}

// Replay says what came of one of them.
type Replay struct {
	EventID  string    `json:"event_id"`
	ReplayID string    `json:"replay_id,omitempty"` // the new event; empty if nothing was stored
	Matched  []string  `json:"matched"`             // rules that match now
	Gained   []string  `json:"gained"`              // those of them that did not match then
	Lost     []string  `json:"lost"`                // rules that matched then and do not now
	Messages []Message `json:"deliveries"`          // what follows now
	Error    string    `json:"error,omitempty"`     // why it was not replayed
}

// Message is a delivery that a replay made, or would make.
type Message struct {
	ID       string `json:"id,omitempty"` // empty if nothing was stored
	Rule     string `json:"rule"`
	Notifier string `json:"notifier"`
	Title    string `json:"title"`
}

// replayQuestion is the body of a replay.
type replayQuestion struct {
	IDs    []string `json:"ids"`
	DryRun bool     `json:"dry_run"`
}

func (s *server) replayOne(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r)
	var q replayQuestion
	if !ok || !readQuestion(w, r, &q) {
		return
	}
	if len(q.IDs) > 0 {
		writeError(w, http.StatusBadRequest, "ids: the path names the event; several are replayed by POST /api/v1/events/replay")
		return
	}
	replay := s.Replay(r.Context(), []store.ID{id}, q.DryRun)[0]
	if replay.Err != nil {
		s.fail(w, "replaying an event", replay.Err)
		return
	}
	writeJSON(w, http.StatusOK, s.replayOf(replay))
}

func (s *server) replayMany(w http.ResponseWriter, r *http.Request) {
	var q replayQuestion
	if !readQuestion(w, r, &q) {
		return
	}
	ids, err := parseIDs(q.IDs)
	if err == nil && len(ids) == 0 {
		err = errors.New(`say which events: {"ids": ["…"]}`)
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	takeTime(w)
	answer := Replays{DryRun: q.DryRun, Replays: []Replay{}}
	for _, replay := range s.Replay(r.Context(), ids, q.DryRun) {
		answer.Replays = append(answer.Replays, s.replayOf(replay))
	}
	writeJSON(w, http.StatusOK, answer)
}

func (s *server) replayOf(r relay.Replay) Replay {
	v := Replay{EventID: r.Event.String(), ReplayID: idText(r.New), Matched: orEmpty(r.Matched), Gained: orEmpty(r.Gained), Lost: orEmpty(r.Lost),
		Messages: []Message{}}
	for _, m := range r.Messages {
		v.Messages = append(v.Messages, Message{ID: idText(m.ID), Rule: m.Rule, Notifier: m.Notifier, Title: m.Title})
	}
	switch {
	case errors.Is(r.Err, store.ErrNotFound):
		v.Error = "there is no such event"
	case r.Err != nil:
		s.Logger.Error("an event was not replayed", "event", v.EventID, "error", r.Err)
		v.Error = fmt.Sprintf("it was not replayed: %v", r.Err)
	}
	return v
}
