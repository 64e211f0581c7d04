package groupcommit

import (
	"errors"
	"slices"
	"testing"
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
