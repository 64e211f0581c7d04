// Package budget bounds the work and the memory of deciding one event, however many rules it meets.
//
// Nothing measures time: a [Budget] counts the bytes that are read and written, and the same event with the same rules
// is decided in the same way everywhere.
package budget

import "errors"

// Units are the bytes that the decision of one event may read and write. A byte takes about 4 ns, so that they are both
// 64 MiB of memory and 250 ms of processor time.
const Units = 64 << 20

// Costs in units of work that is not on bytes.
const (
	Step = 16 // a node of a template, an item that a predicate visits, an element of a list: the size of a Go value
)

// ErrSpent is the error of work beyond the budget.
var ErrSpent = errors.New("this event takes more than 64 MiB or 250 ms to decide, over all rules")

// Budget is what is left for one event. Its methods may be called on a nil Budget, which has no end. It belongs to one
// goroutine.
type Budget struct{ left int }

// New returns a full budget.
func New() *Budget { return &Budget{Units} }

// Spend takes units for work that is about to be done, or returns ErrSpent. A budget that could not pay stays empty, so
// that nothing else begins.
func (b *Budget) Spend(units int) error {
	switch {
	case b == nil:
		return nil
	case units > b.left || units < 0: // below zero by an overflow
		b.left = 0
		return ErrSpent
	}
	b.left -= units
	return nil
}

// Left returns the units that are left.
func (b *Budget) Left() int {
	if b == nil {
		return Units
	}
	return b.left
}

// Product returns a × b, or the largest int if that is too large. Neither may be negative.
func Product(a, b int) int {
	const most = int(^uint(0) >> 1)
	if a != 0 && b > most/a {
		return most
	}
	return a * b
}

// Weight returns the units of a value: its bytes as text, with a Step for each element within it. It stops counting at
// most, so that weighing costs little.
func Weight(v any, most int) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		sum := Step
		for _, x := range v {
			if sum += Step + Weight(x, most-sum); sum > most {
				break
			}
		}
		return sum
	case map[string]any:
		sum := Step
		for key, x := range v {
			if sum += 2*Step + len(key) + Weight(x, most-sum); sum > most {
				break
			}
		}
		return sum
	}
	return Step
}
