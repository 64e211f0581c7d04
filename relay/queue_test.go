package relay

import (
	"errors"
	"slices"
	"testing"
)

func TestQueue(t *testing.T) {
	q := newQueue[int](5)
	if err := q.put(1); !errors.Is(err, ErrStopping) {
		t.Errorf("a queue that is not open took an item: %v", err)
	}
	q.open()
	if err := q.put(1, 2, 3, 4); err != nil {
		t.Fatal(err)
	}
	if err := q.put(5, 6); !errors.Is(err, ErrBusy) {
		t.Errorf("a queue for 5 took 6: %v", err)
	}
	first := q.take(3)
	if err := q.put(5, 6); err != nil {
		t.Fatal(err)
	}
	second := q.take(10)
	if err := q.put(7); err != nil {
		t.Fatal(err)
	}
	q.close()
	third := q.take(10)
	for i, got := range [][]int{first, second, third, q.take(10)} {
		if want := [][]int{{1, 2, 3}, {4, 5, 6}, {7}, nil}[i]; !slices.Equal(got, want) {
			t.Errorf("batch %d is %v, want %v", i+1, got, want)
		}
	}
}
