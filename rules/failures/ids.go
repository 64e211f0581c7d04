package failures

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// IDs are ids of cases in rising order. Their JSON is a text of ranges, such as "1-40,42", since the cases of a run are
// often thousands that follow each other.
type IDs []int

// Has reports whether an id is among them.
func (s IDs) Has(id int) bool {
	_, found := slices.BinarySearch(s, id)
	return found
}

// MarshalJSON implements [json.Marshaler].
func (s IDs) MarshalJSON() ([]byte, error) {
	var out strings.Builder
	for i := 0; i < len(s); {
		end := i
		for end+1 < len(s) && s[end+1] == s[end]+1 {
			end++
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(strconv.Itoa(s[i]))
		if end > i {
			out.WriteString("-" + strconv.Itoa(s[end]))
		}
		i = end + 1
	}
	return json.Marshal(out.String())
}

// maxIDs is how many ids a text may stand for.
const maxIDs = 200_000

// UnmarshalJSON implements [json.Unmarshaler].
func (s *IDs) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(last)
		}
		if err != nil || to < from || to-from >= maxIDs-len(*s) {
			return fmt.Errorf("%q is not a range of ids", part)
		}
		for id := from; id <= to; id++ {
			*s = append(*s, id)
		}
	}
	return nil
}
