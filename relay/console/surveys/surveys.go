// Package surveys keeps what pages of dead deliveries have counted.
package surveys

import (
	"context"
	"maps"
	"sync"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
)

// Surveys are the last surveys of dead deliveries. Thousands take long to look at, and change little between two looks.
// The zero value is empty. Its methods may be called from many goroutines.
type Surveys struct {
	mu   sync.Mutex
	kept map[string]survey // by the query of the page
}

type survey struct {
	at    time.Time
	dead  map[string]int // by notifier, at that time
	found desk.JobPreview
}

const (
	// surveyFor is how long a survey is shown while the numbers of dead deliveries stay as they are.
	surveyFor = 10 * time.Second
	// surveyTime is how long a page looks at them. Those before a job look at more.
	surveyTime = 50 * time.Millisecond
	maxSurveys = 50
)

// Of returns what a filter selects, as it was seconds ago if no number of dead deliveries has changed.
func (s *Surveys) Of(ctx context.Context, d *desk.Desk, query string, spec desk.JobSpec) (desk.JobPreview, error) {
	dead, err := d.Dead(ctx)
	if err != nil {
		return desk.JobPreview{}, err
	}
	s.mu.Lock()
	last, known := s.kept[query]
	s.mu.Unlock()
	if known && time.Since(last.at) < surveyFor && maps.Equal(last.dead, dead) {
		return last.found, nil
	}
	at := time.Now()
	found, err := d.PreviewJob(store.WithLook(ctx, surveyTime), spec)
	if err != nil {
		return found, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || len(s.kept) >= maxSurveys {
		s.kept = map[string]survey{}
	}
	s.kept[query] = survey{at, dead, found}
	return found, nil
}
