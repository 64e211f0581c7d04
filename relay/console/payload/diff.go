package payload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The kinds of a Difference.
const (
	Changed = "changed"
	Added   = "added"
	Removed = "removed"
)

// Difference is a field that two values of JSON do not share.
type Difference struct {
	Path   string // such as payload.plan.title or payload.tags[0]
	Kind   string
	Before string // as JSON, empty if it was added
	After  string // as JSON, empty if it was removed
}

const (
	// maxDifferences bounds the fields that a comparison names, and maxValue the length of a value in bytes.
	maxDifferences = 500
	maxValue       = 2000
)

// Diff compares two values of JSON, and returns the fields that differ in the order of the newer one, the removed ones
// last, the number of fields that do not differ, and how many that differ are left out.
func Diff(before, after []byte) (all []Difference, same, left int, err error) {
	old, err := fieldsOf(before)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("reading the earlier event: %w", err)
	}
	now, err := fieldsOf(after)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("reading the event: %w", err)
	}
	add := func(d Difference) {
		if len(all) == maxDifferences {
			left++
			return
		}
		all = append(all, d)
	}
	values := map[string]string{}
	for _, f := range old {
		values[f.path] = f.text
	}
	for _, f := range now {
		was, had := values[f.path]
		delete(values, f.path)
		switch {
		case !had:
			add(Difference{Path: Visible(f.path), Kind: Added, After: shown(f.text)})
		case was != f.text:
			add(Difference{Path: Visible(f.path), Kind: Changed, Before: shown(was), After: shown(f.text)})
		default:
			same++
		}
	}
	for _, f := range old {
		if _, gone := values[f.path]; gone {
			add(Difference{Path: Visible(f.path), Kind: Removed, Before: shown(f.text)})
		}
	}
	return all, same, left, nil
}

func shown(text string) string {
	if len(text) > maxValue {
		return cut(text, maxValue)
	}
	return text
}

// field is a value that has no others in it, or an empty object or list.
type field struct{ path, text string }

// fieldsOf returns the fields of JSON in their order.
func fieldsOf(body []byte) (all []field, err error) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\uFEFF"))))
	dec.UseNumber()
	f := flattener{dec: dec, at: map[string]int{}}
	err = f.value("")
	return slices.Clip(f.all), err
}

// flattener collects the fields of a stream of tokens.
type flattener struct {
	dec   *json.Decoder
	all   []field
	at    map[string]int // where a path stands in all
	depth int
}

// deepest is the deepest level of lists and objects that is compared.
const deepest = 200

func (f *flattener) value(path string) error {
	token, err := f.dec.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if f.depth++; f.depth > deepest {
			return fmt.Errorf("it has more than %d levels", deepest)
		}
		err = f.children(path, v)
		f.depth--
		return err
	case string:
		f.add(path, quoted(v))
	case nil:
		f.add(path, "null")
	default:
		f.add(path, fmt.Sprint(v))
	}
	return nil
}

// add adds a field. Of one that stands twice the last value counts, as when an event is read.
func (f *flattener) add(path, text string) {
	if i, twice := f.at[path]; twice {
		f.all[i].text = text
		return
	}
	f.at[path] = len(f.all)
	f.all = append(f.all, field{path, text})
}

// children collects what is in an object or list.
func (f *flattener) children(path string, open json.Delim) error {
	n := 0
	for ; f.dec.More(); n++ {
		inner := path + "[" + strconv.Itoa(n) + "]"
		if open == '{' {
			key, err := f.dec.Token()
			if err != nil {
				return err
			}
			inner = below(path, fmt.Sprint(key))
		}
		if err := f.value(inner); err != nil {
			return err
		}
	}
	if n == 0 {
		f.add(path, map[json.Delim]string{'{': "{}", '[': "[]"}[open])
	}
	_, err := f.dec.Token() // the end
	return err
}

// below returns the path of a key of an object. A key that would read as a part of the path is quoted.
func below(path, key string) string {
	switch {
	case key == "" || strings.ContainsAny(key, ".[]\" \t\n"):
		return path + "[" + quoted(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}
