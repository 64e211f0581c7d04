package event

import (
	"fmt"
	"strconv"
)

// SetPath sets the value at a path of keys in decoded JSON, and makes missing objects. A key of a list is an index. Its
// error names the key that leads nowhere.
func SetPath(at any, keys []string, value any) error {
	key, last := keys[0], len(keys) == 1
	switch at := at.(type) {
	case map[string]any:
		if last {
			at[key] = value
			return nil
		}
		if at[key] == nil {
			at[key] = map[string]any{}
		}
		return SetPath(at[key], keys[1:], value)
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= len(at) {
			return fmt.Errorf("%q is not an index into a list of %d", key, len(at))
		}
		if last {
			at[i] = value
			return nil
		}
		return SetPath(at[i], keys[1:], value)
	}
	return fmt.Errorf("the parent of %q is not an object", key)
}
