package value

import "slices"

func SortedKeys(m map[string]any) []string { return AppendSortedKeys(nil, m) }

// SortKeys appends the keys of m in order to a buffer, which the caller may have on its stack.
func AppendSortedKeys(keys []string, m map[string]any) []string {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
