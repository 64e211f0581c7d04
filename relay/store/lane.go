package store

import "slices"

// Lane is an order key of a notifier.
type Lane struct{ Notifier, Key string }

// ByLane splits due deliveries by order key, in the order of their first ones. Within a key they are sorted.
func ByLane[H any](heads []H, key func(H) string, order func(a, b H) int) [][]H {
	lanes := make([][]H, 0, len(heads))
	index := map[string]int{}
	for i, h := range heads {
		at, known := index[key(h)]
		if key(h) == "" || !known {
			index[key(h)] = len(lanes)
			lanes = append(lanes, heads[i:i+1:i+1])
			continue
		}
		lanes[at] = append(lanes[at], h)
		slices.SortFunc(lanes[at], order)
	}
	return lanes
}
