package store

import "slices"

// ByStream splits deliveries by order key. The groups are in the order of their first deliveries, and each is sorted,
// unless order is nil.
func ByStream[H any](heads []H, key func(H) string, order func(a, b H) int) [][]H {
	groups := make([][]H, 0, len(heads))
	index := map[string]int{}
	for i, h := range heads {
		at, known := index[key(h)]
		if key(h) == "" || !known {
			index[key(h)] = len(groups)
			groups = append(groups, heads[i:i+1:i+1])
			continue
		}
		if groups[at] = append(groups[at], h); order != nil {
			slices.SortFunc(groups[at], order)
		}
	}
	return groups
}
