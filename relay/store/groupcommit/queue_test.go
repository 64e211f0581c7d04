package groupcommit

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueue(t *testing.T) {
	q := &Queue[int]{Limit: 5}
	if err := q.Put(1); !errors.Is(err, ErrStopped) {
		t.Errorf("a queue that is not open took an item: %v", err)
	}
	q.Open()
	if err := q.Put(1, 2, 3, 4); err != nil {
		t.Fatal(err)
	}
	if err := q.Put(5, 6); !errors.Is(err, ErrFull) {
		t.Errorf("a queue for 5 took 6: %v", err)
	}
	first := q.Take(3)
	if err := q.Put(5, 6); err != nil {
		t.Fatal(err)
	}
	second := q.Take(10)
	if err := q.Put(7); err != nil {
		t.Fatal(err)
	}
	q.Close()
	third := q.Take(10)
	for i, got := range [][]int{first, second, third, q.Take(10)} {
		if want := [][]int{{1, 2, 3}, {4, 5, 6}, {7}, nil}[i]; !slices.Equal(got, want) {
			t.Errorf("batch %d is %v, want %v", i+1, got, want)
		}
	}
}

func TestAQueueGathersUntilThereIsEnoughOrItIsTime(t *testing.T) {
	for name, c := range map[string]struct {
		put   int
		close bool
		want  time.Duration
	}{
		"nothing comes":    {0, false, time.Second},
		"too little comes": {2, false, time.Second},
		"enough comes":     {3, false, time.Millisecond},
		"more than enough": {4, false, time.Millisecond},
		"the queue closes": {0, true, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &Queue[int]{}
				q.Open()
				go func() {
					time.Sleep(time.Millisecond)
					if err := q.Put(make([]int, c.put)...); err != nil {
						t.Error(err)
					}
					if c.close {
						q.Close()
					}
				}()
				start := time.Now()
				q.Gather(3, time.Second)
				if took := time.Since(start); took != c.want {
					t.Errorf("it took %s, want %s", took, c.want)
				}
				if c.put > 0 && len(q.Take(10)) != c.put {
					t.Error("not all were there")
				}
			})
		})
	}
}

func TestABatchHasAWeight(t *testing.T) {
	q := &Queue[int]{Weight: func(item int) int { return item }}
	q.Open()
	if err := q.Put(2, 3, 4, 9, 1); err != nil {
		t.Fatal(err)
	}
	q.Close()
	for _, want := range [][]int{{2, 3}, {4}, {9}, {1}, nil} {
		if got := q.Take(5); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}
