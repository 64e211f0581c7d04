package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"qaserelay/rules/catalog"
)

// Every event is decoded once on its way in, and what is remembered once for each event about it, so this is worth a
// decoder of its own: it makes the types that conditions and templates work with in one pass, and is bounded in depth.
// What it takes for JSON is what encoding/json does (RFC 8259; broken UTF-8 and lone surrogates become U+FFFD, of
// repeated keys the last one counts).

// DecodeJSON decodes a whole JSON text into nil, bool, int, float64, string, []any and map[string]any.
func DecodeJSON(text []byte) (any, error) {
	d := &jsonDecoder{text: text, known: fieldNames()}
	d.space()
	if d.at == len(text) {
		return nil, errors.New("it is empty")
	}
	v, err := d.value(0)
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (d *jsonDecoder) end() error {
	if d.space(); d.at < len(d.text) {
		return d.fault("something follows the end of it")
	}
	return nil
}

type jsonDecoder struct {
	text  []byte
	at    int
	known map[string]string
}

// fieldNames are names that occur in most events; sharing them saves making them anew each time.
var fieldNames = sync.OnceValue(func() map[string]string {
	known := map[string]string{}
	for _, name := range []string{"fields", "seen", "started_at", "created_by", "reviewers", "finished_at", "name", "email", "member_id", "event_name", "payload"} {
		known[name] = name
	}
	for _, e := range catalog.All() {
		for _, f := range e.Fields {
			known[f.Name] = f.Name
		}
	}
	for _, f := range catalog.Envelope() {
		known[f.Name] = f.Name
	}
	return known
})

func (d *jsonDecoder) fault(what string) error {
	if d.at >= len(d.text) {
		return errors.New("it ends in the middle")
	}
	r, _ := utf8.DecodeRune(d.text[d.at:])
	return fmt.Errorf("%s: %q (at byte %d)", what, r, d.at+1)
}

func (d *jsonDecoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next skips space and returns the character there, or 0 at the end.
func (d *jsonDecoder) next() byte {
	d.space()
	if d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

func (d *jsonDecoder) value(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("it is nested more than %d levels deep", MaxDepth)
	}
	switch c := d.next(); {
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.array(depth)
	case c == '"':
		return d.string()
	case c == 't':
		return true, d.literal("true")
	case c == 'f':
		return false, d.literal("false")
	case c == 'n':
		return nil, d.literal("null")
	case c == '-' || '0' <= c && c <= '9':
		return d.number()
	}
	if d.at < len(d.text) && d.isFirst(d.at) {
		return nil, errNoJSON
	}
	return nil, d.fault("a value cannot begin like this")
}

// errNoJSON is said of a text of another kind, such as HTML or plain words.
var errNoJSON = errors.New("it does not begin like JSON")

// isFirst reports whether nothing stands in front of a byte.
func (d *jsonDecoder) isFirst(at int) bool { return len(bytes.TrimSpace(d.text[:at])) == 0 }

func (d *jsonDecoder) literal(word string) error {
	start := d.at
	for i := range len(word) {
		if d.at < len(d.text) && d.text[d.at] != word[i] && d.isFirst(start) {
			return errNoJSON
		}
		if d.at >= len(d.text) || d.text[d.at] != word[i] {
			return d.fault("this is not " + word)
		}
		d.at++
	}
	return nil
}

func (d *jsonDecoder) object(depth int) (any, error) {
	object := map[string]any{}
	err := d.members(func(key string) (err error) {
		object[key], err = d.value(depth + 1)
		return err
	})
	return object, err
}

func (d *jsonDecoder) array(depth int) (any, error) {
	list := []any{}
	err := d.elements(func() error {
		value, err := d.value(depth + 1)
		list = append(list, value)
		return err
	})
	return list, err
}

// separator reads a comma, or the end of an object or array.
func (d *jsonDecoder) separator(end byte) (done bool, err error) {
	switch d.next() {
	case ',':
		d.at++
		return false, nil
	case end:
		d.at++
		return true, nil
	}
	return false, d.fault("a comma or " + string(end) + " must follow a value")
}

// string reads text in quotes. Texts with unusual escapes or broken UTF-8 go to encoding/json.
func (d *jsonDecoder) string() (string, error) {
	start := d.at
	plain := true
	for d.at++; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			return d.unquote(d.text[start:d.at], plain)
		case c == '\\':
			plain = false
			d.at++
		case c < 0x20:
			return "", d.fault("a control character within text must be escaped")
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	return "", errors.New("it ends in the middle")
}

func (d *jsonDecoder) unquote(quoted []byte, plain bool) (string, error) {
	if plain {
		inner := quoted[1 : len(quoted)-1]
		if name, known := d.known[string(inner)]; known {
			return name, nil
		}
		return string(inner), nil
	}
	if s, ok := unescape(quoted[1 : len(quoted)-1]); ok {
		return s, nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", fmt.Errorf("text before byte %d has an escape that means nothing", d.at+1)
	}
	return s, nil
}

// unescape takes text whose escapes are of one letter each; others, and broken UTF-8, it leaves.
func unescape(inner []byte) (string, bool) {
	out := make([]byte, 0, len(inner))
	for len(inner) > 0 {
		n := bytes.IndexByte(inner, '\\')
		if n < 0 {
			out = append(out, inner...)
			break
		}
		of := strings.IndexByte(`"\/nrt`, inner[n+1])
		if of < 0 {
			return "", false
		}
		out = append(append(out, inner[:n]...), "\"\\/\n\r\t"[of])
		inner = inner[n+2:]
	}
	return string(out), utf8.Valid(out)
}

// number reads a number: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (d *jsonDecoder) number() (any, error) {
	start := d.at
	if d.text[d.at] == '-' {
		d.at++
	}
	first := d.at
	if n := d.digits(); n == 0 || n > 1 && d.text[first] == '0' {
		d.at = min(first+1, len(d.text))
		return nil, d.fault("a number cannot be written like this")
	}
	whole := true
	if d.at < len(d.text) && d.text[d.at] == '.' {
		whole = false
		d.at++
		if d.digits() == 0 {
			return nil, d.fault("digits must follow the point")
		}
	}
	if d.at < len(d.text) && (d.text[d.at] == 'e' || d.text[d.at] == 'E') {
		whole = false
		d.at++
		if d.at < len(d.text) && (d.text[d.at] == '+' || d.text[d.at] == '-') {
			d.at++
		}
		if d.digits() == 0 {
			return nil, d.fault("digits must follow the exponent")
		}
	}
	if text := d.text[start:d.at]; whole && len(text) < 18 {
		n, err := strconv.Atoi(string(text))
		return n, err
	}
	return Number(string(d.text[start:d.at])), nil
}

func (d *jsonDecoder) digits() int {
	start := d.at
	for d.at < len(d.text) && '0' <= d.text[d.at] && d.text[d.at] <= '9' {
		d.at++
	}
	return d.at - start
}

// MaxDepth is how deeply objects and arrays of an event may be nested.
const MaxDepth = 64

func DecodeObject(body []byte) (map[string]any, error) {
	v, err := DecodeJSON(body)
	if err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the body is %s, want an object in JSON", Describe(v))
	}
	return object, nil
}
